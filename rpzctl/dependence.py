"""Does a policy depend on what a kind of resolver does otherwise than BIND? For `check`.

Of `rpzctl.differences`, those that the zones themselves tell of. That clients share an answer
(`shared`) they do not. What has no rule here (`gaps`, and rules by which Unbound ends) is kept from
zones by others: the renderer and `rpzctl.abilities`.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rpzctl.check import Finding
from rpzctl.differences import DIFFERENCES
from rpzctl.names import printable
from rpzctl.rpz import MARKS, PASSTHRU, Kind, Row
from rpzctl.triggers import Trigger, is_other, trigger_of

_OTHERS = b".rpz-"
"""in the owner of each rule that is not on names"""
_PASSES = b" CNAME rpz-passthru."
_LATE = frozenset({Trigger.RESPONSE_IP, Trigger.NSDNAME, Trigger.NSIP})
_SERVERS = frozenset({Trigger.NSDNAME, Trigger.NSIP})
_FIX = "docs/reference/resolvers.md tells what each kind does otherwise"


class _Rule(NamedTuple):
    """A rule on something else than names."""

    place: int
    """of its zone, from the front"""
    zone: str
    trigger: Trigger
    does: Kind
    text: str

    @property
    def passes(self) -> bool:
        return self.does is Kind.PASSTHRU


def findings(kind: str, zones: Sequence[tuple[str, Path]]) -> list[Finding]:
    """Find rules of the policy zones `zones`, in order, that `kind` takes otherwise than BIND.

    Each sort once, as a warning, with an example. Raises OSError.

    Harm: an allow that holds on one resolver does not on the other.
    Example: `rpzctl allow 198.51.100.0/24` before feeds: Unbound blocks the names in them all the
    same.
    """
    if not DIFFERENCES[kind]:
        return []
    read = [_read(place, *each) for place, each in enumerate(zones)]
    passing = [place for place, (_, passes) in enumerate(read) if passes]
    return _found(kind, (rule for rules, _ in read for rule in rules), passing, len(zones) - 1)


def of_rules(kind: str, zone: str, fresh: Iterable[Row], rows: Iterable[Row]) -> list[Finding]:
    """Find those of the operator's rules `fresh` that `kind` takes otherwise than BIND.

    `rows` are all rows of the operator's zone, which stands in front; what others say is not looked
    at, as a command has no time for it: `findings` does.
    """
    rules = [
        _Rule(0, zone, trigger_of(row.name), row.action.kind, row.text())
        for row in fresh
        if is_other(row.name)
    ]
    if not rules or not DIFFERENCES[kind]:
        return []
    passing = [0] if any(row.action == PASSTHRU for row in rows) else []
    return _found(kind, rules, passing, last=1)


def _found(kind: str, rules: Iterable[_Rule], passing: Sequence[int], last: int) -> list[Finding]:
    """Return what `kind` takes otherwise of `rules`, each sort once."""
    known = {each.id for each in DIFFERENCES[kind]}
    seen: dict[str, Finding] = {}
    for rule in rules:
        for difference, told in _meant(rule, passing, last):
            if difference in known and difference not in seen:
                message = f"{told} ({kind}); first: {printable(rule.text, 200)}"
                seen[difference] = Finding("resolver", "warning", rule.zone, message, _FIX)
    return list(seen.values())


def _read(place: int, zone: str, path: Path) -> tuple[list[_Rule], bool]:
    """Return the rules of a zone that are not on names, and whether any rule of it passes."""
    found: list[_Rule] = []
    passes = False
    with path.open("rb") as lines:
        for raw in lines:
            passes = passes or _PASSES in raw
            if _OTHERS not in raw:
                continue
            line = raw.decode("ascii", errors="replace").strip()
            trigger = trigger_of(line.partition(" ")[0])
            if trigger is not Trigger.QNAME:
                found.append(_Rule(place, zone, trigger, _does(line), line))
    return found, passes


def _does(line: str) -> Kind:
    """Return what a record does."""
    _, is_cname, target = line.partition(" CNAME ")
    return MARKS.get(target, Kind.CNAME) if is_cname else Kind.DATA


def _meant(rule: _Rule, passing: Sequence[int], last: int) -> Iterator[tuple[str, str]]:
    """Give the differences that a rule may fall under, and what they mean for it.

    `passing` are the places of zones with rules that pass, `last` that of the last zone.
    """
    if rule.passes and rule.trigger in _LATE and rule.place < last:
        yield "order", "what passes by its address or name server is still blocked by name behind"
    if not rule.passes and rule.trigger in _LATE and rule.place < max(passing, default=0):
        yield "order", "what this blocks may pass by a rule in a zone behind"
    if rule.passes and rule.trigger is Trigger.CLIENT_IP:
        yield "client-passes", "a client that passes is still blocked by names in the same zone"
        if rule.place:
            yield "passes", "a client that passes does not pass addresses in zones in front"
    if rule.does is Kind.CNAME and rule.trigger is not Trigger.RESPONSE_IP:
        yield "redirects", "a redirect by a client or a name server is an empty answer"
    if rule.trigger in _SERVERS:
        yield "cached-servers", "names that are in the cache are not held against name servers"
    if rule.trigger is Trigger.RESPONSE_IP:
        if rule.does in {Kind.DROP, Kind.TCP_ONLY}:
            yield "cached-answers", "only the first who asks meets this, then the cache answers"
        if not rule.passes and passing and rule.place >= passing[0]:
            yield "cached-passes", "names that pass are blocked by this when they are in the cache"
