"""why: who says that a name is blocked or allowed."""

from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, run_of

if TYPE_CHECKING:
    from datetime import datetime

    from rpzctl.evaluate import Address
    from rpzctl.rule import Rule
    from rpzctl.why import Answer, Said

_COLOURS = {"blocked": "red", "allowed": "green", "neither": "bold"}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog="Example: rpzctl why 'hxxps://login.evil[.]example/x'; rpzctl why 198.51.100.7"
    )(why)


def why(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name, or a URL, or what else people paste; or an address."
        ),
    ],
    lines: Annotated[
        bool,
        typer.Option("--lines", help="Look for the lines in copies of feeds however large."),
    ] = False,
    json: Json = False,
) -> None:
    """Tell why a name is blocked, allowed or neither: rules, feeds, lines, guards, since when.

    Of an address: why answers with it are.
    """
    from rpzctl import why as path
    from rpzctl.errors import UsageFault
    from rpzctl.names import NameFault, paste, printable

    address = _address(name)
    if address is not None:
        _why_address(ctx, address, json=json)
        return
    if (first := _first_of(name)) is not None:
        raise UsageFault(
            f"{printable(name)!r} is a network",
            fix=f"ask about an address in it: rpzctl why {first}",
        )
    try:
        pasted = paste(name)
    except NameFault as fault:
        raise UsageFault(f"{printable(name)!r} {fault}") from None
    run = run_of(ctx)
    answer = path.why(run, pasted.name, lines=lines)
    if json:
        show.document(answer.value())
        return
    if pasted.note:
        show.note(pasted.note)
    _tell(answer, run.now)


def _address(text: str) -> "Address | None":
    """Return the address that was pasted, perhaps defanged; None: it is none."""
    from ipaddress import ip_address

    plain = text.strip().replace("[.]", ".").replace("[:]", ":").strip("[]")
    try:
        return ip_address(plain)
    except ValueError:
        return None


def _first_of(text: str) -> "Address | None":
    """Return the first address of a network in the form ADDRESS/BITS; None: it is none."""
    from ipaddress import ip_network

    address, slash, bits = text.strip().replace("[.]", ".").partition("/")
    if not slash or _address(address) is None or not bits.isdigit():
        return None
    try:
        return ip_network(f"{address}/{bits}", strict=False)[0]
    except ValueError:
        return None


def _why_address(ctx: typer.Context, address: "Address", *, json: bool) -> None:
    from rpzctl.why_address import why as path

    run = run_of(ctx)
    found = path(run, address)
    if json:
        show.document(found.value())
        return
    match = found.verdict.match
    by = f" by {match.zone}: {match.owner} {found.verdict.outcome}" if match else ""
    verdict = "neither blocked nor allowed" if found.word == "neither" else found.word
    print(f"{address} in answers is {show.paint(verdict, _COLOURS[found.word])}{by}")
    for where, rule in found.rules:
        print(f"  {_rule(where, rule, run.now)}")
    for each in found.listed:
        told = f": {each.reason}" if each.reason else ""
        seen = f" (last seen {each.last_seen})" if each.last_seen else ""
        print(show.plain(f"  {each.zone}: {each.network}, feed {each.feed}{seen}{told}"))


def _rule(where: str, rule: "Rule", now: "datetime") -> str:
    """Return a rule for people, with its place."""
    over = "" if rule.in_force(now) else "; it has expired"
    return show.plain(f"rule {rule.verb} {rule.line()}  ({where}{over})")


def _tell(answer: "Answer", now: "datetime") -> None:
    from rpzctl.why import moment

    by = f" by {answer.zone}: {answer.owner} {answer.action}" if answer.zone else ""
    verdict = "neither blocked nor allowed" if answer.verdict == "neither" else answer.verdict
    print(f"{answer.name} is {show.paint(verdict, _COLOURS[answer.verdict])}{by}")
    for view, told in answer.views:
        print(f"  in {view}: {told}")
    for where, rule in answer.rules:
        print(f"  {_rule(where, rule, now)}")
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
