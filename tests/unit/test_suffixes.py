"""Public suffixes, with the `publicsuffixlist` package's own reading as the oracle."""

from pathlib import Path

import pytest
from publicsuffixlist import PublicSuffixList

from rpzctl import suffixes
from rpzctl.names import parse

LIST = suffixes.load()
ORACLE = PublicSuffixList()
PLAIN, WILDCARD, EXCEPTION = LIST.rules
RULES = sorted(PLAIN | WILDCARD | EXCEPTION)


def differences(names: list[str]) -> list[str]:
    expected = {name for name in names if ORACLE.is_public(name)}
    return sorted(expected ^ LIST.among(names))


def test_all_rules_of_the_list_are_read() -> None:
    assert len(PLAIN) > 9000
    assert {"co.uk", "github.io", "xn--p1ai"} <= PLAIN
    assert {"ck", "kawasaki.jp"} <= WILDCARD
    assert {"www.ck", "city.kawasaki.jp"} <= EXCEPTION


def test_every_rule_is_judged_as_by_the_oracle() -> None:
    assert [] == differences(RULES)


def test_every_child_and_grandchild_of_a_rule_is_judged_as_by_the_oracle() -> None:
    assert [] == differences([f"rpzctl-test.{rule}" for rule in RULES])
    assert [] == differences([f"x.rpzctl-test.{rule}" for rule in RULES])


def test_the_parents_of_rules_are_judged_as_by_the_oracle() -> None:
    parents = {rule.partition(".")[2] for rule in RULES} - {""}
    assert [] == differences(sorted(parents))


def test_one_by_one_gives_the_same_as_many_at_once() -> None:
    step = max(1, len(RULES) // 120)
    few = [*RULES[::step], *sorted(WILDCARD | EXCEPTION)]
    few += [f"a.{name}" for name in few]
    many = LIST.among([*few, *RULES])
    assert {name for name in few if name in many} == {n for n in few if LIST.is_suffix(n)}
    assert len(few) > suffixes.FEW


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("com", True),
        ("co.uk", True),
        ("ck", True),
        ("anything.ck", True),
        ("www.ck", False),
        ("a.www.ck", False),
        ("kawasaki.jp", True),
        ("a.kawasaki.jp", True),
        ("city.kawasaki.jp", False),
        ("compute.amazonaws.com", True),
        ("not-a-tld", True),
        ("a.not-a-tld", False),
        ("evil.com", False),
        ("xn--p1ai", True),
        (parse("\u0440\u0444"), True),
        (parse("\u516c\u53f8.cn"), True),
        (parse("a.\u516c\u53f8.cn"), False),
        ("o.uk", False),
        ("===begin", True),
    ],
)
def test_known_cases(name: str, expected: bool) -> None:
    assert expected == LIST.is_suffix(name)
    assert expected == (name in LIST.among([name]))


def test_another_list_is_read_with_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    path.write_bytes(b"// comment\r\ncom\r\nown.example\r\n*.wild.example\r\n!not.wild.example")
    own = suffixes.load(path)
    names = ["own.example", "a.wild.example", "not.wild.example", "co.uk", "a.own.example"]
    assert ["own.example", "a.wild.example"] == [name for name in names if own.is_suffix(name)]
