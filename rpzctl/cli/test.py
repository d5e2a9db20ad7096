"""test: what the policy would do with a query."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, run_of

if TYPE_CHECKING:
    from rpzctl.cases import Held
    from rpzctl.evaluate import Address, Query, Server, Verdict
    from rpzctl.run import Run

_FAILED = 4
_MARKS: Mapping[bool | None, str] = {True: "as the policy says", None: "cannot be told"}
_UNTOLD = {
    "client-ip": "clients (--client)",
    "response-ip": "addresses in answers (--answer)",
    "nsdname": "names of name servers (--ns)",
    "ns-ip": "addresses of name servers (--ns)",
}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "test", epilog="Example: rpzctl test www.evil.example --answer 198.51.100.7 --live"
    )(simulate)


def simulate(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The name that is asked for.", show_default=False),
    ] = None,
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="The type of record asked for.")
    ] = "A",
    client: Annotated[
        str | None, typer.Option(metavar="IP", help="Who asks, for rules on clients.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="An address of the true answer.", show_default=False),
    ] = None,
    ns: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[,IP...]", help="A name server of the zone.", show_default=False),
    ] = None,
    view: Annotated[
        str | None, typer.Option(metavar="NAME", help="In one view of named; else in each.")
    ] = None,
    planned: Annotated[
        bool, typer.Option("--planned", help="The policy as apply would publish it.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the resolvers, too, and compare.")
    ] = False,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Hold the policy against the expectations in FILE."),
    ] = None,
    json: Json = False,
) -> None:
    """Tell what the policy does with a query: which zone and record, and what that beat.

    No server is asked, but with --live. Exit code 4: an expectation, or the resolver, says
    something else.
    """
    from rpzctl.errors import UsageFault

    if (name is None) == (file is None):
        raise UsageFault("give a name, or --file with expectations")
    if file is not None and (live or client or answer or ns or view or kind != "A"):
        raise UsageFault(
            "with --file, what is asked stands in the file: take the other options out"
        )
    if live and kind.upper() == "ANY":
        raise UsageFault("--live asks for one type: of ANY each resolver gives what it likes")
    run = run_of(ctx)
    if file is not None:
        _cases(run, Path(file), planned=planned, as_json=json)
        return
    query = _query(name or "", kind, client, answer or [], ns or [])
    _one(run, query, view, planned=planned, live=live, as_json=json)


def _one(
    run: "Run", query: "Query", view: str | None, *, planned: bool, live: bool, as_json: bool
) -> None:
    """Tell what becomes of one query: in a view, or in each."""
    from rpzctl import cases, whatif

    every = tuple(each.name for each in run.config.view)
    asked = (view,) if view else every or ("",)
    verdicts = whatif.verdicts(run, query, dict.fromkeys((*asked, "")), as_planned=planned)
    told = {each: verdicts[each] for each in asked}
    differ = _live(run, query, told if view else verdicts) if live else []
    shadows = [] if planned else whatif.monitored(run, query)
    if as_json:
        each_view = {"views": {each: told[each].value() for each in told}}
        value = told[asked[0]].value() if view or not every else each_view
        more = {"live": differ} if live else {}
        if shadows:
            more["monitored"] = [verdict.value() for verdict in shadows]
        show.document({"name": query.name, "type": query.type, **value, **more})
    else:
        for each, verdict in told.items():
            _tell(query, verdict, each)
        for verdict in shadows:
            print(show.plain(f"  only monitored: {cases.told(verdict)}"))
        for resolver in differ:
            mark = _MARKS.get(resolver["agrees"]) or show.paint("differs", "red")
            print(f"  {resolver['resolver']}: {show.plain(str(resolver['answer']))}: {mark}")
    if any(resolver["agrees"] is False for resolver in differ):
        raise typer.Exit(_FAILED)


def _query(name: str, kind: str, client: str | None, answers: list[str], ns: list[str]) -> "Query":
    from rpzctl import records
    from rpzctl.errors import UsageFault
    from rpzctl.evaluate import Query
    from rpzctl.names import NameFault, paste, printable

    try:
        pasted = paste(name)
    except NameFault as fault:
        raise UsageFault(f"{printable(name)!r} {fault}") from None
    if not records.is_type(kind):
        raise UsageFault(f"--type {printable(kind)!r} is no type of record")
    return Query(
        pasted.name,
        kind.upper(),
        _address(client, "--client") if client else None,
        tuple(_address(text, "--answer") for text in answers),
        tuple(_server(text) for text in ns),
    )


def _address(text: str, option: str) -> "Address":
    from ipaddress import ip_address

    from rpzctl.errors import UsageFault
    from rpzctl.names import printable

    try:
        return ip_address(text)
    except ValueError:
        raise UsageFault(f"{option} {printable(text)!r} is no address") from None


def _server(text: str) -> "Server":
    from rpzctl.errors import UsageFault
    from rpzctl.evaluate import Server
    from rpzctl.names import NameFault, parse, printable

    name, *addresses = text.split(",")
    try:
        parsed = parse(name) if name else None
    except NameFault as fault:
        raise UsageFault(f"--ns {printable(text)!r}: the name {fault}") from None
    return Server(parsed, tuple(_address(each, "--ns") for each in addresses))


def _live(run: "Run", query: "Query", verdicts: Mapping[str, "Verdict"]) -> list[dict[str, Any]]:
    """Ask the resolver of each view; return what it says, and whether the policy says that.

    None: it says something else, by a rule perhaps of which the query says nothing.
    """
    from rpzctl import whatif
    from rpzctl.resolvers import Question

    found: list[dict[str, Any]] = []
    for settings, resolver in zip(run.config.resolver, run.resolvers, strict=True):
        verdict = verdicts.get(getattr(settings, "view", ""))
        if verdict is None:
            continue
        [answer] = resolver.ask([Question(query.name, query.type)], 2.0)
        found.append(
            {
                "resolver": resolver.title,
                "answer": answer.text(),
                "agrees": whatif.held_against(
                    query, verdict, answer, run.config.sinkhole, resolver.marks
                ),
            }
        )
    return found


def _tell(query: "Query", verdict: "Verdict", view: str) -> None:
    from rpzctl.cases import told

    colour = "red" if verdict.blocks else "green"
    where = f" in {view}" if view else ""
    print(f"{query.name} {query.type}{where}: {show.paint(told(verdict), colour)}")
    for match in verdict.beaten:
        records = ", ".join(match.records)
        print(show.plain(f"  beats {match.zone}: {match.owner} {records}"))
    if verdict.untold:
        rules = ", ".join(_UNTOLD[each] for each in verdict.untold)
        print(f"  unless one of the rules on {rules} is met")


def _cases(run: "Run", path: Path, *, planned: bool, as_json: bool) -> None:
    from rpzctl import whatif

    found = whatif.held(run, path, as_planned=planned)
    failed = [held for held in found if held.fault]
    if as_json:
        show.document({"ok": not failed, "cases": [_value(held) for held in found]})
    else:
        for held in failed:
            print(show.paint("failed: ", "red") + show.plain(held.fault or ""))
        print(f"{len(found) - len(failed)} of {len(found)} as expected")
    if failed:
        raise typer.Exit(_FAILED)


def _value(held: "Held") -> dict[str, object]:
    return {
        "name": held.case.name,
        "expect": held.case.expect,
        "fault": held.fault,
        **({"view": held.view} if held.view else {}),
        **held.verdict.value(),
    }
