"""Whatever stands in the rule files, a command does what it says: 'already' must be true."""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import edits, policy
from rpzctl.book import Book
from rpzctl.errors import Refused, UsageFault
from rpzctl.names import Domain
from rpzctl.rpz import PASSTHRU, Action, Kind, Scope
from rpzctl.rule import Rule, Verb
from rpzctl.rules import RuleFile, parse_text

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DEFAULT = Action(Kind.NXDOMAIN)
QUERIES = [".".join(labels) for depth in range(1, 5) for labels in product("ab", repeat=depth)]

_names = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(".".join).map(Domain)
_expiries = st.sampled_from(
    [None, None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
)
_actions = st.sampled_from([None, None, Action(Kind.DROP)])
_verbs: st.SearchStrategy[Verb] = st.sampled_from(["block", "allow"])


@st.composite
def _rules(draw: st.DrawFn) -> Rule:
    rule = Rule(draw(_verbs), draw(_names), draw(st.sampled_from(Scope)), expires=draw(_expiries))
    if rule.verb == "block":
        rule = rule._replace(action=draw(_actions))
        if rule.scope is Scope.SUBTREE and rule.action is None and draw(st.booleans()):
            rule = rule._replace(via="zone")
    return rule


_books = st.lists(_rules(), max_size=6, unique_by=lambda rule: rule.subject)


def file(rules: list[Rule], verb: Verb) -> RuleFile:
    text = "".join(rule.line() + "\n" for rule in rules if rule.verb == verb)
    return parse_text(text, Path(f"{verb}.list"), verb)


def meaning(rules: list[Rule]) -> dict[str, str]:
    made = policy.build(rules, NOW, DEFAULT)
    said = {None: "nothing", PASSTHRU: "pass"}
    return {query: said.get(made.decide(query), "block") for query in QUERIES}


@settings(deadline=None, max_examples=300)
@given(_books, _rules(), st.booleans())
def test_after_an_add_the_policy_says_what_was_asked_for(
    rules: list[Rule], wanted: Rule, forced: bool
) -> None:
    before = Book(file(rules, "block"), file(rules, "allow"))
    scope = None if wanted.scope is Scope.SUBTREE else wanted.scope
    subject = edits.Subject(wanted.name, wanted.name, scope)
    like = wanted._replace(
        name=Domain(""), scope=Scope.SUBTREE, forced=forced, at=NOW, expires=None
    )
    try:
        after, results = edits.add(before, [subject], like, NOW)
    except (Refused, UsageFault):
        return
    for changed in after:
        again = parse_text(changed.text, changed.path, changed.verb)
        assert again.rules == changed.rules
    if results[0].status == "already":
        assert before == after
    others = [
        rule
        for rule in before.rules
        if rule.subject != wanted.subject and rule.in_force(NOW)
    ]  # fmt: skip
    zone = any(r.subject == wanted.subject and r.via == "zone" for r in before.block.rules.values())
    if not zone:
        assert meaning([*others, wanted._replace(expires=None)]) == meaning(after.rules)


@settings(deadline=None, max_examples=200)
@given(_books, _rules())
def test_after_a_removal_no_rule_is_left_on_the_subject(rules: list[Rule], wanted: Rule) -> None:
    before = Book(file(rules, "block"), file(rules, "allow"))
    subject = edits.Subject(wanted.name, wanted.name, wanted.scope)
    after, results = edits.remove(before, [subject], wanted.verb, NOW)
    expected = [
        rule
        for rule in before.rules
        if (rule.verb, rule.subject) != (wanted.verb, wanted.subject)
    ]  # fmt: skip
    assert expected == after.rules
    assert (len(expected) < len(before.rules)) == (results[0].status == "removed")
