"""Rules become rows: the most specific wins, and the gaps of DNS wildcards are filled."""

from datetime import UTC, datetime, timedelta

from rpzctl import policy
from rpzctl.names import Domain
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope, owners
from rpzctl.rule import Rule, parse_line

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NXDOMAIN = Action(Kind.NXDOMAIN)


def block(text: str) -> Rule:
    rule = parse_line(text, "block")
    assert rule is not None
    return rule


def allow(text: str) -> Rule:
    rule = parse_line(text, "allow")
    assert rule is not None
    return rule


def rows(*rules: Rule) -> list[str]:
    return [row.text() for row in policy.build(rules, NOW, NXDOMAIN).rows]


def test_the_gap_below_an_exception_is_filled() -> None:
    expected = [
        "evil.org nxdomain",
        "good.evil.org nxdomain",
        "x.good.evil.org passthru",
    ]
    assert expected == rows(block("evil.org"), allow("x.good.evil.org"))


def test_a_gap_is_filled_with_what_covers_it_not_with_the_default() -> None:
    expected = [
        "*.evil.org drop",
        "good.evil.org drop",
        "x.good.evil.org passthru (exact)",
        "*.x.good.evil.org drop",
    ]
    assert expected == rows(block("*.evil.org action=drop"), allow("x.good.evil.org exact"))


def test_nothing_is_filled_where_no_rule_covers() -> None:
    assert ["a.b.c.example nodata (exact)"] == rows(block("a.b.c.example exact action=nodata"))


def test_a_rule_about_the_name_alone_is_more_specific_than_the_subtree() -> None:
    expected = ["evil.org passthru (exact)", "*.evil.org nxdomain"]
    assert expected == rows(block("evil.org"), allow("evil.org exact"))


def test_a_rule_about_what_is_below_is_more_specific_than_the_subtree() -> None:
    expected = ["evil.org nxdomain (exact)", "*.evil.org passthru"]
    assert expected == rows(block("evil.org"), allow("*.evil.org"))


def test_the_same_action_for_a_name_and_below_is_one_row() -> None:
    assert ["evil.org nxdomain"] == rows(block("evil.org exact"), block("*.evil.org"))


def test_a_sinkhole_zone_passes_in_the_policy_zone() -> None:
    made = policy.build([block("evil.org via=zone"), block("b.org via=zone")], NOW, NXDOMAIN)
    assert ("b.org", "evil.org") == made.sinkholes
    assert (
        Row(Domain("b.org"), Scope.SUBTREE, PASSTHRU),
        Row(Domain("evil.org"), Scope.SUBTREE, PASSTHRU),
    ) == made.rows


def test_an_expired_rule_is_not_in_force_from_its_moment_on() -> None:
    rule = block("evil.org")._replace(expires=NOW)
    assert () == policy.build([rule], NOW, NXDOMAIN).rows
    just_before = policy.build([rule], NOW - timedelta(seconds=1), NXDOMAIN)
    assert (rule,) == just_before.rules
    assert just_before.decide("x.evil.org") == NXDOMAIN


def test_rows_are_in_canonical_order_and_each_owner_stands_once() -> None:
    names = ["b.example", "a.b.example", "a-b.example", "a.example", "z.a-b.example", "example"]
    made = policy.build([block(f"{name} action=drop") for name in names], NOW, NXDOMAIN)
    assert ["example", "a.example", "a-b.example", "z.a-b.example", "b.example", "a.b.example"] == [
        row.name for row in made.rows
    ]
    all_owners = [owner for row in made.rows for owner in owners(row.name, row.scope)]
    assert len(set(all_owners)) == len(all_owners)


def test_decide_says_nothing_where_no_rule_speaks() -> None:
    made = policy.build([block("a.evil.org")], NOW, NXDOMAIN)
    assert made.decide("evil.org") is None
    assert made.decide("b.evil.org") is None
    assert made.decide("nota.evil.org") is None
    assert policy.build([], NOW, NXDOMAIN).decide("evil.org") is None
