"""deploy show and install: units, a cron line, named.conf and hooks for this machine's paths."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, config_given

if TYPE_CHECKING:
    from rpzctl.deployment.installing import Piece
    from rpzctl.deployment.machine import Machine
    from rpzctl.deployment.parts import Part

_STATES = {"absent": "", "same": "in place", "older": "in place, older", "edited": "edited"}


def _complete(incomplete: str) -> list[str]:
    """Return the parts whose name begins so, for the shell's completion."""
    from rpzctl.deployment import parts

    return [name for name in parts.known() if name.startswith(incomplete)]


Whats = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WHAT...",
        help="watch, sync, cron ...: 'rpzctl deploy show' lists them.",
        show_default=False,
        autocompletion=_complete,
    ),
]
Root = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="A tree that stands for /, for packages and images."),
]
User = Annotated[
    str | None, typer.Option(metavar="NAME", help="Whom rpzctl runs as there [rpzctl].")
]
Group = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of the resolver, there [bind, else named]."),
]
Program = Annotated[
    str | None, typer.Option(metavar="FILE", help="Where rpzctl is there [this rpzctl].")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    deploy = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Units, a cron line, named.conf and hooks, for the paths of this machine.",
    )
    deploy.command("show", epilog="Example: rpzctl deploy show watch, or: rpzctl deploy show")(
        show_parts
    )
    deploy.command(
        epilog="Example: rpzctl deploy install, which is sysusers tmpfiles logrotate watch; or: "
        "rpzctl deploy install sync path --dry-run"
    )(install)
    app.add_typer(deploy, name="deploy")


def show_parts(
    ctx: typer.Context,
    what: Whats = None,
    root: Root = None,
    user: User = None,
    group: Group = None,
    program: Program = None,
    json: Json = False,
) -> None:
    """Show what can be put in place, and what is; or the files of WHAT, as they are written."""
    from rpzctl.deployment import installing, parts

    machine = _machine(ctx, root, user, group, program)
    chosen = parts.chosen(what or list(parts.known()))
    found = installing.pieces(machine, chosen)
    if json:
        show.document({"parts": [_value(part, machine, found) for part in chosen]})
    elif what:
        for piece in found:
            print(show.paint(f"# {piece.path}, mode {piece.mode:04o}", "bold"))
            print(piece.content.decode("utf-8"))
    else:
        rows: list[tuple[str, ...]] = [
            (part.name, _state(part, machine, found), part.what) for part in chosen
        ]
        show.table(("WHAT", "STATE", "FOR"), rows)


def install(
    ctx: typer.Context,
    what: Whats = None,
    root: Root = None,
    user: User = None,
    group: Group = None,
    program: Program = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what was edited, or is of others.")
    ] = False,
    json: Json = False,
) -> None:
    """Put units and files in place, and say what to do next. What was edited stays as it is."""
    from rpzctl.deployment import installing, parts

    machine = _machine(ctx, root, user, group, program)
    chosen = parts.chosen(what or parts.USUAL)
    found = installing.pieces(machine, chosen)
    for line in machine.in_the_way():
        show.note(line)
    if dry_run:
        written = [piece for piece in found if piece.state != "same"]
    else:
        written = installing.install(found, force=force)
    then = list(dict.fromkeys(line for part in chosen for line in part.then(machine)))
    if json:
        show.document(
            {
                "written": [] if dry_run else [str(piece.place) for piece in written],
                "files": [{**piece.value(), "diff": piece.diff()} for piece in found],
                "next": then,
            }
        )
        return
    _tell(found, written, dry_run=dry_run, force=force)
    if written:
        print("\nNext:")
        for line in then:
            print(f"    {line}")


def _tell(found: "list[Piece]", written: "list[Piece]", *, dry_run: bool, force: bool) -> None:
    from rpzctl.names import printable

    for piece in found:
        if piece not in written:
            print(f"in place: {piece.place}")
            continue
        refused = piece.state == "edited" and dry_run and not force
        verb = "would write" if dry_run else "wrote"
        print(f"would refuse: {piece.place} was edited" if refused else f"{verb} {piece.place}")
        if dry_run or piece.there is not None:
            for line in piece.diff():
                colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
                print("  " + show.paint(printable(line, 1000), colour))


def _machine(
    ctx: typer.Context,
    root: str | None,
    user: str | None,
    group: str | None,
    program: str | None,
) -> "Machine":
    from rpzctl.deployment import machine

    return machine.describe(
        config_given(ctx),
        user=user,
        group=group,
        program=Path(program) if program else None,
        root=Path(root).absolute() if root else None,
    )


def _own(part: "Part", machine: "Machine", found: "list[Piece]") -> "list[Piece]":
    paths = {path for _, path in part.placed(machine)}
    return [piece for piece in found if piece.path in paths]


def _state(part: "Part", machine: "Machine", found: "list[Piece]") -> str:
    """Return the state of a part: that of the file that is farthest from being in place."""
    states = [piece.state for piece in _own(part, machine, found)]
    if "edited" in states or "older" in states:
        return _STATES["edited" if "edited" in states else "older"]
    some = "in part" if "same" in states else ""
    return some if "absent" in states else _STATES["same"]


def _value(part: "Part", machine: "Machine", found: "list[Piece]") -> "dict[str, object]":
    return {
        "name": part.name,
        "what": part.what,
        "files": [piece.value() for piece in _own(part, machine, found)],
        "next": part.then(machine),
    }
