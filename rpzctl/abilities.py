"""What each kind of resolver makes of policy: which actions and triggers, and what else differs.

`check` warns by it, a publish is refused by it, docs/resolvers.md is written from it, and the
conformance suite holds it against the real daemons.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from rpzctl.check import Finding, error
from rpzctl.names import printable
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows, Shape, expand
from rpzctl.rpz import MARKS, Action, Kind, Row
from rpzctl.triggers import Trigger, trigger_of

CAN = ""
"""it does as BIND does"""
NEVER = "never matches"
"""of a trigger: it knows none of this sort"""


class Ability(NamedTuple):
    """What a kind of resolver makes of policy."""

    title: str
    """with the version that was tried"""
    actions: Mapping[Kind, str]
    """for each action `CAN`, or what happens instead"""
    triggers: Mapping[Trigger, str]
    """the same for each sort of trigger"""
    change: str
    """how a change is brought to it"""
    proof: str
    """how an answer tells that policy made it"""
    cname_targets: str = CAN
    """whether a name is held against policy that a CNAME leads to"""
    ends: frozenset[tuple[Trigger, Kind]] = frozenset()
    """rules by which it ends as soon as a query meets one: never published for it"""
    refuses_duplicates: bool = False
    """a record that stands twice costs the whole zone"""
    wildcard_targets: str = CAN
    """what becomes of a cname to *.TARGET"""
    max_ttl: bool = False
    """it bounds the TTL of a zone's answers where its configuration says so"""


def _actions(**but: str) -> Mapping[Kind, str]:
    return MappingProxyType({kind: but.get(kind.name.lower(), CAN) for kind in Kind})


def _triggers(others: str = CAN, **but: str) -> Mapping[Trigger, str]:
    """Return what becomes of each trigger: of all but the name of the query, `others`."""
    found = {trigger: CAN if trigger is Trigger.QNAME else others for trigger in Trigger}
    return MappingProxyType({t: but.get(t.name.lower(), told) for t, told in found.items()})


ABILITIES: Mapping[str, Ability] = MappingProxyType(
    {
        "bind": Ability(
            title="BIND 9.18",
            actions=_actions(),
            triggers=_triggers(),
            change="`rndc reload` of each changed zone; `rndc reconfig` for another set of zones",
            proof="an answer names its policy zone (SOA in the additional section)",
            max_ttl=True,
        ),
        "unbound": Ability(
            title="Unbound 1.17",
            actions=_actions(),
            triggers=_triggers(),
            ends=frozenset(
                {(Trigger.NSDNAME, Kind.TCP_ONLY), (Trigger.NSIP, Kind.TCP_ONLY)},
            ),
            wildcard_targets="the client is sent to a name that begins with an asterisk",
            change="`unbound-control auth_zone_reload` of each changed zone; `reload_keep_cache` "
            "for another set of zones",
            proof="an answer of policy has the AA flag, and does not say which zone made it",
        ),
        "pdns-recursor": Ability(
            title="PowerDNS Recursor 4.8",
            actions=_actions(),
            triggers=_triggers(
                client_ip="what one client is answered is given to others, unless "
                "disable-packetcache=yes"
            ),
            change="`rec_control reload-lua-config`: all zones, whichever changed",
            proof="an answer names the policy zone that speaks of it (extended error, RFC 8914)",
            refuses_duplicates=True,
            max_ttl=True,
        ),
        "knot": Ability(
            title="Knot Resolver 5.6",
            actions=_actions(cname="left out: the name resolves"),
            triggers=_triggers(NEVER),
            change="its control sockets: each changed zone, or all for another set of zones",
            proof="an answer names its policy zone (extended error, RFC 8914)",
            wildcard_targets="left out: the name resolves",
            cname_targets="not held against policy: it resolves",
        ),
    }
)


class _Seen(NamedTuple):
    """What something that a kind cannot do is, and where it was first seen."""

    message: str
    example: str
    severity: Literal["error", "warning"]
    """an error: nothing with it is published for that kind"""


def of_candidate(kind: str, zone: Candidate) -> list[Finding]:
    """Find what of a zone cannot be published for `kind`. All are errors.

    Harm: a zone that is to be monitored is applied by a kind that knows no such thing.
    """
    shapes = zone.drawn.shapes if zone.drawn else {}
    rows = zone.rows.all() if isinstance(zone.rows, QuickRows) else ()
    found = of_shapes(kind, zone.origin, shapes, rows)
    if zone.monitored:
        found += of_monitored(kind, zone.origin)
    return found + _ends(kind, zone.origin, rows)


def of_monitored(kind: str, origin: str) -> list[Finding]:
    """Find that `kind` cannot merely log what a zone would do."""
    if kind == "bind":
        return []
    told = f"cannot be monitored by {kind}, which would apply it"
    return [error("resolver", origin, told, 'let its group have mode = "enforce"')]


def of_max_ttl(kind: str, group: str, seconds: int | None) -> list[Finding]:
    """Find that `kind` cannot bound how long clients keep the answers of a group (max_policy_ttl).

    Harm: a block that is taken back goes on for as long as the TTL of the zone says.
    """
    if seconds is None or ABILITIES[kind].max_ttl:
        return []
    told = f"max_policy_ttl does nothing on {kind}: its clients keep answers as long as [soa] says"
    return [Finding("resolver", "warning", f"group.{group}", told, "let [soa] ttl be as short")]


