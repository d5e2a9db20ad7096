"""feeds add, enable, disable and remove: the definitions in the policy repo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpzctl.cli import feeds as knowing
from rpzctl.cli import show
from rpzctl.cli.options import WAIT, Json, NoCommit, OneFeed, Wait, run_of
from rpzctl.cli.progress import progress
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl.catalogue import Feed
    from rpzctl.definitions import Added
    from rpzctl.recording import Recorded
    from rpzctl.run import Run

Subdomains = Annotated[
    bool | None,
    typer.Option(
        "--subdomains/--no-subdomains",
        help="Whether each name means what is below it, too.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other key of a definition: licence=MIT, column=domain, min_names=100.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands on feeds: those of this module, and those that only tell."""
    feeds = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="The feeds that are known, and which of them are used.",
    )
    knowing.register(feeds)
    feeds.command(
        epilog="Example: rpzctl feeds add acme https://lists.acme.example/bad.txt --zone malware"
    )(add)
    feeds.command(epilog="Example: rpzctl feeds enable urlhaus && rpzctl sync urlhaus")(enable)
    feeds.command(epilog="Example: rpzctl feeds disable urlhaus && rpzctl apply")(disable)
    feeds.command(epilog="Example: rpzctl feeds remove acme && rpzctl apply")(remove)
    app.add_typer(feeds, name="feeds")


def _caused(ctx: typer.Context, name: str, wait: float = WAIT, *, no_commit: bool = False) -> "Run":
    run = run_of(ctx, wait=wait, commit=not no_commit)
    return run._replace(cause=run.cause._replace(what=f"{run.cause.what} {show.plain(name)}"))


def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it: a-z 0-9 . _ -")],
    url: Annotated[
        str, typer.Argument(metavar="URL|FILE", help="https, http, file or axfr://server/zone.")
    ],
    zone: Annotated[str, typer.Option(metavar="GROUP", help="The group, e.g. malware.")],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="How to read it; else it is guessed."),
    ] = None,
    subdomains: Subdomains = None,
    every: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Fetch it no more often: 1h, 1d.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="threat, ads or policy [threat].")
    ] = None,
    settings: Settings = None,
    enabled: Annotated[
        bool, typer.Option("--enable", help="Use it from the next sync on.")
    ] = False,
    no_commit: NoCommit = False,
    json: Json = False,
) -> None:
    """Define a feed in the policy repo. Without --format it is read once, and that is guessed."""
    from rpzctl import definitions
    from rpzctl.event import Done

    said = {
        "url": definitions.source(url),
        "format": form,
        "zone": zone,
        "subdomains": subdomains,
        "every": every,
        "kind": kind,
    }
    keys: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    keys.update(definitions.setting(text) for text in settings or ())
    keys["enabled"] = enabled or keys.get("enabled", False)
    with progress(quiet=json) as shown:
        run = _caused(ctx, name, no_commit=no_commit)
        with told(ctx, run, [name]) as tell:
            before = definitions.text_of(run.config, name)
            added = definitions.add(run.config, name, keys, shown.stage)
            commit = definitions.commit(run, name, before)
            tell(Done(names=[name], recorded=True, commit=commit.commit if commit else ""))
    feed = added.feed
    if json:
        value = {key: value for key, value in feed.value().items() if value is not None}
        more = {"file": str(feed.file), "guessed": added.guessed is not None}
        show.document({**value, **more, "commit": commit.value() if commit else None})
        return
    _tell_added(added)
    _tell_commit(commit)
    print(
        f"then: rpzctl feeds check {name}"
        + ("" if feed.enabled else f" && rpzctl feeds enable {name}")
    )
    print(f"then: rpzctl sync {name}")


def _tell_added(added: "Added") -> None:
    if added.guessed:
        print(f"looks like {added.guessed}; if not, edit format in the file")
    print(f"wrote {added.feed.file}")


def enable(
    ctx: typer.Context, feed: OneFeed, no_commit: NoCommit = False, json: Json = False
) -> None:
    """Use a feed from the next sync on. Its terms are told."""
    _set(ctx, _caused(ctx, feed, no_commit=no_commit), feed, enabled=True, as_json=json)


def disable(
    ctx: typer.Context, feed: OneFeed, no_commit: NoCommit = False, json: Json = False
) -> None:
    """Use a feed no more from the next apply on; its last good copy stays."""
    _set(ctx, _caused(ctx, feed, no_commit=no_commit), feed, enabled=False, as_json=json)


def _set(ctx: typer.Context, run: "Run", name: str, *, enabled: bool, as_json: bool) -> None:
    from rpzctl import definitions
    from rpzctl.event import Done

    with told(ctx, run, [name]) as tell:
        before = definitions.find(run.config, name)
        text = definitions.text_of(run.config, name)
        feed = definitions.set_enabled(run.config, name, enabled=enabled)
        commit = definitions.commit(run, name, text)
        changed = (before.enabled, before.file) != (enabled, feed.file)
        tell(Done(names=[name], recorded=changed, commit=commit.commit if commit else ""))
    if as_json:
        show.document({**_value(feed), "commit": commit.value() if commit else None})
        return
    print(f"{feed.file}: {'enabled' if enabled else 'disabled'}")
    _tell_commit(commit)
    if enabled:
        print(show.plain(f"licence: {feed.licence or 'not known'}"))
        sign = " " if feed.commercial is None else ": "
        print(show.plain(f"terms{sign}{definitions.terms(feed)}"))
        if feed.notes:
            print(show.plain(f"note: {feed.notes}"))
    print("then: " + (f"rpzctl sync {name}" if enabled else "rpzctl apply"))


def _tell_commit(commit: "Recorded | None") -> None:
    for line in commit.lines() if commit else ():
        show.note(line)


def _value(feed: "Feed") -> dict[str, Any]:
    return {
        "feed": feed.name,
        "enabled": feed.enabled,
        "file": str(feed.file),
        "licence": feed.licence,
        "commercial": feed.commercial,
        "homepage": feed.homepage,
    }


def remove(
    ctx: typer.Context,
    feed: OneFeed,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Remove a feed's definition from the policy repo, and its last good copy."""
    from rpzctl import definitions
    from rpzctl.event import Done

    run = _caused(ctx, feed, wait, no_commit=no_commit)
    with told(ctx, run, [feed]) as tell:
        before = definitions.text_of(run.config, feed)
        done = definitions.remove(run, feed)
        commit = definitions.commit(run, feed, before)
        tell(Done(names=[feed], recorded=True, commit=commit.commit if commit else ""))
    if json:
        show.document(
            {
                "feed": feed,
                "file": str(done.feed.file),
                "was_enabled": done.feed.enabled,
                "snapshot_removed": done.snapshot,
                "shipped_again": done.shipped is not None,
                "commit": commit.value() if commit else None,
            }
        )
        return
    print(f"removed {done.feed.file}" + (" and its last good copy" if done.snapshot else ""))
    _tell_commit(commit)
    if done.shipped:
        print(f"the shipped feed {feed} shows again, not enabled")
    if done.feed.enabled:
        print("then: rpzctl apply takes its names out of the policy")
