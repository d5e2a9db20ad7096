"""plan, apply, check, status: the policy as a whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import WAIT, Force, Json, NoReload, Wait, run_of
from rpzctl.cli.progress import progress
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl.run import Run

CHECK_FAILED = 4


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Example: rpzctl plan --json | jq '.zones[] | {zone, added, removed}'. In CI of the "
        "policy repo: rpzctl plan --base origin/main --markdown"
    )(plan)
    app.command(
        epilog="Example: git pull && rpzctl apply. What was looked at and nothing else: "
        "rpzctl plan --out plan.json && rpzctl apply --plan plan.json"
    )(apply)
    app.command(
        epilog="Example: rpzctl check, in CI or before a restart of named. "
        "Before a change of resolver: rpzctl check --engine knot. Where nothing is published: "
        "rpzctl check --repo"
    )(check)
    app.command(epilog="Example: rpzctl status --json | jq .live")(status)


def plan(
    ctx: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Every row, not a sample.")] = False,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="What merging into this branch or commit would do; nothing published is looked "
            "at.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the plan there, for apply --plan."),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As Markdown, to post as a comment.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what apply would change. Nothing is published. Exit code 4: an expectation fails."""
    run = run_of(ctx)
    limit = None if full else 20
    if base is not None:
        _merging(run, base, out, limit, markdown=markdown, json=json)
        return
    from rpzctl import agreed, times, whatif
    from rpzctl import markdown as md

    made, failing = whatif.plan(run)
    if out is not None:
        about = {"made": times.show(run.now), "by": run.cause.by, "config": str(run.config.file)}
        agreed.write(out, made, about)
    told = [each.text() for each in failing]
    if json:
        show.document({**made.value(limit), "expectations": told})
    elif markdown:
        print(md.plan(made, told, limit), end="")
    else:
        show.plan(made, full=full)
        for line in told:
            print(show.plain(line))
    if failing:
        raise typer.Exit(CHECK_FAILED)


def _merging(
    run: "Run", ref: str, out: Path | None, limit: int | None, *, markdown: bool, json: bool
) -> None:
    from rpzctl import markdown as md
    from rpzctl.errors import UsageFault
    from rpzctl.review import review

    if out is not None:
        raise UsageFault(
            "--out and --base do not go together: what merging does is no plan for what is "
            "published here"
        )
    found = review(run, ref)
    if json:
        show.document(found.value(limit))
    elif markdown:
        print(md.review(found, limit), end="")
    elif found.is_empty:
        print("nothing: merging changes no policy")
    else:
        if not found.plan.is_empty or found.plan.stops:
            show.plan(found.plan, full=limit is None)
        for setting in found.settings:
            print(show.plain(f"setting {setting.text()}"))
        for feed in found.feeds:
            print(show.plain(f"feed {feed.text()}"))


def apply(
    ctx: typer.Context,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only if it does what this plan says; exit code 3 if the world has moved on.",
        ),
    ] = None,
    fresh_zones: Annotated[
        bool,
        typer.Option(
            "--fresh-zones",
            help="Let the small zones in front of large ones come and go now; named drops all "
            "policy for seconds then.",
        ),
    ] = False,
    force: Force = False,
    no_reload: NoReload = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Publish what the rules and the feeds' last good copies say, and prove it on the resolver."""
    from rpzctl import agreed, event, sync

    only = agreed.read(plan) if plan else None
    with progress(quiet=json) as shown:
        run = run_of(ctx, wait=wait, force=force, reload=not no_reload, progress=shown)
        run = run._replace(agreed=only, fronts=fresh_zones)
        with told(ctx, run) as tell:
            done = sync.apply(run)
            tell(event.of_outcome(done))
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
    repo: Annotated[
        bool,
        typer.Option("--repo", help="Only what is in the policy repo, nothing of this machine."),
    ] = False,
    json: Json = False,
) -> None:
    """Check configuration, rules, templates and every record of what is published."""
    from rpzctl import inspection
    from rpzctl.abilities import ABILITIES
    from rpzctl.errors import UsageFault

    for kind in engine or ():
        if kind not in ABILITIES:
            raise UsageFault(f"--engine is one of {', '.join(ABILITIES)}, not {kind!r}")
    look = inspection.check_repo if repo else inspection.check_all
    findings = look(run_of(ctx), engine or ())
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
