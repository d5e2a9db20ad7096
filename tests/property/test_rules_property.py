"""Rules survive being written and read, and edits of rule files lose nothing."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl.names import Domain, parse
from rpzctl.rpz import Action, Kind, Scope
from rpzctl.rule import Rule, checked, parse_line
from rpzctl.rules import parse_text, with_rules, without

PATH = Path("block.list")
SETTINGS = settings(deadline=None, max_examples=120)

_name = st.one_of(
    st.lists(st.sampled_from(["a", "b", "c-d", "_x", "xn--p1ai"]), min_size=1, max_size=3)
    .map(lambda labels: ".".join([*labels, "example"]))
    .map(parse),
    st.sampled_from([Domain("example"), Domain("a" * 63 + ".example")]),
)
_text = st.one_of(
    st.text(min_size=1).filter(str.isprintable),
    st.lists(
        st.sampled_from(
            ['"', "\\", "#", "=", " ", "  ", "reason=", "exact", "\u00fc", "\u4e2d", "'"]
        ),
        min_size=1,
        max_size=8,
    ).map("".join),
)
_maybe = st.one_of(st.none(), _text)
_moment = st.one_of(
    st.none(),
    st.integers(0, 253370764800).map(lambda second: datetime.fromtimestamp(second, UTC)),
)
_action = st.one_of(
    st.none(),
    st.sampled_from([Kind.NXDOMAIN, Kind.NODATA, Kind.DROP, Kind.TCP_ONLY, Kind.SINKHOLE]).map(
        Action
    ),
    _name.map(lambda name: Action(Kind.CNAME, name)),
)


def _is_sound(rule: Rule) -> bool:
    try:
        checked(rule)
    except ValueError:
        return False
    return True


_blocks = st.builds(
    Rule,
    st.just("block"),
    _name,
    st.sampled_from(Scope),
    _action,
    st.sampled_from(["rpz", "zone"]),
    _maybe,
    _maybe,
    _maybe,
    _moment,
    _moment,
    st.booleans(),
).filter(_is_sound)
_few_blocks = st.lists(_blocks, max_size=6, unique_by=lambda rule: rule.subject)
_lines = st.lists(
    st.one_of(
        _blocks.map(Rule.line),
        _blocks.map(lambda rule: f"  {rule.line()}   # kept"),
        st.sampled_from(["", "# a comment", "   ", '\t# with "quotes"']),
    ),
    max_size=10,
).map(lambda lines: "".join(line + "\n" for line in lines))


@SETTINGS
@given(_blocks)
def test_a_rule_reads_back_as_it_was_written(rule: Rule) -> None:
    line = rule.line()
    assert len(line.splitlines()) == 1
    assert rule == parse_line(line, "block")
    assert rule == parse_line(line + "  # a comment", "block")


@SETTINGS
@given(st.text())
def test_any_line_is_read_or_refused_with_a_value_error(line: str) -> None:
    for text in (line, "evil.example " + line, f'evil.example reason="{line}"'):
        try:
            rule = parse_line(text, "block")
        except ValueError:
            continue
        if rule is not None:
            assert rule == parse_line(rule.line(), "block")


@SETTINGS
@given(_lines, _few_blocks)
def test_with_rules_adds_and_replaces_and_leaves_every_other_line(
    text: str, fresh: list[Rule]
) -> None:
    file = parse_text(text, PATH, "block")
    changed = with_rules(file, fresh)
    assert {**file.rules, **{rule.subject: rule for rule in fresh}} == changed.rules
    assert changed.lines == parse_text(changed.text, PATH, "block").lines
    subjects = {rule.subject for rule in fresh}
    untouched = [line for line, rule in file.lines if not rule or rule.subject not in subjects]
    assert untouched == [
        line for line, rule in changed.lines if not rule or rule.subject not in subjects
    ]


@SETTINGS
@given(_lines, _few_blocks)
def test_what_was_added_is_gone_after_without(text: str, fresh: list[Rule]) -> None:
    file = parse_text(text, PATH, "block")
    new = [rule for rule in fresh if rule.subject not in file.rules]
    assert text == without(with_rules(file, new), [rule.subject for rule in new]).text


@settings(deadline=None, max_examples=60)
@given(_few_blocks)
def test_rules_that_are_added_one_by_one_stand_as_if_added_at_once(fresh: list[Rule]) -> None:
    at_once = with_rules(parse_text("", PATH, "block"), fresh)
    one_by_one = parse_text("", PATH, "block")
    for rule in reversed(fresh):
        one_by_one = with_rules(one_by_one, [rule])
    assert at_once.text == one_by_one.text
