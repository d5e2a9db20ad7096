"""The scalar door: what people paste becomes a name, or a fault that says why not."""

import pytest

from rpzctl.names import (
    MAX_LENGTH,
    Domain,
    NameFault,
    ancestors,
    is_within,
    parse,
    paste,
    printable,
    sort_key,
    to_unicode,
)

PASTED = [
    ("evil.example", "evil.example"),
    ("  Evil.EXAMPLE\t", "evil.example"),
    ("evil.example.", "evil.example"),
    ("evil.example,", "evil.example"),
    ("evil.example.,", "evil.example"),
    ("evil.example.;", "evil.example"),
    ('"evil.example"', "evil.example"),
    ("'evil.example',", "evil.example"),
    ("`evil.example`", "evil.example"),
    ("<http://evil.example>", "evil.example"),
    ("(evil.example)", "evil.example"),
    ("[evil.example]", "evil.example"),
    ("http://evil.example", "evil.example"),
    ("HTTPS://Evil.Example/", "evil.example"),
    ("ftp://evil.example", "evil.example"),
    ("//evil.example/", "evil.example"),
    ("http:///evil.example/", "evil.example"),
    ("hxxp://evil.example/", "evil.example"),
    ("hxxps://evil[.]example", "evil.example"),
    ("hXXps[:]//evil[.]example", "evil.example"),
    ("http[://]evil.example/", "evil.example"),
    ("evil[.]example", "evil.example"),
    ("evil(.)example", "evil.example"),
    ("evil{.}example", "evil.example"),
    ("evil[dot]example", "evil.example"),
    ("evil(DOT)example", "evil.example"),
    ("evil[ . ]example", "evil.example"),
    (r"evil\.example", "evil.example"),
    ("a[.]b[.]evil[.]example", "a.b.evil.example"),
    ("evil.example:8080", "evil.example"),
    ("https://evil.example:443", "evil.example"),
    ("https://user@evil.example/", "evil.example"),
    ("https://user:p%40ss@evil.example:443/", "evil.example"),
    ("https://good.example@evil.example/", "evil.example"),
    ("_dmarc.evil.example", "_dmarc.evil.example"),
    ("-edge-.evil.example", "-edge-.evil.example"),
    ("localhost", "localhost"),
    ("b\u00fccher.example", "xn--bcher-kva.example"),
    ("B\u00dcCHER.example", "xn--bcher-kva.example"),
    ("fa\u00df.de", "xn--fa-hia.de"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ("xn--i-7iq.ws", "xn--i-7iq.ws"),
    ("\u0440\u0444.\u0440\u0444", "xn--p1ai.xn--p1ai"),
    ("evil\u3002example", "evil.example"),
    ("evil\uff0eexample", "evil.example"),
    ("evil\uff61example\u3002", "evil.example"),
    ("\uff45\uff56\uff49\uff4c.example", "evil.example"),
    ("\u24d6ithub.com", "github.com"),
    ("http://\u24d6ithub.com/", "github.com"),
    ("-\u00fc.example", None),
]


@pytest.mark.parametrize(("text", "name"), PASTED)
def test_what_people_paste_is_understood(text: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(NameFault, match="not a valid internationalised name"):
            paste(text)
        return
    assert (name, False, None) == paste(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("http://evil.example/a/b?c=d#e", "/a/b?c=d#e"),
        ("evil.example/login", "/login"),
        ("https://evil.example?x=1", "?x=1"),
        ("https://evil.example#top", "#top"),
        (r"https://evil.example\@good.example", r"\@good.example"),
        ("https://user:pw@evil.example:80/x@good.example", "/x@good.example"),
    ],
)
def test_a_path_is_left_out_and_told(text: str, path: str) -> None:
    assert ("evil.example", False, f"only the host counts, not the path {path}") == paste(text)


def test_a_long_path_is_told_in_short() -> None:
    note = paste("http://evil.example/" + "x" * 500).note
    assert note is not None
    assert len(note) < 100


@pytest.mark.parametrize("text", ["*.evil.example", "http://*.evil.example/", '"*.evil[.]example"'])
def test_a_star_in_front_means_what_is_below(text: str) -> None:
    assert ("evil.example", True, None) == paste(text)


ADDRESSES = [
    "192.0.2.1",
    "192.0.2.1.",
    "192.0.2.1:53",
    "http://192.0.2.1/x",
    "http://user@192.0.2.1:80/",
    "hxxp://192[.]0[.]2[.]1/",
    "192[.]0[.]2[.]1",
    "192.0.2.0/24",
    "0177.0.0.1",
    "256.1.1.1",
    "::1",
    "[::1]",
    "[::1]:53",
    "http://[2001:db8::1]:80/",
    "2001:db8::/32",
    "2001:DB8::1",
    "fe80::1%eth0",
    "::ffff:192.0.2.1",
    "0:0:0:0:0:0:0:1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_refused_as_an_address(text: str) -> None:
    with pytest.raises(NameFault, match="is an IP address, not a name"):
        paste(text)


@pytest.mark.parametrize(
    "text", ["127.1", "2130706433", "0x7f.1", "0x7f000001", "0x7f.0.0.0x1", "1.2.3.4.5", "00.1"]
)
def test_a_number_that_some_resolvers_read_as_an_address_is_refused(text: str) -> None:
    with pytest.raises(NameFault, match=r"its last label|is an IP address"):
        paste(text)


REFUSED = [
    ("", "is empty"),
    ("   ", "is empty"),
    (".", "is empty"),
    ("*.", "is empty"),
    ("http://", "empty"),
    ("a b.example", "space"),
    ("evil.example CNAME rpz-passthru.", "space"),
    ("evil.example. 60 IN A 192.0.2.1", "space"),
    ("$ORIGIN com.", "space"),
    ("$ORIGIN", r"the character '\$'"),
    ("$INCLUDE.example", r"the character '\$'"),
    ("{{7*7}}.example", "the character '{'"),
    ("{{ 7*7 }}.example", "space"),
    ("{%raw%}.example", "the character '{'"),
    ("@", "e-mail"),
    ("*", r"the character '\*'"),
    ("a.*.example", r"the character '\*'"),
    ("*.*.example", r"the character '\*'"),
    ("a;b.example", "the character ';'"),
    ('a"b.example', "the character '\"'"),
    ("a'b.example", 'the character "\'"'),
    ("a=b.example", "the character '='"),
    ("a,b.example", "the character ','"),
    ("evil.example\nevil2.example", "control character"),
    ("evil.example\r\n$ORIGIN com.", "control character"),
    ("evil\x00.example", "control character"),
    ("evil\x1b[31m.example", "control character"),
    ("evil\x7f.example", "control character"),
    ("evil\u202e.example", "control character"),
    ("\ud800.example", "control character"),
    ("me@evil.example", "e-mail"),
    ("mailto:me@evil.example", "e-mail"),
    ("a..example", "an empty label"),
    (".evil.example", "an empty label"),
    ("evil.example..", "an empty label"),
    ("a" * 64 + ".example", "a label of 64 octets; 63 is the most"),
    (".".join(["a" * 60] * 4 + ["b" * 10]), "is 254 octets long; 253 is the most"),
    ("evil.-example", "its last label"),
    ("evil.example-", "its last label"),
    ("evil.123", "its last label"),
    ("evil._tcp", "its last label"),
    ("\u2024evil.example", "not a valid internationalised name"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NameFault, match=reason):
        paste(text)


def test_the_longest_label_and_the_longest_name_are_names() -> None:
    label = "a" * 63 + ".example"
    name = ".".join(["a" * 60] * 4 + ["b" * 9])
    assert len(name) == MAX_LENGTH
    assert [label, name] == [parse(label), parse(name)]


@pytest.mark.parametrize("text", ["evil.example\n", "evil.example \n", "\nevil.example", "a.b\r"])
def test_a_line_break_at_an_edge_is_no_part_of_a_parsed_name(text: str) -> None:
    with pytest.raises(NameFault, match="line break"):
        parse(text)


def test_digits_of_other_scripts_become_ascii_or_are_refused() -> None:
    assert parse("a1.example") == parse("a\uff11.example")
    for text in ("a\u0661.example", "1.\u0661"):
        try:
            assert parse(text).isascii()
        except NameFault as fault:
            assert str(fault)  # noqa: PT017 - either is right, a crash is not


def test_printable_escapes_and_bounds() -> None:
    assert r"a\x1b[31mb\n\u202e" == printable("a\x1b[31mb\n\u202e")
    assert "b\u00fccher" == printable("b\u00fccher")
    assert "x" * 9 + "\u2026" == printable("x" * 11, 10)
    assert "x" * 10 == printable("x" * 10, 10)


def test_sort_key_keeps_a_subtree_together() -> None:
    names = ["b.a", "a-b", "a.a-b", "a", "a.a", "z.b.a"]
    assert ["a", "a.a", "b.a", "z.b.a", "a-b", "a.a-b"] == sorted(names, key=sort_key)


def test_ancestors_are_nearest_first_and_without_the_root() -> None:
    assert ["b.c", "c"] == ancestors("a.b.c")
    assert [] == ancestors("c")


@pytest.mark.parametrize(
    ("name", "apex", "within"),
    [
        ("evil.example", "evil.example", True),
        ("a.evil.example", "evil.example", True),
        ("notevil.example", "evil.example", False),
        ("example", "evil.example", False),
    ],
)
def test_is_within_counts_labels_not_letters(name: str, apex: str, within: bool) -> None:
    assert within == is_within(name, apex)


def test_to_unicode_is_for_people_and_never_fails() -> None:
    assert "b\u00fccher.example" == to_unicode(Domain("xn--bcher-kva.example"))
    assert to_unicode(Domain("evil.example")) is None
    assert to_unicode(Domain("xn--a.example")) is None
    assert to_unicode(Domain("xn--" + "9" * 50 + ".example")) is None
