"""The smallest policy and questions that show each documented difference, on real resolvers.

    python -m tests.differential.cases FOLDER KIND...

Runs in a network namespace of its own. Prints what BIND and the resolvers of each kind answered to
each case, as JSON.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from rpzctl.evaluate import Query
from rpzctl.names import Domain
from rpzctl.resolvers import Answer
from rpzctl.triggers import Trigger, address_owner, network
from tests.asking import ask
from tests.differential import universe
from tests.differential.asking import ask_all
from tests.differential.engines import ENGINES, ORIGINS, Engine

_HEAD = """\
$TTL 60
@ IN SOA ns.invalid. h.invalid. 1 3600 600 604800 60
@ IN NS ns.invalid.
"""
PLACE = universe.PLACES[1]
NAME = f"a.{PLACE.name}"
REAL = str(PLACE.answers(NAME, "A")[0])
ELSEWHERE = f"b.{universe.PLACES[2].name}"
"""of another domain, and other name servers"""
THERE = str(universe.PLACES[2].answers(ELSEWHERE, "A")[0])
ENDED = "ended"
"""what is answered by a resolver that is there no more"""
PATIENCE = 3.0
"""seconds until an answer that is to come counts as none"""
SILENCE = 0.2
"""the same of one that is not to come"""
SILENT = "no answer"


def _about(trigger: Trigger, address: str) -> str:
    return address_owner(network(address), trigger)


CLIENT = _about(Trigger.CLIENT_IP, universe.CLIENTS[0])
ANSWER = _about(Trigger.RESPONSE_IP, REAL)
SERVER = f"{PLACE.server}.rpz-nsdname"
SERVERS = f"*.{PLACE.name}.rpz-nsdname"
ADDRESS = _about(Trigger.NSIP, PLACE.address)
NX, PASS, DROP, CUT = "CNAME .", "CNAME rpz-passthru.", "CNAME rpz-drop.", "CNAME rpz-tcp-only."


class Case(NamedTuple):
    """A policy, questions, and what BIND and the other kinds answer."""

    difference: str
    zones: tuple[str, ...]
    """rules, in the order of precedence of the zones; several of one zone by ``; ``"""
    asked: tuple[str, ...]
    """one after the other: the number of a client, and a name"""
    bind: tuple[str, ...]
    others: dict[str, tuple[str, ...]]
    at_once: bool = False
    """questions are sent together, with no answer awaited"""


CASES = (
    Case(
        "order",
        (f"{ANSWER} {PASS}", f"{NAME} {NX}"),
        (f"1 {NAME}",),
        (REAL,),
        {"unbound": ("NXDOMAIN",), "pdns-recursor": ("NXDOMAIN",)},
    ),
    Case(
        "order",
        (f"{ANSWER} {NX}", f"{SERVER} {PASS}"),
        (f"1 {NAME}",),
        ("NXDOMAIN",),
        {"unbound": (REAL,)},
    ),
    Case(
        "order",
        (f"{NAME} {PASS}", f"{CLIENT} {NX}"),
        (f"1 {NAME}",),
        (REAL,),
        {"pdns-recursor": ("NXDOMAIN",)},
    ),
    Case(
        "client-passes",
        (f"{CLIENT} {PASS}; {NAME} {NX}",),
        (f"1 {NAME}",),
        (REAL,),
        {"unbound": ("NXDOMAIN",)},
    ),
    Case(
        "redirects",
        (f"{CLIENT} CNAME {ELSEWHERE}.",),
        (f"1 {NAME}",),
        (f"{ELSEWHERE}. {THERE}",),
        {"unbound": ("nodata",)},
    ),
    Case(
        "redirects",
        (f"{ADDRESS} CNAME {ELSEWHERE}.",),
        (f"1 {NAME}",),
        (f"{ELSEWHERE}. {THERE}",),
        {"unbound": ("nodata",)},
    ),
    Case(
        "redirects",
        (f"{SERVER} CNAME {ELSEWHERE}.",),
        (f"1 {NAME}",),
        (f"{ELSEWHERE}. {THERE}",),
        {"unbound": (f"{ELSEWHERE}.",)},
    ),
    Case(
        "redirects",
        (f"{SERVERS} A 192.0.2.80",),
        (f"1 {NAME}",),
        ("192.0.2.80",),
        {"unbound": ("nodata",)},
    ),
    Case(
        "servers-tcp-only",
        (f"{SERVER} {CUT}",),
        (f"1 {ELSEWHERE}", f"1 {NAME}", f"1 {ELSEWHERE}"),
        (THERE, "truncated", THERE),
        {"unbound": (THERE, ENDED, ENDED)},
    ),
    Case(
        "servers-tcp-only",
        (f"{ADDRESS} {CUT}",),
        (f"1 {ELSEWHERE}", f"1 {NAME}", f"1 {ELSEWHERE}"),
        (THERE, "truncated", THERE),
        {"unbound": (THERE, ENDED, ENDED)},
    ),
    Case(
        "cached-servers",
        (f"{CLIENT} {PASS}; {SERVER} {NX}",),
        (f"1 {NAME}", f"2 {NAME}", f"2 b.{PLACE.name}"),
        (REAL, "NXDOMAIN", "NXDOMAIN"),
        dict.fromkeys(("unbound", "pdns-recursor"), (REAL, REAL, "NXDOMAIN")),
    ),
    Case(
        "cached-servers",
        (f"{ADDRESS} {PASS}", f"{ANSWER} {NX}"),
        (f"1 {NAME}", f"1 {NAME}"),
        (REAL, REAL),
        dict.fromkeys(("unbound", "pdns-recursor"), (REAL, "NXDOMAIN")),
    ),
    Case(
        "cached-passes",
        (f"{NAME} {PASS}", f"{ANSWER} {NX}"),
        (f"1 {NAME}", f"1 {NAME}"),
        (REAL, REAL),
        {"unbound": (REAL, "NXDOMAIN"), "pdns-recursor": (REAL, REAL)},
    ),
    Case(
        "cached-answers",
        (f"{ANSWER} {DROP}",),
        (f"1 {NAME}", f"1 {NAME}"),
        (SILENT, SILENT),
        {"unbound": (SILENT, REAL), "pdns-recursor": (SILENT, SILENT)},
    ),
    Case(
        "cached-answers",
        (f"{ANSWER} {CUT}",),
        (f"1 {NAME}", f"1 {NAME}"),
        ("truncated", "truncated"),
        {"unbound": ("truncated", REAL), "pdns-recursor": ("truncated", "truncated")},
    ),
    Case(
        "gaps",
        (f"*.{PLACE.name} {NX}; x.www.{PLACE.name} {PASS}",),
        (f"1 www.{PLACE.name}", f"1 {NAME}"),
        (str(PLACE.answers(f"www.{PLACE.name}", "A")[0]), "NXDOMAIN"),
        dict.fromkeys(("unbound", "pdns-recursor", "knot"), ("NXDOMAIN", "NXDOMAIN")),
    ),
    Case(
        "passes",
        (f"{ANSWER} {NX}", f"{CLIENT} {PASS}"),
        (f"1 {NAME}",),
        ("NXDOMAIN",),
        {"unbound": (REAL,), "pdns-recursor": ("NXDOMAIN",)},
    ),
    Case(
        "shared",
        (f"{CLIENT} {PASS}; {SERVER} {NX}",),
        (f"1 {NAME}", f"2 {NAME}"),
        (REAL, "NXDOMAIN"),
        {"unbound": (REAL, REAL)},
        at_once=True,
    ),
)


@contextmanager
def served(kind: str, home: Path, zones: Iterable[Iterable[str]]) -> Iterator[Engine]:
    """Give a resolver of a kind with policy zones of these rules, in `home`, which is made."""
    home.mkdir()
    for origin, rules in zip_longest(ORIGINS, zones, fillvalue=()):
        records = "".join(f"{rule}\n" for rule in rules)
        (home / f"{origin}.zone").write_text(_HEAD + records)
    engine = ENGINES[kind](home, wait=False)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def shown(kind: str, folder: Path, cases: Iterable[Case]) -> list[list[str]]:
    """Return what a resolver of a kind answers to each case."""
    found = []
    for number, case in enumerate(cases):
        zones = (rules.split("; ") for rules in case.zones)
        with served(kind, folder / f"{kind}{number}", zones) as engine:
            found.append(answers(engine, case))
    return found


def answers(engine: Engine, case: Case) -> list[str]:
    """Return what is answered to the questions of a case."""
    expected = case.others.get(engine.kind, case.bind)
    words = [text.split() for text in case.asked]
    questions = [(universe.CLIENTS[int(client) - 1], name) for client, name in words]
    if case.at_once:
        queries = [Query(Domain(name), client=ip_address(client)) for client, name in questions]
        return [_said(answer) for answer in ask_all(engine.port, queries, set())]
    return [
        answered(engine, *question, SILENCE if said in {SILENT, ENDED} else PATIENCE)
        for question, said in zip(questions, expected, strict=True)
    ]


def _said(answer: Answer) -> str:
    if answer.rcode != "NOERROR":
        return answer.rcode or SILENT
    return " ".join(data for _, data in answer.records) or "nodata"


def answered(engine: Engine, client: str, name: str, patience: float) -> str:
    """Return what a client is answered, as `servers.ask`, or that the resolver has ended."""
    if engine.ended():
        return ENDED
    got = ask(engine.port, name, timeout=patience, source=client)
    if got == "SERVFAIL":  # named, while it fetches the addresses of name servers
        got = ask(engine.port, name, timeout=patience, source=client)
    return ENDED if got == SILENT and engine.ended(SILENCE) else got


def main(folder: Path, kinds: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return what BIND answered to all cases, and each kind to its own."""
    internet = universe.authoritative(folder)
    try:
        internet.start_when_it_answers(universe.ROOT_ADDRESS)
        return {kind: shown(kind, folder, of(kind)) for kind in kinds}
    finally:
        internet.stop()


def of(kind: str) -> list[Case]:
    """Return the cases that are about a kind."""
    return [case for case in CASES if kind == "bind" or kind in case.others]


if __name__ == "__main__":
    universe.connect()
    top, *names = sys.argv[1:]
    sys.stdout.write(json.dumps(main(Path(top), names)))
