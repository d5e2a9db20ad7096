"""export and import: the policy for other programs, and lists of other programs as rules."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import WAIT, Force, Json, NoCommit, Wait, config_of, run_of
from rpzctl.cli.rule import By, Exact, Expires, NoApply, Reason, Ticket, like_rule
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl.importing import Report
    from rpzctl.rpz import Action


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Example: rpzctl export --format dnsmasq --output /etc/dnsmasq.d/policy.conf. "
        "The first zone that speaks of a name decides; what a format cannot say is counted on "
        "stderr, and resolves."
    )(export)
    app.command(
        "import",
        epilog="Example: rpzctl import /etc/bind/db.rpz.old --reason 'taken over' --dry-run. "
        "A long list is a feed: rpzctl feeds add",
    )(import_list)


def export(
    ctx: typer.Context,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="rpz, hosts, domains, dnsmasq, unbound, adblock, json.",
        ),
    ] = "rpz",
    zone: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Only this policy zone; may be said again."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it there, whole or not at all; else to stdout."),
    ] = None,
    json: Json = False,
) -> None:
    """Write the published policy, all zones together, in a format of another program."""
    from rpzctl import export as exporting
    from rpzctl.errors import RpzctlError, UsageFault
    from rpzctl.files import written_aside
    from rpzctl.store import Store

    if form not in exporting.FORMATS:
        raise UsageFault(f"--format is one of {', '.join(exporting.FORMATS)}, not {form!r}")
    if json and output is None:
        raise UsageFault(
            "--json tells of what is written to --output FILE; stdout has one document"
        )
    config = config_of(ctx)
    store = Store(config.output, config.state)
    current = store.current()
    if current is None:
        raise RpzctlError("nothing is published", fix="rpzctl apply")
    source = exporting.source(config, store, current, zone or ())
    write = exporting.FORMATS[form].write
    if output is None:
        lost = write(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        with written_aside(output.absolute(), mode=0o644) as file:
            lost = write(source, file)
    for left in source.monitored:
        show.note(f"{left} is only monitored, and left out: --zone {left} exports it")
    for what, count in lost.items():
        show.note(f"{form} cannot say it: {count} names {what}")
    if json:
        show.document(
            {
                "format": form,
                "output": str(output),
                "zones": list(source.origins),
                "generation": source.generation,
                "lost": lost,
            }
        )


def import_list(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FILE", help="The list; a URL does, too.")],
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="How to read it; else it is guessed."),
    ] = None,
    as_: Annotated[
        str, typer.Option("--as", metavar="VERB", help="block, with exceptions as allow; or allow.")
    ] = "block",
    action: Annotated[
        str | None, typer.Option(help="Of the blocks: as of 'rpzctl block'; else as configured.")
    ] = None,
    exact: Exact = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be added.")
    ] = False,
    reason: Reason = None,
    ticket: Ticket = None,
    expires: Expires = None,
    by: By = None,
    force: Force = False,
    no_apply: NoApply = False,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Take an RPZ file, a hosts file or another list into the operator's rules."""
    from rpzctl import event, importing, reading
    from rpzctl.errors import UsageFault

    if as_ not in {"block", "allow"}:
        raise UsageFault(f"--as is block or allow, not {as_!r}")
    like = like_rule(
        "block" if as_ == "block" else "allow", reason, ticket, expires, by, force=force
    )
    like = like._replace(action=_action(action))
    inspected = reading.inspect(source, form)
    run = run_of(ctx, wait=wait, force=force, commit=not no_commit)
    wanted = importing.understand(run.config, inspected, like, exact=exact)
    run = run._replace(cause=importing.cause(run, like, show.plain(source)))
    with nullcontext() if dry_run else told(ctx, run) as tell:
        report, outcome, recorded = importing.carry_out(
            run, wanted, dry_run=dry_run, record=no_apply
        )
        if tell:
            tell(event.of_import(report, outcome, recorded))
    if json:
        applied = outcome.value() if outcome else None
        commit = recorded.value() if recorded else None
        more = {"dry_run": dry_run, "applied": applied, "commit": commit}
        show.document({**report.value(), **more})
        return
    _tell(report, dry_run=dry_run)
    for line in recorded.lines() if recorded else ():
        show.note(line)
    if outcome is not None:
        show.outcome(outcome, [resolver.title for resolver in run.resolvers])


def _action(text: str | None) -> "Action | None":
    from rpzctl.errors import UsageFault
    from rpzctl.rpz import parse_action

    try:
        return None if text is None else parse_action(text)
    except ValueError as fault:
        raise UsageFault(f"--action: {fault}") from None


def _tell(report: "Report", *, dry_run: bool) -> None:
    print(f"format    {report.format}")
    print(f"{'would add' if dry_run else 'added':9} {len(report.added)}")
    for text in report.added[:20]:
        print(f"  {text}")
    if len(report.added) > 20:  # noqa: PLR2004 - as many as a screen has room for
        print(f"  ... {len(report.added) - 20} more (--json)")
    print(f"already   {report.already}")
    print(f"refused   {len(report.refused)}")
    for refusal in report.refused:
        print(f"  {refusal.subject}: {refusal.reason} [guard: {refusal.guard}]")
    for why, count in sorted(report.skipped.items()):
        print(f"skipped   {count}: {why}")
    print(f"rejected  {report.rejected}")
    for reject in report.rejects[:20]:
        print(f"  line {reject.line}: {reject.reason}: {show.plain(reject.text)}")
