"""history, diff, rollback, rollforward: which policies there were, and back to one of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import WAIT, Json, NoReload, Wait, config_of, run_of
from rpzctl.cli.progress import progress
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl import history as past

_SHA = 10


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl history --json | jq '.generations[0]'")(history)
    app.command(epilog="Example: rpzctl diff 41 42")(diff)
    app.command(epilog="Example: rpzctl rollback --reason 'feed X blocks our mail'")(rollback)
    app.command(epilog="Example: rpzctl rollforward")(rollforward)


def complete_generation(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the kept generations for the shell's completion, with what made each."""
    from rpzctl import history as past
    from rpzctl.errors import RpzctlError
    from rpzctl.store import Store

    try:
        config = config_of(ctx)
        entries = past.history(Store(config.output, config.state))
    except RpzctlError:
        return []
    found = [(str(e.manifest.generation), e.manifest.cause.what) for e in entries]
    return [pair for pair in found if pair[0].startswith(incomplete)]


Generation = Annotated[
    int | None,
    typer.Argument(
        metavar="[GEN]",
        help="The number of a generation that is kept.",
        show_default=False,
        autocompletion=complete_generation,
    ),
]


def history(
    ctx: typer.Context,
    generation: Generation = None,
    json: Json = False,
) -> None:
    """Show the policies that are kept, or one: when, by whom, by what, and what it changed."""
    from rpzctl import history as past

    run = run_of(ctx)
    entries = past.history(run.store)
    if generation is not None:
        entries = [entry for entry in entries if entry.manifest.generation == generation]
        if not entries:
            from rpzctl.errors import UsageFault

            raise UsageFault(
                f"there is no generation {generation}", fix="'rpzctl history' shows them"
            )
    if json:
        damaged = [str(path) for path in run.store.damaged()]
        show.document({"generations": [entry.value() for entry in entries], "damaged": damaged})
        return
    if generation is not None:
        _one(entries[0])
        return
    lines: list[tuple[str, ...]] = []
    for entry in entries:
        made = entry.manifest
        added, removed, changed = entry.moved
        commit = entry.commit[:_SHA] + ("+" if made.cause.dirty else "")
        why = f" ({made.cause.why})" if made.cause.why else ""
        lines.append(
            (
                str(made.generation),
                made.made,
                made.cause.by or "-",
                f"+{added} -{removed} ~{changed}",
                commit or "-",
                entry.state() or "-",
                (made.cause.what or "-") + why,
            )
        )
    show.table(("GEN", "MADE", "BY", "ROWS", "COMMIT", "STATE", "WHAT"), lines, fit=True)
    for path in run.store.damaged():
        show.note(f"{path} is damaged: there is no way back to that generation")


def _one(entry: "past.Entry") -> None:
    made = entry.manifest
    cause = made.cause
    commit = (entry.commit + (", and what was not committed" if cause.dirty else "")) or "-"
    for label, text in (
        ("generation", str(made.generation)),
        ("made", made.made),
        ("by", cause.by),
        ("what", cause.what),
        ("why", cause.why),
        ("commit", commit),
        ("state", entry.state()),
    ):
        print(f"{label:<11}{show.plain(text) or '-'}")
    show.table(
        ("ZONE", "ROWS", "SERIAL", "CHANGED"),
        [
            (
                origin,
                str(made.zones[origin].rows),
                str(made.zones[origin].serial),
                "+{} -{} ~{}".format(*made.moved[origin]) if origin in made.moved else "-",
            )
            for origin in made.policy_zones
        ],
    )
    if made.feeds:
        print()
        show.table(("FEED", "COPY (SHA-256)"), list(made.feeds.items()))


def diff(
    ctx: typer.Context,
    old: Annotated[
        int,
        typer.Argument(
            metavar="GEN", help="From this generation.", autocompletion=complete_generation
        ),
    ],
    new: Annotated[
        int | None,
        typer.Argument(
            metavar="[GEN]",
            help="To this one; else to the current one.",
            show_default=False,
            autocompletion=complete_generation,
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every row, not a sample.")] = False,
    json: Json = False,
) -> None:
    """Show what changed between two generations."""
    from rpzctl import between
    from rpzctl.rollback import kept

    store = run_of(ctx).store
    before, after = kept(store, old), kept(store, new)
    found = between.plan(store, before, after)
    feeds = sorted(
        name
        for name in {*before.feeds, *after.feeds}
        if before.feeds.get(name) != after.feeds.get(name)
    )
    if json:
        span = {"from": before.generation, "to": after.generation, "feeds": feeds}
        show.document({**span, **found.value(None if full else 20)})
        return
    if found.is_empty:
        print("no difference")
        return
    show.plan(found, full=full)
    for name in feeds:
        print(f"feed {name}: another copy")


def rollback(
    ctx: typer.Context,
    generation: Generation = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept with the generation.")] = None,
    ticket: Annotated[str | None, typer.Option(help="Case number; kept as well.")] = None,
    by: Annotated[str | None, typer.Option(help="Who decided; else the invoking user.")] = None,
    no_reload: NoReload = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Put an earlier policy back, live and proved, and hold it until apply or rollforward.

    Without GEN the one before the last change. What is blocked or allowed meanwhile comes on top.
    """
    from rpzctl import event
    from rpzctl import rollback as back
    from rpzctl.errors import UsageFault

    for option, text in (("--reason", reason), ("--ticket", ticket), ("--by", by)):
        if text is not None and (not text.isprintable() or not text.strip()):
            raise UsageFault(f"{option} is empty or has a control character")
    with progress(quiet=json) as shown:
        run = run_of(ctx, wait=wait, reload=not no_reload, progress=shown)
        what = "rollback" if generation is None else f"rollback {generation}"
        why = " ".join(part for part in (ticket, reason) if part)
        cause = run.cause._replace(what=what, by=by or run.cause.by, why=why)
        run = run._replace(cause=cause)
        with told(ctx, run) as tell:
            done = back.rollback(run, generation)
            tell(event.of_outcome(done))
    if json:
        show.document(done.value())
        return
    show.plan(done.plan, full=False)
    show.outcome(done, [resolver.title for resolver in run.resolvers])


def rollforward(
    ctx: typer.Context, no_reload: NoReload = False, wait: Wait = WAIT, json: Json = False
) -> None:
    """End the hold of an earlier policy: publish what the rules and feeds say now."""
    from rpzctl import event, sync

    with progress(quiet=json) as shown:
        run = run_of(ctx, wait=wait, reload=not no_reload, progress=shown)
        current = run.store.current()
        if current is None or current.held is None:
            if json:
                show.document({"held": None, "applied": None})
            else:
                print("no policy is held: nothing to do")
            return
        with told(ctx, run) as tell:
            done = sync.apply(run)
            tell(event.of_outcome(done))
    if json:
        show.document({"held": None, "applied": done.value()})
        return
    show.plan(done.plan, full=False)
    show.outcome(done, [resolver.title for resolver in run.resolvers])
