"""What stops a change that is likely to be a mistake."""

from pathlib import Path

import pytest

from rpzctl import shipped, suffixes
from rpzctl.errors import Refused
from rpzctl.guards import (
    Protected,
    Stop,
    contradictions,
    feed_hosts,
    judge,
    read_protect_list,
    refuse,
)
from rpzctl.names import Domain
from rpzctl.rpz import Scope
from rpzctl.rule import Rule, Verb

LIST = suffixes.load()
PROTECTED = Protected(
    {Domain("ocsp.ca.example"): "OCSP", Domain("example.net"): "own", Domain("www.corp.org"): "own"}
)


def rule(verb: Verb, text: str, *, via: bool = False, forced: bool = False) -> Rule:
    words = text.split()
    scope = Scope.EXACT if "exact" in words else Scope.SUBTREE
    if words[0].startswith("*."):
        words[0], scope = words[0][2:], Scope.BELOW
    return Rule(verb, Domain(words[0]), scope, via="zone" if via else "rpz", forced=forced)


@pytest.mark.parametrize(
    ("name", "scope", "expected"),
    [
        ("example.net", Scope.SUBTREE, "example.net"),
        ("example.net", Scope.EXACT, "example.net"),
        ("example.net", Scope.BELOW, "example.net"),
        ("a.b.example.net", Scope.EXACT, "example.net"),
        ("a.b.example.net", Scope.BELOW, "example.net"),
        ("net", Scope.SUBTREE, "example.net"),
        ("net", Scope.BELOW, "example.net"),
        ("net", Scope.EXACT, None),
        ("ca.example", Scope.SUBTREE, "ocsp.ca.example"),
        ("ca.example", Scope.EXACT, None),
        ("notexample.net", Scope.SUBTREE, None),
        ("example.network", Scope.SUBTREE, None),
        ("evil.example", Scope.SUBTREE, None),
    ],
)
def test_a_block_hits_what_it_would_take_away(
    name: str, scope: Scope, expected: str | None
) -> None:
    assert expected == PROTECTED.hit(name, scope)


@pytest.mark.parametrize(
    ("judged", "guards"),
    [
        (rule("block", "com"), ["public-suffix"]),
        (rule("block", "co.uk"), ["public-suffix"]),
        (rule("block", "co.uk exact"), ["public-suffix"]),
        (rule("block", "*.co.uk"), ["public-suffix"]),
        (rule("allow", "com"), ["public-suffix"]),
        (rule("block", "github.io"), ["public-suffix"]),
        (rule("block", "net"), ["public-suffix", "protected"]),
        (rule("block", "example.net"), ["protected"]),
        (rule("block", "x.example.net", via=True), ["protected"]),
        (rule("allow", "example.net"), []),
        (rule("block", "evil.co.uk"), []),
        (rule("block", "net", forced=True), []),
    ],
)
def test_each_guard_judges_what_it_is_for(judged: Rule, guards: list[str]) -> None:
    assert guards == [stop.guard for stop in judge([judged], LIST, PROTECTED)]


def test_a_stop_names_rule_reason_and_guard() -> None:
    (stop,) = judge([rule("block", "*.ca.example")], LIST, PROTECTED)
    expected = (
        "block *.ca.example: would take away ocsp.ca.example, which is protected (OCSP) "
        "[guard: protected]"
    )
    assert expected == stop.text()


@pytest.mark.parametrize(
    ("block", "allow", "contradicts"),
    [
        (rule("block", "evil.example"), "evil.example", True),
        (rule("block", "evil.example exact"), "evil.example exact", True),
        (rule("block", "*.evil.example"), "*.evil.example", True),
        (rule("block", "evil.example"), "good.evil.example", False),
        (rule("block", "evil.example"), "evil.example exact", False),
        (rule("block", "evil.example exact"), "evil.example", False),
        (rule("block", "a.evil.example"), "evil.example", False),
        (rule("block", "evil.example", via=True), "evil.example", True),
        (rule("block", "evil.example", via=True), "evil.example exact", True),
        (rule("block", "evil.example", via=True), "*.evil.example", True),
        (rule("block", "evil.example", via=True), "a.b.evil.example exact", True),
        (rule("block", "evil.example", via=True), "example", False),
        (rule("block", "evil.example", via=True), "notevil.example", False),
    ],
)
def test_only_what_cannot_hold_together_contradicts(
    block: Rule, allow: str, contradicts: bool
) -> None:
    allowed = rule("allow", allow)
    expected = [(block, allowed)] if contradicts else []
    assert expected == contradictions([block, allowed])
    assert expected == contradictions([allowed, block])


def test_refuse_tells_all_objections_and_the_way_out() -> None:
    refuse([])
    stops = [Stop("protected", "block a", "no"), Stop("public-suffix", "block b", "no")]
    with pytest.raises(Refused, match="2 objections") as caught:
        refuse(stops)
    assert tuple(stop.text() for stop in stops) == caught.value.details
    assert "--force" in (caught.value.fix or "")
    with pytest.raises(Refused, match="block a: no"):
        refuse(stops[:1])


def test_the_shipped_list_reads_and_each_name_says_why() -> None:
    names = read_protect_list(shipped.protect_list())
    assert len(names) > 50
    assert all(names.values())
    assert "root name servers" == names[Domain("root-servers.net")]


def test_a_bad_line_of_a_protect_list_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "protect.list"
    path.write_text("# own\nexample.net # ours\n\nnot a name\n")
    with pytest.raises(ValueError, match=f"{path}:4: has a space"):
        read_protect_list(path)


def test_hosts_of_feeds_are_found_and_what_is_no_definition_is_passed_over(tmp_path: Path) -> None:
    for name, text in {
        "good": 'url = "https://Lists.Example:8443/a.txt"',
        "file": 'url = "file:///srv/list"',
        "address": 'url = "http://192.0.2.1/list"',
        "none": 'name = "none"',
        "odd": "url = 5",
        "broken": "url = ",
        "bracket": 'url = "http://[::1/x"',
    }.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    assert {"lists.example": "good"} == feed_hosts(tmp_path)
    assert {} == feed_hosts(tmp_path / "missing")
