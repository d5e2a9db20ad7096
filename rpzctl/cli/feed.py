"""sync and feeds: the lists that others publish."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import (
    WAIT,
    Force,
    Json,
    NoReload,
    Wait,
    complete_feed,
    config_of,
    run_of,
)

if TYPE_CHECKING:
    from rpzctl.sync import SyncOutcome

FeedNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FEED...",
        help="These only.",
        show_default=False,
        autocompletion=complete_feed,
    ),
]
OneFeed = Annotated[str, typer.Argument(metavar="FEED", autocompletion=complete_feed)]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl sync, from cron, each five minutes")(sync)
    feeds = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="The feeds that are known, and which of them are used.",
    )
    feeds.command("list", epilog="Example: rpzctl feeds list")(list_feeds)
    feeds.command(epilog="Example: rpzctl feeds enable urlhaus && rpzctl sync urlhaus")(enable)
    feeds.command(epilog="Example: rpzctl feeds disable urlhaus && rpzctl apply")(disable)
    feeds.command(
        epilog="Example: rpzctl feeds inspect list.txt --format adblock --json | jq .rejects"
    )(inspect)
    app.add_typer(feeds, name="feeds")


def sync(
    ctx: typer.Context,
    feeds: FeedNames = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FEED",
            help="Take this feed's new copy though its size swung.",
            show_default=False,
        ),
    ] = None,
    now: Annotated[
        bool,
        typer.Option("--now", help="Fetch also what is not due, more often than publishers want."),
    ] = False,
    force: Force = False,
    no_reload: NoReload = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Fetch the feeds that are due, and apply. One that fails keeps its last good copy."""
    from rpzctl import sync as path

    with show.progress(quiet=json) as stage:
        run = run_of(ctx, wait=wait, force=force, reload=not no_reload, stage=stage)
        tell = (lambda _: None) if json else show.note
        done = path.sync(run, feeds or (), accept or (), tell, undue=now)
    if json:
        show.document(done.value())
    else:
        _tell(done, [resolver.title for resolver in run.resolvers])
    if done.all_failed:
        raise typer.Exit(1)


def _tell(done: "SyncOutcome", titles: list[str]) -> None:
    waiting = sorted((feed.due, feed.feed) for feed in done.feeds if feed.due)
    if waiting:
        due, first = waiting[0]
        show.note(f"not due: {len(waiting)} of {len(done.feeds)} feeds; next is {first} at {due}")
    for report in done.reports:
        if report.stopped:
            first = ", ".join(stop.subject for stop in report.stops[:3])
            show.note(
                f"{report.origin}: guards left out {report.stopped} names: {first}"
                + (", ..." if report.stopped > 3 else "")  # noqa: PLR2004 - as shown
            )
        if report.excepted:
            show.note(f"{report.origin}: {report.excepted} names are excepted by a feed")
        if report.few:
            show.note(f"{report.origin}: {report.few} names are listed by too few feeds")
        for stop in report.told[:3]:
            show.note(f"{report.origin}: blocks {stop.subject}, which {stop.reason}")
        if report.too_long:
            show.note(f"{report.origin}: {report.too_long} names are too long for the zone")
    if done.outcome.published:
        show.plan(done.outcome.plan, full=False)
    show.outcome(done.outcome, titles)


def list_feeds(ctx: typer.Context, json: Json = False) -> None:
    """Show the feeds that are known: shipped ones and the policy repo's own."""
    from rpzctl import bulk, catalogue

    config = config_of(ctx)
    store = bulk.snapshots(config)
    known = [(feed, store.record(feed.name)) for feed in catalogue.load(config).values()]
    if json:
        values = [
            {**feed.model_dump(mode="json"), "record": record.value()} for feed, record in known
        ]
        show.document({"feeds": values})
        return
    show.table(
        ("FEED", "USED", "ZONE", "NAMES", "LAST OK", "LICENCE", "STATE"),
        [
            (
                feed.name,
                "yes" if feed.enabled else "-",
                feed.zone,
                str(record.names) if record.sha256 else "-",
                record.last_ok or "-",
                feed.licence or "-",
                record.fault or "",
            )
            for feed, record in known
        ],
    )


def inspect(
    source: Annotated[
        str, typer.Argument(metavar="FILE|URL", help="A list, as a feed would give it.")
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="How to read it; else it is guessed."),
    ] = None,
    member: Annotated[
        str, typer.Option(metavar="NAME", help="The file to read in an archive that has several.")
    ] = "",
    json: Json = False,
) -> None:
    """Show what a reader makes of a list. Nothing is written, no policy is needed."""
    from rpzctl import reading

    with show.progress(quiet=json) as stage:
        stage(f"reading {source}")
        found = reading.inspect(source, form, member)
    if json:
        show.document(found.value())
        return
    for name, share in found.guesses[:3]:
        show.note(f"looks like {name}: {share:.0%} of the lines")
    parsed = found.parsed
    names, allow = (frame["name"].unique().sort() for frame in (parsed.names, parsed.allow))
    print(f"format    {found.format}")
    print(f"names     {len(names)}" + _examples(names.head(5).to_list()))
    print(f"excepted  {len(allow)}" + _examples(allow.head(5).to_list()))
    print(f"networks  {len(parsed.networks)}" + _examples(list(parsed.networks[:5])))
    if parsed.announced is not None:
        print(f"announced {parsed.announced}")
    for reason, count in sorted(parsed.skipped.items()):
        print(f"skipped   {count}: {reason}")
    print(f"rejected  {parsed.rejected}")
    for reject in parsed.rejects[:10]:
        print(f"  line {reject.line}: {reject.reason}: {reject.text}")


def _examples(texts: list[str]) -> str:
    return f": {', '.join(texts)}, ..." if texts else ""


def enable(ctx: typer.Context, feed: OneFeed, json: Json = False) -> None:
    """Use a feed from the next sync on."""
    _set(ctx, feed, enabled=True, as_json=json)


def disable(ctx: typer.Context, feed: OneFeed, json: Json = False) -> None:
    """Use a feed no more from the next apply on; its last good copy stays."""
    _set(ctx, feed, enabled=False, as_json=json)


def _set(ctx: typer.Context, name: str, *, enabled: bool, as_json: bool) -> None:
    from rpzctl import catalogue

    path = catalogue.set_enabled(config_of(ctx), name, enabled=enabled)
    if as_json:
        show.document({"feed": name, "enabled": enabled, "file": str(path)})
    else:
        print(f"{path}: {'enabled' if enabled else 'disabled'}")
        print("then: " + (f"rpzctl sync {name}" if enabled else "rpzctl apply"))
