"""Does a policy depend on what a kind of resolver does otherwise than BIND? For `check`.

Of `rpzctl.differences`, those that the zones themselves tell of; that answers are shared between
clients, or come from a cache, they do not.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rpzctl.check import Finding
from rpzctl.differences import DIFFERENCES
from rpzctl.names import printable
from rpzctl.triggers import Trigger, trigger_of

_OTHERS = b".rpz-"
"""in the owner of each rule that is not on names, and in the targets of some actions"""
_LATE = frozenset({Trigger.RESPONSE_IP, Trigger.NSDNAME, Trigger.NSIP})
_SERVERS = frozenset({Trigger.NSDNAME, Trigger.NSIP})
_FIX = "docs/reference/resolvers.md tells what each kind does otherwise"


class _Rule(NamedTuple):
    """A rule on something else than names."""

    place: int
    """of its zone, from the front"""
    zone: str
    trigger: Trigger
    line: str

    @property
    def passes(self) -> bool:
        return self.line.endswith(" CNAME rpz-passthru.")


def findings(kind: str, zones: Sequence[tuple[str, Path]]) -> list[Finding]:
    """Find rules of the policy zones `zones`, in order, that `kind` takes otherwise than BIND.

    Each sort once, as a warning, with an example. Raises OSError.

    Harm: an allow that holds on one resolver does not on the other.
    Example: `rpzctl allow 198.51.100.0/24` before feeds: Unbound blocks the names in them all the
    same.
    """
    known = {each.id for each in DIFFERENCES[kind]}
    if not known:
        return []
    rules = [rule for place, each in enumerate(zones) for rule in _rules(place, *each)]
    seen: dict[str, Finding] = {}
    for rule in rules:
        for difference, told in _meant(rule, last=len(zones) - 1):
            if difference in known and difference not in seen:
                message = f"{told} ({kind}); first: {printable(rule.line, 200)}"
                seen[difference] = Finding("resolver", "warning", rule.zone, message, _FIX)
    return list(seen.values())


def _rules(place: int, zone: str, path: Path) -> Iterator[_Rule]:
    with path.open("rb") as lines:
        for raw in lines:
            if _OTHERS not in raw:
                continue
            line = raw.decode("ascii", errors="replace").strip()
            trigger = trigger_of(line.partition(" ")[0])
            if trigger is not Trigger.QNAME:
                yield _Rule(place, zone, trigger, line)


def _meant(rule: _Rule, last: int) -> Iterator[tuple[str, str]]:
    """Give the differences that a rule may fall under, and what they mean for it."""
    if rule.passes and rule.trigger in _LATE and rule.place < last:
        yield "order", "what passes by its address or name server is still blocked by name behind"
    if rule.passes and rule.trigger is Trigger.CLIENT_IP:
        yield "client-passes", "a client that passes is still blocked by names in the same zone"
        if rule.place:
            yield "passes", "a client that passes does not pass addresses in zones in front"
    redirects = " CNAME " in rule.line and not rule.line.endswith(
        (" .", " *.", " rpz-drop.", " rpz-tcp-only.", " rpz-passthru.")
    )
    if redirects and rule.trigger is not Trigger.RESPONSE_IP:
        yield "redirects", "a redirect by a client or a name server is an empty answer"
    if rule.trigger in _SERVERS and rule.line.endswith(" rpz-tcp-only."):
        yield "servers-tcp-only", "what meets this rule is not answered"
