"""plan, apply, check, status: the policy as a whole."""

from typing import Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import WAIT, Force, Json, NoReload, Wait, run_of

CHECK_FAILED = 4


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl plan --json | jq '.zones[] | {zone, added, removed}'")(plan)
    app.command(epilog="Example: git pull && rpzctl apply")(apply)
    app.command(
        epilog="Example: rpzctl check, in CI or before a restart of named. "
        "Before a change of resolver: rpzctl check --engine knot"
    )(check)
    app.command(epilog="Example: rpzctl status --json | jq .live")(status)


def plan(
    ctx: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Every row, not a sample.")] = False,
    json: Json = False,
) -> None:
    """Show what apply would change. Nothing is written."""
    from rpzctl import sync

    made = sync.plan(run_of(ctx))
    if json:
        show.document(made.value(None if full else 20))
    else:
        show.plan(made, full=full)


def apply(
    ctx: typer.Context,
    force: Force = False,
    no_reload: NoReload = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Publish what the rules and the feeds' last good copies say, and prove it on the resolver."""
    from rpzctl import sync

    with show.progress(quiet=json) as stage:
        run = run_of(ctx, wait=wait, force=force, reload=not no_reload, stage=stage)
        done = sync.apply(run)
    if json:
        show.document(done.value())
        return
    if done.published:
        show.plan(done.plan, full=False)
    show.outcome(done, [resolver.title for resolver in run.resolvers])


def check(
    ctx: typer.Context,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Also what a resolver of this kind could not do: bind, unbound, pdns-recursor, "
            "knot.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check configuration, rules, templates and every record of what is published."""
    from rpzctl import inspection
    from rpzctl.abilities import ABILITIES
    from rpzctl.errors import UsageFault

    for kind in engine or ():
        if kind not in ABILITIES:
            raise UsageFault(f"--engine is one of {', '.join(ABILITIES)}, not {kind!r}")
    findings = inspection.check_all(run_of(ctx), engine or ())
    errors = [finding for finding in findings if finding.severity == "error"]
    if json:
        show.document({"ok": not errors, "findings": [finding.value() for finding in findings]})
    else:
        for finding in findings:
            print(finding.text())
        print(f"{len(errors)} errors, {len(findings) - len(errors)} warnings")
    if errors:
        raise typer.Exit(CHECK_FAILED)


def status(ctx: typer.Context, json: Json = False) -> None:
    """Show zones, serials published and live, feeds and their age, the last apply."""
    from rpzctl import inspection

    run = run_of(ctx)
    now = inspection.status(run)
    if json:
        show.document(now.value())
        return
    print(f"configuration  {run.config.file}")
    print(f"generation     {now.generation or 'none'}" + (f" of {now.made}" if now.made else ""))
    print(f"last proven    {now.proven_at or 'never'}")
    print(f"rules          {now.blocked} block, {now.allowed} allow, {now.expired} expired")
    if now.held:
        print(
            show.paint(
                show.plain(f"held           {now.held.text()}: rpzctl rollforward"), "yellow"
            )
        )
    elif now.pending:
        print(show.paint("recorded rules or settings are not applied: rpzctl apply", "yellow"))
    for line in now.problems:
        print(show.paint(line, "red"))
    show.table(
        ("ZONE", "ROWS", "SERIAL", "LIVE"),
        [(z.origin, str(z.rows), str(z.serial), z.live_text()) for z in now.zones],
    )
    if now.feeds:
        print()
        show.table(
            ("FEED", "ZONE", "NAMES", "AGE", "STATE"),
            [(f.name, f.zone, str(f.names), f.age, f.state) for f in now.feeds],
        )
