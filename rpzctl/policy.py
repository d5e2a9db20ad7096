"""The operator's rules as rows of one policy zone. The most specific rule wins.

RPZ wildcards are DNS wildcards: a query for a name that exists in the zone, if only because
something is below it (an empty non-terminal, RFC 4592 section 2.2.2), is not covered by a
wildcard above it. With ``evil.org`` blocked and ``x.good.evil.org`` allowed, BIND would let
``good.evil.org`` and ``y.x.good.evil.org`` through. So each name that exists under a wider
rule gets that rule's action in so many words: the gaps are filled, and a rule means what it
says whatever stands beside it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from rpzctl.names import Domain, ancestors, sort_key
from rpzctl.rpz import PASSTHRU, Action, Row, Scope
from rpzctl.rule import Rule


class Effect(NamedTuple):
    """What a name that exists in the zone gets: itself, and what is below it (None: nothing)."""

    itself: Action | None
    below: Action | None


@dataclass(frozen=True)
class OperatorPolicy:
    """The rules in force, and what they come to."""

    rules: tuple[Rule, ...]
    effects: Mapping[Domain, Effect]
    """for each name that needs to be spoken of; parents before children"""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the operator's zone in canonical order."""
        return tuple(rows(self.effects))

    @cached_property
    def sinkholes(self) -> tuple[Domain, ...]:
        """The names that are sinkhole zones of their own, in canonical order."""
        names = (rule.name for rule in self.rules if rule.via == "zone")
        return tuple(sorted(names, key=sort_key))

    def decide(self, name: str) -> Action | None:
        """Return what the operator's zone does to a query for `name`; None: it says nothing."""
        effect = self.effects.get(Domain(name))
        if effect is not None:
            return effect.itself
        for parent in ancestors(name):
            effect = self.effects.get(parent)
            if effect is not None:
                return effect.below
        return None


def build(rules: Iterable[Rule], now: datetime, default: Action) -> OperatorPolicy:
    """Return the policy of those of `rules` that are in force at `now` (UTC).

    `default` is the action of a block that names none. A rule about a name alone, or about
    what is below it alone, is more specific than one about the whole subtree.
    """
    in_force = tuple(rule for rule in rules if rule.in_force(now))
    own = {rule.subject: action_of(rule, default) for rule in in_force}
    return OperatorPolicy(in_force, effects(own))


def effects(own: Mapping[tuple[Domain, Scope], Action]) -> dict[Domain, Effect]:
    """Return what each name that exists in a zone gets, if it holds `own` actions for subjects.

    Parents come before children. Names between a ruled name and a wider rule above it exist, too.
    """
    made: dict[Domain, Effect] = {}
    for name in sorted(_existing({name for name, _ in own}), key=sort_key):
        above = made.get(Domain(name.partition(".")[2]))
        inherited = above.below if above else None
        whole = own.get((name, Scope.SUBTREE), inherited)
        made[name] = Effect(
            itself=own.get((name, Scope.EXACT), whole),
            below=own.get((name, Scope.BELOW), whole),
        )
    return made


def rows(made: Mapping[Domain, Effect]) -> Iterator[Row]:
    """Give the rows that say `made`, in its order."""
    for name, effect in made.items():
        if effect.itself is not None and effect.itself == effect.below:
            yield Row(name, Scope.SUBTREE, effect.itself)
            continue
        if effect.itself is not None:
            yield Row(name, Scope.EXACT, effect.itself)
        if effect.below is not None:
            yield Row(name, Scope.BELOW, effect.below)


def _existing(ruled: set[Domain]) -> set[Domain]:
    """Return the ruled names, and each name between one of them and a ruled name above it.

    Those exist in the zone under a wider rule; what exists under none needs no record.
    """
    names = set(ruled)
    for name in ruled:
        between: list[Domain] = []
        for parent in ancestors(name):
            if parent in ruled:
                names.update(between)
            between.append(parent)
    return names


def action_of(rule: Rule, default: Action) -> Action:
    """Return the action that the operator's zone takes for `rule`.

    A name that is a sinkhole zone of its own passes: its zone answers then, and no feed's
    policy zone behind may rewrite that answer.
    """
    if rule.verb == "allow" or rule.via == "zone":
        return PASSTHRU
    return rule.action or default