def of_shapes(
    kind: str, origin: str, shapes: Mapping[Action, Shape], rows: Iterable[Row] = ()
) -> list[Finding]:
    """Find what `kind` cannot do among the records that a zone is to have. Each is an error.

    Of `rows` the first is told that it is about.

    Harm: Knot Resolver leaves such a rule out, and the name resolves; PowerDNS Recursor drops the
    whole zone for one record that stands twice, and says that all is well.
    """
    found: dict[str, Finding] = {}
    for action, shape in shapes.items():
        for seen in _faults(kind, expand(shape, _NAME).splitlines(keepends=True)):
            first = next((row for row in rows if row.action == action), None)
            told = f"{seen.message} ({kind})" + (f"; first: {first.text()}" if first else "")
            found.setdefault(seen.message, error("resolver", origin, told, _FIX))
    return list(found.values())


def of_zone_file(kind: str, origin: str, path: Path) -> list[Finding]:
    """Find what `kind` cannot do in a published zone file, with an example of each.

    Triggers that it does not know are warnings, for they are for other resolvers then. The others
    are errors: nothing more is published for it with them.
    """
    with path.open(encoding="ascii", errors="replace") as lines:
        return [
            Finding(
                "resolver",
                seen.severity,
                origin,
                printable(f"{seen.message} ({kind}); first: {seen.example}", 400),
                _FIX,
            )
            for seen in _faults(kind, lines)
        ]


_NAME = "name.invalid"
_FIX = "docs/resolvers.md tells what each kind can do"
_RECORD = re.compile(r"(?:[0-9]+ )?(?:IN )?([A-Z0-9]+) (.*)")


def _faults(kind: str, lines: Iterable[str]) -> list[_Seen]:
    """Return each sort of fault once."""
    able = ABILITIES[kind]
    found: dict[str, _Seen] = {}

    def tell(message: str, line: str, severity: Literal["error", "warning"] = "error") -> None:
        found.setdefault(message, _Seen(message, line.strip(), severity))

    before = ""
    for line in lines:
        if line == before and able.refuses_duplicates:
            tell("a record stands twice, for which the whole zone is dropped", line)
        before = line
        owner, _, rest = line.partition(" ")
        trigger = trigger_of(owner)
        if able.triggers[trigger] != CAN:
            tell(f"trigger {trigger}: {able.triggers[trigger]}", line, "warning")
        record = _RECORD.match(rest)
        if record is None:
            continue
        action = Kind.DATA
        if record[1] == "CNAME":
            action = MARKS.get(record[2], Kind.CNAME)
        is_wild = action is Kind.CNAME and record[2].startswith("*.")
        if able.actions[action] != CAN:
            tell(f"action {action}: {able.actions[action]}", line)
        elif is_wild and able.wildcard_targets != CAN:
            tell(f"action {action} to *.NAME: {able.wildcard_targets}", line)
        if (trigger, action) in able.ends:
            tell(_ending(trigger, action), line)
    return list(found.values())


def unknown(kind: str, origin: str, rows: Iterable[Row]) -> list[Finding]:
    """Find rules among `rows` whose triggers `kind` does not know: each sort once, as a warning.

    They are for the other resolvers then.
    """
    able = ABILITIES[kind]
    seen: dict[str, Finding] = {}
    for row in rows:
        trigger = trigger_of(row.name)
        if able.triggers[trigger] != CAN:
            message = f"trigger {trigger}: {able.triggers[trigger]}"
            _note(seen, "warning", origin, message, kind, row)
    return list(seen.values())


def for_none(kinds: Collection[str], origin: str, rows: Iterable[Row]) -> list[Finding]:
    """Find rules that none of the configured kinds knows. Each is an error.

    Harm: on Knot Resolver alone `rpzctl block 198.51.100.7` would be called live, and do nothing.
    """
    found = []
    for row in rows:
        trigger = trigger_of(row.name)
        if is_known_by_none(kinds, trigger):
            told = f"no resolver that is configured knows the trigger {trigger}: {row.text()}"
            found.append(error("resolver", origin, told, _FIX))
    return found


def is_known_by_none(kinds: Collection[str], trigger: Trigger) -> bool:
    """Tell whether there are resolvers of `kinds`, and none of them knows `trigger`."""
    return bool(kinds) and all(ABILITIES[kind].triggers[trigger] == NEVER for kind in kinds)


def _ends(kind: str, origin: str, rows: Iterable[Row]) -> list[Finding]:
    """Find rules among `rows` that end `kind`: each sort once, as an error. Large zones have none.

    Harm: Unbound 1.17 ends at the first query that meets a rule on name servers with tcp-only.
    """
    seen: dict[str, Finding] = {}
    for row in rows:
        trigger = trigger_of(row.name)
        if (trigger, row.action.kind) in ABILITIES[kind].ends:
            _note(seen, "error", origin, _ending(trigger, row.action.kind), kind, row)
    return list(seen.values())


def why_not(kind: str, trigger: Trigger, action: Action) -> str | None:
    """Return why a rule cannot be published for `kind`; None: it can."""
    able = ABILITIES[kind]
    if (trigger, action.kind) in able.ends:
        return _ending(trigger, action.kind)
    if action.kind is Kind.CNAME and str(action.target).startswith("*.") and able.wildcard_targets:
        return able.wildcard_targets
    return None if able.actions[action.kind] == CAN else able.actions[action.kind]


def _ending(trigger: Trigger, action: Kind) -> str:
    return f"{action} by trigger {trigger} ends it"


def _note(
    seen: dict[str, Finding],
    severity: Literal["error", "warning"],
    origin: str,
    message: str,
    kind: str,
    row: Row,
) -> None:
    if message not in seen:
        told = f"{message} ({kind}); first: {row.text()}"
        seen[message] = Finding("resolver", severity, origin, told, _FIX)
