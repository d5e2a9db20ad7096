"""feeds list, show, check and inspect: what is known of the lists that others publish."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import FeedNames, Json, OneFeed, run_of
from rpzctl.cli.progress import progress

if TYPE_CHECKING:
    from rpzctl.catalogue import Feed
    from rpzctl.overlap import Contribution
    from rpzctl.run import Run
    from rpzctl.snapshots import Record


def register(feeds: typer.Typer) -> None:
    """Add the commands of this module."""
    feeds.command("list", epilog="Example: rpzctl feeds list --used")(list_feeds)
    feeds.command("show", epilog="Example: rpzctl feeds show urlhaus")(show_feed)
    feeds.command("check", epilog="Example: rpzctl feeds check urlhaus threatfox")(check)
    feeds.command(
        epilog="Example: rpzctl feeds inspect list.txt --format adblock --json | jq .rejects"
    )(inspect)


def list_feeds(
    ctx: typer.Context,
    used: Annotated[bool, typer.Option("--used", help="Only those that are enabled.")] = False,
    json: Json = False,
) -> None:
    """Show the feeds that are known: shipped ones and the policy repo's own."""
    from rpzctl import catalogue, feed_groups

    run = run_of(ctx)
    store = feed_groups.snapshots(run.config)
    known = [
        (feed, store.record(feed.name))
        for feed in catalogue.load(run.config).values()
        if feed.enabled or not used
    ]
    if json:
        values = [{**feed.value(), "record": record.value()} for feed, record in known]
        show.document({"feeds": values})
        return
    heads = ("FEED", "USED", "ZONE", "ENTRIES", "REJECTS", "CHECKED", "CHANGED", "OK", "STATE")
    show.table(heads, [_row(run, feed, record) for feed, record in known], fit=True)


def _row(run: "Run", feed: "Feed", record: "Record") -> tuple[str, ...]:
    held = bool(record.sha256)
    return (
        feed.name,
        "yes" if feed.enabled else "-",
        feed.zone,
        str(record.size.entries) if held else "-",
        str(record.rejected) if held else "-",
        *(
            _age(run, moment)
            for moment in (record.last_checked, record.last_changed, record.last_ok)
        ),
        record.fault or "",
    )


def _age(run: "Run", moment: str | None) -> str:
    from rpzctl import times

    return times.age(moment, run.now) if moment else "-"


def show_feed(ctx: typer.Context, feed: OneFeed, json: Json = False) -> None:
    """Show all that is known of a feed, and what it adds to the others that are enabled."""
    from rpzctl import definitions, feed_groups, overlap

    run = run_of(ctx)
    found = definitions.find(run.config, feed)
    record = feed_groups.snapshots(run.config).record(feed)
    adds = overlap.contribution(run.config, feed) if record.sha256 else None
    if json:
        value = {
            **found.value(),
            "file": str(found.file),
            "shipped": definitions.is_shipped(found),
            "record": record.value(),
            "contribution": adds.value() if adds else None,
        }
        show.document(value)
        return
    for head, lines in (
        ("definition", _definition(found)),
        ("state", _state(run, record)),
        ("adds", _adds(adds)),
    ):
        for place, (key, text) in enumerate(lines):
            print(show.paint(head.ljust(12) if place == 0 else " " * 12, "bold"), end="")
            print(f"{key:<14}{show.plain(text)}")


def _definition(feed: "Feed") -> list[tuple[str, str]]:
    from rpzctl import definitions

    keys = {key: value for key, value in feed.value().items() if key in feed.unusual()}
    first = {
        "feed": f"{feed.name}, {'enabled' if feed.enabled else 'not enabled'}",
        "file": f"{feed.file}{' (shipped)' if definitions.is_shipped(feed) else ''}",
        "title": feed.title or "-",
        "url": feed.url,
        "format": feed.format,
        "zone": feed.zone,
        "kind": feed.kind,
        "every": feed.every or "-",
        "licence": feed.licence or "-",
        "terms": definitions.terms(feed),
        "homepage": feed.homepage or "-",
    }
    passed = {*first, "name", "enabled", "commercial"}
    more = {key: value for key, value in keys.items() if key not in passed}
    return [*first.items(), *((key, str(value)) for key, value in more.items())]


def _state(run: "Run", record: "Record") -> list[tuple[str, str]]:
    if not record.last_checked:
        return [("last checked", "never")]
    moments = {
        "last checked": record.last_checked,
        "last changed": record.last_changed,
        "last ok": record.last_ok,
    }
    lines = [
        (key, f"{moment} ({_age(run, moment)} ago)" if moment else "-")
        for key, moment in moments.items()
    ]
    networks = record.networks or 0
    lines += [
        ("names", str(record.names)),
        ("rejected", str(record.rejected)),
        ("exceptions", str(record.exceptions or 0)),
        ("networks", f"{networks}, of which guards refuse {record.refused}" if networks else "0"),
    ]
    if record.expires:
        lines.append(("expires", f"{record.expires}: the first of its entries"))
    return [*lines, ("fault", record.fault or "-")]


def _adds(adds: "Contribution | None") -> list[tuple[str, str]]:
    if adds is None:
        return [("unique", "-: there is no good copy")]
    if not adds.names:
        return [("unique", "-: it lists no names")]
    share = 100 * adds.unique / adds.names
    apart = ", ".join(each.feed for each in adds.shared if not each.names)
    return [
        ("unique", f"{adds.unique} of {adds.names} names ({share:.1f} %)"),
        *(("shared", f"{e.names} ({e.percent} %) with {e.feed}") for e in adds.shared if e.names),
        *((("shared", f"none with {apart}"),) if apart else ()),
    ]


def check(ctx: typer.Context, feeds: FeedNames = None, json: Json = False) -> None:
    """Fetch feeds and tell what sync would say of them; nothing is kept or changed."""
    from rpzctl import rehearsal

    with progress(quiet=json) as shown:
        run = run_of(ctx, progress=shown)
        done = rehearsal.rehearse(
            run, feeds or (), (lambda _: None) if json else (lambda each: _tell(each.text()))
        )
    if json:
        show.document({"feeds": [each.value() for each in done]})
    elif not done:
        print("no feed is enabled: 'rpzctl feeds list' shows them")
    if any(each.fault for each in done):
        raise typer.Exit(1)


def _tell(text: str) -> None:
    print(show.plain(text))


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

    with progress(quiet=json) as shown:
        found = reading.inspect(source, form, member, shown.stage)
    if json:
        show.document(found.value())
        return
    for name, share in found.guesses[:3]:
        show.note(f"looks like {name}: {share:.0%} of the lines")
    parsed = found.parsed
    names, allow = (frame["name"].unique().sort() for frame in (parsed.names, parsed.allow))
    print(f"format    {found.format}")
    print(f"names     {len(names)}" + _examples(names.head(5).to_list(), len(names)))
    print(f"excepted  {len(allow)}" + _examples(allow.head(5).to_list(), len(allow)))
    print(
        f"networks  {len(parsed.networks)}"
        + _examples(list(parsed.networks[:5]), len(parsed.networks))
    )
    if parsed.announced is not None:
        print(f"announced {parsed.announced}")
    for reason, count in sorted(parsed.skipped.items()):
        print(f"skipped   {count}: {reason}")
    print(f"rejected  {parsed.rejected}")
    for reject in parsed.rejects[:10]:
        print(f"  line {reject.line}: {reject.reason}: {reject.text}")


def _examples(texts: list[str], count: int) -> str:
    more = ", ..." if count > len(texts) else ""
    return f": {', '.join(texts)}{more}" if texts else ""
