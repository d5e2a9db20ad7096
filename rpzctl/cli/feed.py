"""sync: fetch the lists that others publish, and make policy from them."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import (
    WAIT,
    FeedNames,
    Force,
    Json,
    NoReload,
    Wait,
    run_of,
)
from rpzctl.cli.progress import Timings, progress
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl.sync import SyncOutcome


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl sync; from cron, each five minutes: rpzctl sync --quiet")(
        sync
    )


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
    timings: Annotated[
        bool, typer.Option("--timings", help="Tell also what each stage took, in seconds.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Say nothing unless something changed or went wrong."),
    ] = False,
    force: Force = False,
    no_reload: NoReload = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Fetch the feeds that are due, and apply. One that fails keeps its last good copy."""
    from rpzctl import event
    from rpzctl import sync as path

    with progress(quiet=json or quiet) as shown:
        clock = Timings(shown)
        run = run_of(ctx, wait=wait, force=force, reload=not no_reload, progress=clock)

        def tell(line: str, *, fault: bool) -> None:
            if not json and (fault or not quiet):
                show.note(line)

        with told(ctx, run) as tell_of:
            done = path.sync(run, feeds or (), accept or (), tell, undue=now)
            tell_of(event.of_sync(done))
    spent = clock.seconds() if timings else {}
    if json:
        show.document({**done.value(), **({"timings": spent} if timings else {})})
    elif quiet:
        _tell_what_counts(done, [resolver.title for resolver in run.resolvers])
    else:
        for stage_name, seconds in spent.items():
            show.note(f"{seconds:8.3f} s  {stage_name}")
        _tell(done, [resolver.title for resolver in run.resolvers])
    if done.all_failed:
        raise typer.Exit(1)


def _tell_what_counts(done: "SyncOutcome", titles: list[str]) -> None:
    if done.outcome.published:
        show.outcome(done.outcome, titles)
        return
    for line in done.outcome.warnings:
        show.note(line)


def _tell(done: "SyncOutcome", titles: list[str]) -> None:
    for report in done.reports:
        if report.left.stopped:
            first = ", ".join(stop.subject for stop in report.left.stops[:3])
            show.note(
                f"{report.origin}: guards left out {report.left.stopped} names: {first}"
                + (", ..." if report.left.stopped > 3 else "")  # noqa: PLR2004 - as shown
            )
        if report.left.excepted:
            show.note(f"{report.origin}: {report.left.excepted} names are excepted by a feed")
        if report.left.few:
            show.note(f"{report.origin}: {report.left.few} names are listed by too few feeds")
        for stop in report.left.told[:3]:
            show.note(f"{report.origin}: blocks {stop.subject}, which {stop.reason}")
        if report.left.too_long:
            show.note(f"{report.origin}: {report.left.too_long} names are too long for the zone")
    others = _others(done)
    if done.outcome.published:
        if others:
            show.note(others)
        show.plan(done.outcome.plan, full=False)
    show.outcome(done.outcome, titles, others)


def _others(done: "SyncOutcome") -> str:
    """Return how many feeds nothing new came of: one line, however many there are."""
    unchanged = sum(feed.status == "same" for feed in done.feeds)
    waiting = sorted((feed.due, feed.feed) for feed in done.feeds if feed.due)
    told = [f"unchanged: {unchanged} of {len(done.feeds)} feeds"] if unchanged else []
    if waiting:
        due, first = waiting[0]
        told.append(f"not due: {len(waiting)}, next is {first} at {due}")
    return "; ".join(told)
