"""The conformance table of docs/reference/resolvers.md: each trigger and action on each resolver.

    python -m tests.differential.table KIND...

Writes docs/conformance.json: what a rule of each trigger and action did to a question that was
asked twice, so that the second answer may come from the cache. `seen` prints the same of one kind:

    python -m tests.differential.table --seen FOLDER KIND
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rpzctl.abilities import ABILITIES
from rpzctl.names import Domain
from rpzctl.rpz import Kind
from rpzctl.triggers import Trigger, address_owner, name_owner, network
from tests.differential import universe
from tests.differential.cases import ENDED, PATIENCE, SILENCE, SILENT, answered, served
from tests.differential.engines import ENGINES

FILE = Path(__file__).parents[2] / "docs" / "conformance.json"
YES = "yes"
"""BIND's meaning"""
RESOLVES = "resolves"
TARGET = f"b.{universe.PLACES[-1].name}"
RULES = {
    Kind.NXDOMAIN: "CNAME .",
    Kind.NODATA: "CNAME *.",
    Kind.DROP: "CNAME rpz-drop.",
    Kind.TCP_ONLY: "CNAME rpz-tcp-only.",
    Kind.PASSTHRU: "CNAME rpz-passthru.",
    Kind.CNAME: f"CNAME {TARGET}.",
    Kind.DATA: "A 192.0.2.80",
}
"""of all actions; a sinkhole is data"""


def _owner(trigger: Trigger, number: int) -> Domain:
    """Return the owner of a rule that a question of client and domain `number` meets."""
    place = universe.PLACES[number]
    match trigger:
        case Trigger.QNAME:
            return Domain(_asked(number))
        case Trigger.NSDNAME:
            return name_owner(Domain(place.server))
        case Trigger.CLIENT_IP:
            address = universe.CLIENTS[number]
        case Trigger.NSIP:
            address = place.address
        case Trigger.RESPONSE_IP:
            address = _real(number)
    return address_owner(network(address), trigger)


def _asked(number: int) -> str:
    return f"a.{universe.PLACES[number].name}"


def _real(number: int) -> str:
    return str(universe.PLACES[number].answers(_asked(number), "A")[0])


def _right(action: Kind, number: int) -> str:
    there = universe.PLACES[-1].answers(TARGET, "A")[0]
    return {
        Kind.NXDOMAIN: "NXDOMAIN",
        Kind.NODATA: "nodata",
        Kind.DROP: SILENT,
        Kind.TCP_ONLY: "truncated",
        Kind.PASSTHRU: _real(number),
        Kind.CNAME: f"{TARGET}. {there}",
        Kind.DATA: "192.0.2.80",
    }[action]


def _told(action: Kind, number: int, said: str) -> str:
    """Return for people what an answer is."""
    if said == _right(action, number):
        return YES
    others = {
        _real(number): RESOLVES,
        "nodata": "empty answer",
        f"{TARGET}.": "the CNAME is not followed",
        ENDED: "ends the resolver",
    }
    return others.get(said, said)


def seen(kind: str, folder: Path) -> dict[str, str]:
    """Return by "trigger action" what comes of a rule; see `FILE`."""
    found: dict[str, str] = {}
    for trigger in Trigger:
        ends = [action for action in RULES if (trigger, action) in ABILITIES[kind].ends]
        for actions in ([each for each in RULES if each not in ends], *([each] for each in ends)):
            home = folder / str(len(found))  # short: sockets in it have paths of 107 octets at most
            found |= _seen(kind, home, trigger, actions)
        if found[f"{trigger} {Kind.NXDOMAIN}"] == RESOLVES:
            found[f"{trigger} {Kind.PASSTHRU}"] = RESOLVES  # there was nothing to pass
    return found


def _seen(kind: str, home: Path, trigger: Trigger, actions: list[Kind]) -> dict[str, str]:
    rules = [f"{_owner(trigger, place)} {RULES[each]}" for place, each in enumerate(actions)]
    # What passes in the first zone would be blocked by the same trigger in the second.
    passing = [place for place, each in enumerate(actions) if each is Kind.PASSTHRU]
    behind = [f"{_owner(trigger, place)} CNAME ." for place in passing]
    found: dict[str, str] = {}
    with served(kind, home, (rules, behind)) as engine:
        for place, action in enumerate(actions):
            asked = (universe.CLIENTS[place], _asked(place))
            silent = action is Kind.DROP or (trigger, action) in ABILITIES[kind].ends
            patience = SILENCE if silent else PATIENCE
            said = [_told(action, place, answered(engine, *asked, patience)) for _ in range(2)]
            then = "" if said[0] == said[1] else f"; from the cache: {said[1]}"
            found[f"{trigger} {action}"] = said[0] + then
    return found


def run(kind: str, folder: Path) -> dict[str, str]:
    """Return what is seen of a kind, with a small internet in the network namespace."""
    universe.connect()
    internet = universe.authoritative(folder)
    try:
        internet.start_when_it_answers(universe.ROOT_ADDRESS)
        return seen(kind, folder)
    finally:
        internet.stop()


def write(kinds: list[str]) -> None:
    """Write what is seen of `kinds` into the file, each seen in a namespace of its own."""
    made = json.loads(FILE.read_text(encoding="utf-8"))
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            argv = ["unshare", "--net", "--map-root-user", sys.executable, "-m", __spec__.name]
            done = subprocess.run(
                [*argv, "--seen", folder, kind], capture_output=True, text=True, check=True
            )
        made[kind] = json.loads(done.stdout)
    whole = {kind: made[kind] for kind in ENGINES if kind in made}
    FILE.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--seen"]:
        sys.stdout.write(json.dumps(run(sys.argv[3], Path(sys.argv[2]))))
    else:
        write(sys.argv[1:] or list(ENGINES))
