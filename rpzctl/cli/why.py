"""why: who says that a name is blocked or allowed."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, run_of

if TYPE_CHECKING:
    from rpzctl.why import Answer, Said

_COLOURS = {"blocked": "red", "allowed": "green", "neither": "bold"}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog="Example: rpzctl why 'hxxps://login.evil[.]example/x'")(why)


def why(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name, or a URL, or what else people paste.")
    ],
    lines: Annotated[
        bool,
        typer.Option("--lines", help="Look for the lines in copies of feeds however large."),
    ] = False,
    json: Json = False,
) -> None:
    """Tell why a name is blocked, allowed or neither: rules, feeds, lines, guards, since when."""
    from rpzctl import why as path
    from rpzctl.errors import UsageFault
    from rpzctl.names import NameFault, paste, printable

    try:
        pasted = paste(name)
    except NameFault as fault:
        raise UsageFault(f"{printable(name)!r} {fault}") from None
    answer = path.why(run_of(ctx), pasted.name, lines=lines)
    if json:
        show.document(answer.value())
        return
    if pasted.note:
        show.note(pasted.note)
    _tell(answer)


def _tell(answer: "Answer") -> None:
    from rpzctl.why import moment

    by = f" by {answer.zone}: {answer.owner} {answer.action}" if answer.zone else ""
    verdict = "neither blocked nor allowed" if answer.verdict == "neither" else answer.verdict
    print(f"{answer.name} is {show.paint(verdict, _COLOURS[answer.verdict])}{by}")
    for where, rule in answer.rules:
        print(f"  rule {rule.verb} {rule.line()}  ({where})")
    for each in answer.listed:
        print(f"  {each.zone}: {each.name}" + (f": {each.reason}" if each.reason else ""))
        for said in each.said:
            print(f"    {_said(said)}")
    for said in answer.excepted:
        print(f"  excepted: {said.name}: {_said(said)}")
    for zone, gone in answer.gone:
        print(f"  {zone}: {gone.name} was listed until {moment(gone.until)}")
    for note in answer.notes:
        show.note(note)


def _said(said: "Said") -> str:
    text = f"feed {said.feed}, {said.scope}"
    if said.place:
        text += f", line {said.place.line}: {said.place.text}"
    elif not said.searched:
        text += f", in {said.copy}"
    seen = [
        f"{word} seen {moment}"
        for word, moment in (("first", said.first_seen), ("last", said.last_seen))
        if moment
    ]
    return text + (f" ({', '.join(seen)})" if seen else "")
