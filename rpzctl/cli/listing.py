"""list: the operator's rules."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, config_of


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("list", epilog="Example: rpzctl list --json | jq '.rules[].name'")(list_rules)


def list_rules(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Also rules that have expired.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the operator's rules."""
    from rpzctl import times
    from rpzctl.book import read_book

    config = config_of(ctx)
    now = datetime.now(UTC)
    book = read_book(config.repo)
    rules = [rule for rule in book.rules if everything or rule.in_force(now)]
    if json:
        values = [{**r.value(), "in_force": r.in_force(now), "where": book.where(r)} for r in rules]
        show.document({"rules": values})
        return
    lines: list[tuple[str, ...]] = []
    for rule in rules:
        what = "allow" if rule.verb == "allow" else str(rule.action or config.action)
        if rule.via == "zone":
            what = "sinkhole zone"
        until = times.show(rule.expires) if rule.expires else "-"
        if not rule.in_force(now):
            until += " (expired)"
        why = " ".join(part for part in (rule.ticket, rule.reason) if part) or "-"
        name = f"{rule.shown()} ({rule.trigger})" if rule.trigger else rule.shown()
        lines.append((name, what, until, rule.by or "-", why))
    show.table(("NAME", "ACTION", "EXPIRES", "BY", "WHY"), lines)
