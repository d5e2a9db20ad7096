"""audit, metrics: what was changed by whom, and figures to watch."""

from typing import Annotated, Any

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, config_of, run_of


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl audit --since 7d --name evil.example")(audit)
    app.command(epilog="Example: rpzctl metrics --write, from cron, each minute")(metrics)


def audit(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Not before: 30m, 12h, 7d ago, a date or a UTC time."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="About this name, or one below it.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="WHO", help="By this person.")] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=0, help="The last so many; 0: all.")
    ] = 50,
    json: Json = False,
) -> None:
    """Show what was changed: when, by whom, why, and what came of it."""
    from rpzctl import reviewing
    from rpzctl.audit import file_of
    from rpzctl.errors import UsageFault

    run = run_of(ctx)
    config = run.config
    try:
        from rpzctl import times

        moment = times.since(since, run.now) if since else None
    except ValueError as fault:
        raise UsageFault(f"--since: {fault}") from None
    wanted = reviewing.Wanted(moment, _name(name) if name else None, by, number)
    found = reviewing.review(file_of(config), wanted)
    for place in found.damaged:
        show.note(f"{place}: a damaged line is passed over")
    if json:
        show.document({"file": str(file_of(config)), **found.value()})
        return
    if not config.audit.enabled:
        show.note("the audit log is off: [audit] enabled in rpzctl.toml")
    heads = ("AT", "BY", "OUTCOME", "GEN", "ROWS", "WHAT")
    show.table(heads, [_line(entry) for entry in found.entries], fit=True)
    if found.more:
        show.note(f"{found.more} older ones are not shown: -n 0 shows all")


def _name(text: str) -> str:
    """Return what is looked for: a name as pasted, or else what is said, such as a feed."""
    from rpzctl.names import NameFault, paste

    try:
        return str(paste(text).name)
    except NameFault:
        return text.strip().lower()


def _line(entry: dict[str, Any]) -> tuple[str, ...]:
    moved = [zone for zone in (entry.get("zones") or {}).values() if isinstance(zone, dict)]
    rows = [sum(int(zone.get(key) or 0) for zone in moved) for key in ("added", "removed")]
    said = entry["what"] + (f" ({entry['why']})" if entry["why"] else "")
    fault = entry.get("error")
    if isinstance(fault, dict) and fault.get("message"):
        said += f": {fault['message']}"
    return (
        entry["at"],
        entry["by"] or "-",
        entry["outcome"],
        str(entry["generation"] or "-"),
        "+{} -{}".format(*rows) if any(rows) else "-",
        said,
    )


def metrics(
    ctx: typer.Context,
    write: Annotated[
        bool, typer.Option("--write", help="Write the file of [metrics], and print nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Show figures for Prometheus; resolvers are asked which serials they serve."""
    from rpzctl import exposition
    from rpzctl import metrics as room
    from rpzctl.errors import UsageFault

    config = config_of(ctx)
    if write and config.metrics.file is None:
        raise UsageFault(
            "no file is configured for metrics",
            fix='[metrics] file = "/var/lib/prometheus/node-exporter/rpzctl.prom" in rpzctl.toml',
        )
    run = run_of(ctx)
    families = room.now(run, show.note, keep=write)
    if write:
        room.write(run, families)
    if json:
        file = str(config.repo / config.metrics.file) if write and config.metrics.file else None
        show.document({"file": file, "metrics": room.value(families)})
    elif not write:
        print(exposition.text(families), end="")
