"""The rows of the operator's zone against two slow readings of what they must mean.

`by_rules` states "the most specific rule wins" directly on the rules. `by_dns` looks a name
up in the zone as RFC 4592 has it: the exact owner, else the wildcard of the closest encloser,
where a name exists if only because something is below it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import policy
from rpzctl.names import Domain
from rpzctl.rpz import PASSTHRU, Action, Kind, Scope, owners
from rpzctl.rule import Rule

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DEFAULT = Action(Kind.NXDOMAIN)
ALPHABET = "abc"
QUERIES = [".".join(labels) for depth in range(1, 6) for labels in product(ALPHABET, repeat=depth)]

_names = st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=4).map(".".join).map(Domain)
_actions = st.sampled_from([None, Action(Kind.DROP), Action(Kind.CNAME, Domain("garden.example"))])
_blocks = st.builds(
    lambda name, scope, action: Rule("block", name, scope, action),
    _names,
    st.sampled_from(Scope),
    _actions,
)
_zones = st.builds(lambda name: Rule("block", name, via="zone"), _names)
_allows = st.builds(lambda name, scope: Rule("allow", name, scope), _names, st.sampled_from(Scope))
_rules = st.lists(
    st.one_of(_blocks, _zones, _allows), max_size=9, unique_by=lambda rule: rule.subject
)


def action_of(rule: Rule) -> Action:
    if rule.verb == "allow" or rule.via == "zone":
        return PASSTHRU
    return rule.action or DEFAULT


def by_rules(rules: list[Rule], query: str) -> Action | None:
    found: list[tuple[int, int, Action]] = []
    for rule in rules:
        depth = rule.name.count(".")
        if query == rule.name and rule.scope is not Scope.BELOW:
            found.append((depth, rule.scope is Scope.EXACT, action_of(rule)))
        if query.endswith("." + rule.name) and rule.scope is not Scope.EXACT:
            found.append((depth, rule.scope is Scope.BELOW, action_of(rule)))
    return max(found, key=lambda each: each[:2])[2] if found else None


def by_dns(zone: Mapping[str, Action], query: str) -> Action | None:
    existing = {
        ".".join(labels[i:]) for labels in (owner.split(".") for owner in zone)
        for i in range(len(labels))
    }  # fmt: skip
    if query in existing:
        return zone.get(query)
    labels = query.split(".")
    for cut in range(1, len(labels)):
        encloser = ".".join(labels[cut:])
        if encloser in existing:
            return zone.get("*." + encloser)
    return zone.get("*")


@settings(deadline=None, max_examples=150)
@given(_rules)
def test_the_zone_means_what_the_rules_say(rules: list[Rule]) -> None:
    made = policy.build(rules, NOW, DEFAULT)
    zone = {owner: row.action for row in made.rows for owner in owners(row.name, row.scope)}
    wanted = {query: by_rules(rules, query) for query in QUERIES}
    assert wanted == {query: by_dns(zone, query) for query in QUERIES}
    assert wanted == {query: made.decide(query) for query in QUERIES}


@settings(deadline=None, max_examples=150)
@given(_rules)
def test_rows_are_sorted_unique_and_the_same_for_any_order_of_rules(rules: list[Rule]) -> None:
    made = policy.build(rules, NOW, DEFAULT)
    keys = [tuple(reversed(row.name.split("."))) for row in made.rows]
    assert sorted(keys) == keys
    all_owners = [owner for row in made.rows for owner in owners(row.name, row.scope)]
    assert len(set(all_owners)) == len(all_owners)
    assert made.rows == policy.build(reversed(rules), NOW, DEFAULT).rows
