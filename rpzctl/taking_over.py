"""What a policy zone that exists already says, as rules of the operator: each with its own action.

For `rpzctl import`. A zone in which a trigger and its wildcard say the same is one rule; what lets
pass is an allow rule. Such a file is the operator's own: unlike a feed it may name its origin.
"""

import re
from typing import NamedTuple

from rpzctl.config import Config, Sinkhole
from rpzctl.edits import Subject
from rpzctl.formats import Reject, rpz_rules
from rpzctl.names import Domain, sort_key
from rpzctl.rpz import BITS, PASSTHRU, SCOPES, SINKHOLE, Action, Kind
from rpzctl.rule import Rule

_ORIGIN = re.compile(rb"^\$ORIGIN[ \t]+(\S+\.)[ \t]*(?:;.*)?$", re.MULTILINE | re.IGNORECASE)


class Said(NamedTuple):
    """What a policy zone asks for."""

    parts: tuple[tuple[Rule, tuple[Subject, ...]], ...]
    """what rules have in common, and their subjects"""
    rejected: int
    rejects: tuple[Reject, ...]
    """the first of the lines that cannot be read"""


def of_zone(data: bytes, like: Rule, config: Config) -> Said:
    """Return what the policy zone `data` asks for.

    `like` is what all rules have in common. One for allow rules makes all of it such; the action of
    one for block rules is that of each block, else they have that of the zone.
    """
    read = rpz_rules.rules(*_with_origin(data))
    found: dict[tuple[str, str], tuple[Rule, dict[Domain, int]]] = {}
    for each in read.said:
        passes = like.verb == "allow" or each.action == PASSTHRU
        action = None if passes else like.action or _own(each.action, config)
        rule = like._replace(verb="allow" if passes else "block", action=action)
        key = ("" if rule.verb == "block" else "~", str(action or ""))
        _, names = found.setdefault(key, (rule, {}))
        names[each.owner] = names.get(each.owner, 0) | BITS[each.scope]
    parts = tuple(
        (
            rule,
            tuple(Subject(name, name, SCOPES[names[name]]) for name in sorted(names, key=sort_key)),
        )
        for _, (rule, names) in sorted(found.items(), key=lambda pair: pair[0])
    )
    return Said(parts, read.rejected, read.rejects)


def _with_origin(data: bytes) -> tuple[bytes, str]:
    """Return a zone without its one ``$ORIGIN``, and that origin. Of several none is believed."""
    found = _ORIGIN.findall(data)
    if len(found) != 1:
        return data, ""
    origin = found[0].decode("ascii", errors="replace").lower()
    return _ORIGIN.sub(b"", data), origin


def _own(action: Action, config: Config) -> Action | None:
    """Return the action of a rule that does what a record did; None: the configured one does."""
    if _is_sinkhole(action, config.sinkhole):
        action = SINKHOLE
    return None if action == config.action else action


def _is_sinkhole(action: Action, sinkhole: Sinkhole) -> bool:
    told = {record for record in action.data if not record.startswith("TXT ")}
    return action.kind is Kind.DATA and told == {f"A {sinkhole.ipv4}", f"AAAA {sinkhole.ipv6}"}
