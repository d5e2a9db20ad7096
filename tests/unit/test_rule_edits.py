"""What block, allow, unblock and unallow do to the rule files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpzctl import edits
from rpzctl.book import Book
from rpzctl.errors import Refused, UsageFault
from rpzctl.names import Domain
from rpzctl.rpz import Action, Kind, Scope
from rpzctl.rule import Rule, Verb
from rpzctl.rules import parse_text

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LIKE = Rule("block", Domain(""), by="anna", at=NOW)
ALLOW = LIKE._replace(verb="allow")


def book(block: str = "", allow: str = "") -> Book:
    return Book(
        parse_text(block, Path("block.list"), "block"),
        parse_text(allow, Path("allow.list"), "allow"),
    )


def subjects(*names: str, exact: bool = False) -> list[edits.Subject]:
    return edits.understand([("", name) for name in names], exact=exact)


def add(
    before: Book, *names: str, like: Rule = LIKE, exact: bool = False
) -> tuple[Book, list[edits.Result]]:
    return edits.add(before, subjects(*names, exact=exact), like, NOW)


def statuses(results: list[edits.Result]) -> list[str]:
    return [result.status for result in results]


def reread(after: Book) -> Book:
    return book(after.block.text, after.allow.text)


def test_names_are_understood_once_each_and_in_their_order() -> None:
    got = subjects("https://Evil.example/x", "b.example", "evil[.]example", "*.evil.example")
    assert [("evil.example", None), ("b.example", None), ("evil.example", Scope.BELOW)] == [
        (subject.name, subject.scope) for subject in got
    ]
    assert got[0].note == "only the host counts, not the path /x"


def test_all_names_that_cannot_be_read_are_told_at_once() -> None:
    texts = [("list:1: ", "a b"), ("list:2: ", "ok.example"), ("list:3: ", "192.0.2.1\x1b")]
    with pytest.raises(UsageFault, match="2 of the names cannot be read") as caught:
        edits.understand(texts, exact=False)
    first, second = caught.value.details
    assert first.startswith("list:1: 'a b': has a space")
    assert second.startswith("list:3: '192.0.2.1")
    assert second.endswith(": has a control character inside")
    assert second.isprintable()
    assert caught.value.fix == "nothing was changed"


def test_a_star_and_exact_contradict_each_other() -> None:
    with pytest.raises(UsageFault, match="contradict each other"):
        subjects("*.evil.example", exact=True)


def test_names_are_read_from_lines() -> None:
    text = "# head\nevil.example # why\n\n  b.example  \nhttp://c.example/#x\n   # note\n"
    expected = [
        ("f:2: ", "evil.example"),
        ("f:4: ", "b.example"),
        ("f:5: ", "http://c.example/#x"),
    ]
    assert expected == edits.from_lines("f", text)


def test_a_new_rule_is_recorded() -> None:
    after, results = add(book(), "evil.example", like=LIKE._replace(reason="C2"))
    assert ["recorded"] == statuses(results)
    assert after.block.text == "evil.example reason=C2 by=anna at=2026-11-24T03:00:00Z\n"


@pytest.mark.parametrize(
    ("name", "exact", "scope"),
    [
        ("evil.example", False, Scope.SUBTREE),
        ("evil.example", True, Scope.EXACT),
        ("*.evil.example", False, Scope.BELOW),
    ],
)
def test_the_scope_is_as_said(name: str, exact: bool, scope: Scope) -> None:
    after, _ = add(book(), name, exact=exact)
    assert [scope] == [rule.scope for rule in after.block.rules.values()]


def test_the_same_again_is_already_there_and_changes_nothing() -> None:
    before = book("evil.example reason=C2 by=ben  # kept\n")
    after, results = add(before, "evil.example")
    assert ["already"] == statuses(results)
    assert before == after


def test_another_attribute_changes_the_rule_and_keeps_the_rest() -> None:
    before = book("evil.example action=drop reason=C2 ticket=T1 by=ben  # kept\n")
    after, results = add(before, "evil.example", like=LIKE._replace(ticket="T2"))
    assert ["changed"] == statuses(results)
    expected = "evil.example action=drop reason=C2 ticket=T2 by=anna at=2026-11-24T03:00:00Z"
    assert expected + "  # kept\n" == after.block.text


def test_a_rule_without_an_expiry_in_place_of_one_with_is_a_change() -> None:
    after, results = add(book("evil.example expires=2026-12-31\n"), "evil.example")
    assert ["changed"] == statuses(results)
    assert after.block.rules[Domain("evil.example"), Scope.SUBTREE].expires is None


def test_an_expired_rule_is_not_there() -> None:
    after, results = add(book("evil.example expires=2026-11-01 reason=old\n"), "evil.example")
    assert ["recorded"] == statuses(results)
    assert "old" not in after.block.text


@pytest.mark.parametrize(
    ("wide", "name", "exact"),
    [
        ("evil.example", "a.evil.example", False),
        ("evil.example", "a.b.evil.example", True),
        ("evil.example", "evil.example", True),
        ("evil.example", "*.evil.example", False),
        ("*.evil.example", "a.evil.example", False),
    ],
)
def test_what_a_wider_rule_covers_is_already_there(wide: str, name: str, exact: bool) -> None:
    before = book(f"{wide}\n")
    after, results = add(before, name, exact=exact)
    assert ["already"] == statuses(results)
    assert f"by the rule {wide}" == results[0].note
    assert before == after


@pytest.mark.parametrize(
    ("wide", "name", "exact"),
    [
        ("*.evil.example", "evil.example", False),
        ("evil.example exact", "evil.example", False),
        ("evil.example exact", "a.evil.example", False),
        ("evil.example expires=2026-12-31", "a.evil.example", False),
        ("evil.example expires=2026-11-01", "a.evil.example", False),
        ("evil.example via=zone", "a.evil.example", False),
    ],
)
def test_what_no_wider_rule_covers_for_good_is_recorded(wide: str, name: str, exact: bool) -> None:
    _, results = add(book(f"{wide}\n"), name, exact=exact)
    assert ["recorded"] == statuses(results)


def test_another_action_than_the_covering_rule_is_recorded() -> None:
    drop = LIKE._replace(action=Action(Kind.DROP))
    _, results = add(book("evil.example\n"), "a.evil.example", like=drop)
    assert ["recorded"] == statuses(results)
    _, results = add(book("evil.example action=drop\n"), "a.evil.example", like=drop)
    assert ["already"] == statuses(results)


@pytest.mark.parametrize(
    ("blocked", "allowed", "name", "exact"),
    [
        ("evil.example", "good.evil.example", "x.good.evil.example", False),
        ("evil.example", "*.evil.example", "x.evil.example", False),
        ("evil.example", "good.evil.example", "good.evil.example", True),
        ("evil.example", "good.evil.example", "*.good.evil.example", False),
    ],
)
def test_a_block_below_an_exception_is_recorded_for_the_wider_block_does_not_reach_it(
    blocked: str, allowed: str, name: str, exact: bool
) -> None:
    after, results = add(book(f"{blocked}\n", f"{allowed}\n"), name, exact=exact)
    assert ["recorded"] == statuses(results)
    assert 2 == len(after.block.rules)


def test_an_allow_below_a_block_is_recorded_for_the_wider_allow_does_not_reach_it() -> None:
    before = book("evil.good.example\n", "good.example\n")
    _, results = add(before, "x.evil.good.example", like=ALLOW)
    assert ["recorded"] == statuses(results)


@pytest.mark.parametrize("verb", ["block", "allow"])
def test_the_opposite_rule_on_the_same_subject_is_refused_with_its_place(verb: Verb) -> None:
    opposite = "evil.example reason=x\n"
    before = book("", opposite) if verb == "block" else book(opposite)
    with pytest.raises(Refused, match="contradiction") as caught:
        add(before, "evil.example", like=LIKE._replace(verb=verb))
    assert f"{'allow' if verb == 'block' else 'block'}.list:1: " in caught.value.message
    assert "--force" in (caught.value.fix or "")


def test_all_contradictions_are_told() -> None:
    with pytest.raises(Refused, match="2 rules") as caught:
        add(book("", "a.example\nb.example\nc.example\n"), "a.example", "c.example", "d.example")
    assert ["allow.list:1: allow a.example", "allow.list:3: allow c.example"] == list(
        caught.value.details
    )


def test_force_puts_the_new_rule_in_the_place_of_the_opposite_one() -> None:
    before = book("other.example\n", "evil.example\nb.example\n")
    after, results = add(before, "evil.example", like=LIKE._replace(forced=True))
    assert ["recorded"] == statuses(results)
    assert after.allow.text == "b.example\n"
    assert {"other.example", "evil.example"} == {name for name, _ in after.block.rules}


def test_an_expired_opposite_rule_is_no_contradiction() -> None:
    _, results = add(book("", "evil.example expires=2026-11-01\n"), "evil.example")
    assert ["recorded"] == statuses(results)


@pytest.mark.parametrize("opposite", ["good.evil.example", "evil.example exact", "*.evil.example"])
def test_narrower_inside_wider_is_no_contradiction(opposite: str) -> None:
    _, results = add(book("", f"{opposite}\n"), "evil.example")
    assert ["recorded"] == statuses(results)


@pytest.mark.parametrize(
    ("standing", "like"),
    [
        ("evil.example via=zone", LIKE._replace(action=Action(Kind.DROP))),
        ("evil.example action=drop", LIKE._replace(via="zone")),
    ],
)
def test_a_change_never_leaves_a_line_that_cannot_be_read_again(standing: str, like: Rule) -> None:
    try:
        after, _ = add(book(f"{standing}\n"), "evil.example", like=like)
    except UsageFault:
        return
    assert after.block.rules == reread(after).block.rules


def test_a_sinkhole_zone_for_a_part_of_a_subtree_is_refused() -> None:
    with pytest.raises(UsageFault, match="always covers the name and all below it"):
        add(book(), "evil.example", exact=True, like=LIKE._replace(via="zone"))


def test_unblock_takes_every_rule_on_the_name() -> None:
    before = book("evil.example\nevil.example exact\n*.evil.example\na.evil.example\n")
    after, results = edits.remove(before, subjects("evil.example"), "block", NOW)
    assert ["removed"] * 3 == statuses(results)
    assert after.block.text == "a.evil.example\n"


def test_unblock_of_one_scope_takes_that_one() -> None:
    before = book("evil.example\nevil.example exact\n*.evil.example\n")
    after, _ = edits.remove(before, subjects("evil.example", exact=True), "block", NOW)
    assert after.block.text == "evil.example\n*.evil.example\n"
    after, _ = edits.remove(before, subjects("*.evil.example"), "block", NOW)
    assert after.block.text == "evil.example\nevil.example exact\n"


def test_unblock_of_an_expired_rule_takes_it_out() -> None:
    before = book("evil.example expires=2026-11-01\n")
    after, results = edits.remove(before, subjects("evil.example"), "block", NOW)
    assert ["removed"] == statuses(results)
    assert after.block.text == ""


def test_what_is_not_there_is_absent_and_the_covering_rule_is_told() -> None:
    before = book("b.example\nevil.example\n")
    after, results = edits.remove(before, subjects("a.evil.example", "c.example"), "block", NOW)
    assert before == after
    assert ["absent", "absent"] == statuses(results)
    note = results[0].note or ""
    assert "covered by the rule evil.example at block.list:2" in note
    assert "rpzctl allow a.evil.example" in note
    assert results[1].note is None


def test_unallow_leaves_the_block_file_alone() -> None:
    before = book("evil.example\n", "evil.example exact\n")
    after, _ = edits.remove(before, subjects("evil.example"), "allow", NOW)
    assert (before.block, "") == (after.block, after.allow.text)


def test_a_result_is_a_document() -> None:
    until = NOW + timedelta(days=1)
    _, (result,) = add(book(), "B\u00fccher.example", like=LIKE._replace(expires=until, reason="x"))
    value = result.value()
    assert {
        "input": "B\u00fccher.example",
        "name": "xn--bcher-kva.example",
    }.items() <= value.items()
    rule = value["rule"]
    assert isinstance(rule, dict)
    assert rule["expires"] == "2026-11-25T03:00:00Z"
    assert result.subject.shown == "xn--bcher-kva.example (b\u00fccher.example)"
