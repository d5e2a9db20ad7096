"""What a team expects of its policy: ``payroll.example.com`` must resolve for the staff.

    [[case]]
    name = "payroll.example.com"
    expect = "resolves"
    why = "wages are paid on the 25th"

Held against each policy before it is published; one that does not come true stops it.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rpzctl import evaluate, records, views
from rpzctl.config import Config, Line, Name, read_toml
from rpzctl.errors import UsageFault
from rpzctl.manifest import ZoneEntry
from rpzctl.names import Domain
from rpzctl.typed import Faults, Typed

if TYPE_CHECKING:
    from rpzctl.check import Finding

Expected = Literal[
    "resolves", "blocked", "passes", "nxdomain", "nodata", "drop", "tcp-only", "data"
]


def _record_type(text: str) -> str:
    if not records.is_type(text):
        raise ValueError(f"{text!r} is no type of record")
    return text


class ServerOf(Typed):
    """A name server of the zone that answers."""

    name: Name | None = None
    """its name"""
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()
    """its addresses"""


class Case(Typed):
    """One expectation."""

    name: Name
    """the name that is asked for"""
    expect: Expected
    """resolves (nothing keeps the true answer back), blocked, or what exactly happens"""
    type: Annotated[str, _record_type] = "A"
    """the type of record that is asked for"""
    client: IPv4Address | IPv6Address | None = None
    """who asks; for rules on clients"""
    view: str = ""
    """the [[view]] whose client asks; left out: it must be so in each view"""
    answers: tuple[IPv4Address | IPv6Address, ...] = ()
    """the addresses of the true answer; for rules on those"""
    servers: tuple[ServerOf, ...] = ()
    """name servers; for rules on those"""
    zone: str | None = None
    """the policy zone that must decide"""
    why: Line = ""
    """told when it fails"""

    @property
    def query(self) -> evaluate.Query:
        """The question."""
        servers = tuple(
            evaluate.Server(Domain(each.name) if each.name else None, each.addresses)
            for each in self.servers
        )
        return evaluate.Query(
            Domain(self.name), self.type.upper(), self.client, self.answers, servers
        )


class Cases(Typed):
    """A file of expectations."""

    case: tuple[Case, ...] = ()
    """each an expectation"""


class Held(NamedTuple):
    """An expectation, and what the policy does."""

    case: Case
    verdict: evaluate.Verdict
    view: str = ""

    @property
    def fault(self) -> str | None:
        """What is wrong; None: it is as expected."""
        case, verdict = self.case, self.verdict
        if case.expect == "resolves":
            right = not verdict.blocks
        elif case.expect == "blocked":
            right = verdict.blocks
        else:
            right = verdict.outcome == case.expect and not verdict.sinkhole
        if right and case.zone is not None:
            right = verdict.match is not None and verdict.match.zone == case.zone
        if right:
            return None
        zone = f" by {case.zone}" if case.zone else ""
        why = f" ({case.why})" if case.why else ""
        view = f" in the view {self.view}" if self.view else ""
        asked = f"{case.name} {case.type}{view}"
        return f"{asked}: expected {case.expect}{zone}, is {told(verdict)}{why}"


def told(verdict: evaluate.Verdict) -> str:
    """Return a verdict for people."""
    if verdict.sinkhole:
        return f"answered by the sinkhole zone {verdict.sinkhole}"
    if verdict.match is None:
        return str(verdict.outcome)
    match = verdict.match
    records = f" {', '.join(verdict.records)}" if verdict.records else ""
    return f"{verdict.outcome}{records} by {match.zone}: {match.owner}"


def file_of(config: Config) -> Path:
    """Return where the policy repo's own expectations are."""
    return config.repo / config.policy.cases


def load(path: Path) -> tuple[Case, ...]:
    """Read the expectations in the TOML file `path`. Raises `UsageFault` with all faults."""
    try:
        return Cases.of(read_toml(path)).case
    except Faults as found:
        raise UsageFault(
            f"{path} has faults", details=[f"{path}: {line}" for line in found.lines()]
        ) from None


def hold(
    config: Config,
    cases: Sequence[Case],
    zones: Sequence[evaluate.Zone],
    sinkholes: Sequence[str],
) -> list[Held]:
    """Return what becomes of each of `cases`, in each view that it speaks of.

    Raises `UsageFault` for a view that is none.
    """
    every = tuple(view.name for view in config.view) or ("",)
    return [
        Held(case, evaluate.evaluate(*in_view(config, view, zones, sinkholes), case.query), view)
        for case in cases
        for view in ([case.view] if case.view else every)
    ]


def in_view(
    config: Config, name: str, zones: Sequence[evaluate.Zone], sinkholes: Sequence[str]
) -> tuple[list[evaluate.Zone], Sequence[str]]:
    """Return what of the policy a view has, in its order; without a name, all of it.

    Raises `UsageFault` for a view that is none.
    """
    if not name:
        return list(zones), sinkholes
    view = views.of(config, name)
    known = {zone.origin: zone for zone in zones}
    own = views.zones(config, view, list(known))
    return [known[origin] for origin in own], sinkholes if view.sinkholes else ()


def findings(
    config: Config,
    files: Sequence[tuple[Path, ZoneEntry]],
    sinkholes: Sequence[str],
) -> "Iterator[Finding]":
    """Give those of the policy repo's own expectations that do not hold. Raises `UsageFault`."""
    from rpzctl.check import error

    path = file_of(config)
    if not path.is_file():
        return
    cases = load(path)
    with evaluate.opened_zones(files) as zones:
        for held in hold(config, cases, zones, sinkholes):
            if held.fault:
                yield error("case", path, held.fault, "rpzctl test --file shows all")
