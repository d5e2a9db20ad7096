"""The scalar door under any text whatever."""

import re

import dns.name
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rpzctl.names import LABEL, LAST_LABEL, NameFault, parse, paste, printable, sort_key, to_unicode
from rpzctl.rpz import RECORD

DEFINITION = re.compile(rf"(?:{LABEL}\.)*{LAST_LABEL}", re.ASCII)
SETTINGS = settings(deadline=None, max_examples=300)

_label = st.text("abz059-_", min_size=1, max_size=4)
_names = st.builds(
    lambda labels, last: ".".join([*labels, last]),
    st.lists(_label, max_size=5),
    st.sampled_from(["a", "com", "b-c", "xn--p1ai", "z0"]),
)
_bits = st.sampled_from(
    [
        *".@:/\\[](){}<>\"'`*?#$%;, \t\n\x00",
        *("[.]", "dot", "http://", "hxxp://", "xn--", "evil", "example", "127", "::"),
        *("\u3002", "\uff0e", "\u00df", "\u0130", "\u200c", "\u00b7", "\u2764", "\ud800", "\u0660"),
    ]
)
_any_text = st.one_of(
    st.text(),
    st.lists(_bits, max_size=8).map("".join),
    _names,
    st.text(st.characters(min_codepoint=0x80), min_size=1, max_size=8).map(
        lambda t: t + ".example"
    ),
)


@SETTINGS
@given(_any_text)
@example("xn--a.example")
@example("\u0130.example")
@example("a" * 300 + "\u00fc.example")
def test_any_text_is_a_name_of_the_definition_or_a_fault(text: str) -> None:
    for door in (parse, lambda t: paste(t).name):
        try:
            name = door(text)
        except NameFault as fault:
            assert str(fault)  # noqa: PT017 - the only exception there may be
            continue
        assert DEFINITION.fullmatch(name)
        assert len(name) <= 253
        assert name == parse(name)
        assert name == paste(name).name


@SETTINGS
@given(_any_text)
def test_every_reason_is_fit_for_a_terminal(text: str) -> None:
    for door in (parse, paste):
        try:
            door(text)
        except NameFault as fault:
            assert str(fault).isprintable()  # noqa: PT017 - a fault is one of the two ends


@SETTINGS
@given(_names)
def test_a_name_that_is_accepted_is_a_name_to_dnspython(text: str) -> None:
    name = parse(text)
    there = dns.name.from_text(name)
    assert text == there.to_text(omit_final_dot=True)
    assert RECORD.match(f"{name} CNAME .")


@SETTINGS
@given(_any_text)
def test_printable_lets_nothing_through_that_moves_a_terminal(text: str) -> None:
    shown = printable(text, 50)
    assert shown.isprintable()
    assert len(shown) <= 50


@SETTINGS
@given(st.lists(_names, max_size=12))
def test_sort_key_is_the_canonical_order_of_dnssec(texts: list[str]) -> None:
    theirs = sorted(texts, key=dns.name.from_text)
    assert theirs == sorted(texts, key=sort_key)


@SETTINGS
@given(_any_text)
def test_the_unicode_form_reads_back_as_the_same_name(text: str) -> None:
    try:
        name = parse(text)
    except NameFault:
        return
    unicode = to_unicode(name)
    if unicode is not None and unicode.isprintable():
        assert name == parse(unicode)
