"""Readers of feed formats: the column way and the slow way agree, and nothing slips through."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import formats
from rpzctl.formats import Options, csv, domains, hosts
from rpzctl.formats.lines import announcement
from rpzctl.names import NameFault, parse


def names(text: str, form: str) -> list[str]:
    return formats.read(text.encode(), form).names["name"].to_list()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0.0.0.0 evil.example", ["evil.example"]),
        ("127.0.0.1\tevil.example", ["evil.example"]),
        (":: v6.example", ["v6.example"]),
        ("::1  two-blanks.example", ["two-blanks.example"]),
        ("0 zero.example", ["zero.example"]),
        ("0.0.0.0 evil.example\r", ["evil.example"]),
        ("0.0.0.0 evil.example #-> comment", ["evil.example"]),
        ("0.0.0.0 evil.example#glued", ["evil.example"]),
        ("0.0.0.0 EVIL.Example ", ["evil.example"]),
        ("0.0.0.0 a.example b.example", ["a.example", "b.example"]),
        ("0.0.0.0 bücher.example", ["xn--bcher-kva.example"]),
        ("0.0.0.0 under_score.example", ["under_score.example"]),
        ("127.0.0.1 localhost #[IPv4]", []),
        ("127.0.0.1 localhost.localdomain", []),
        ("::1 ip6-localhost ip6-loopback", []),
        ("# 0.0.0.0 evil.example", []),
        ("", []),
    ],
)
def test_hosts_lines(line: str, expected: list[str]) -> None:
    parsed = formats.read(line.encode() + b"\n", "hosts")
    assert expected == parsed.names["name"].to_list()
    assert parsed.rejected == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0.0.0.0 de2.node..aeon-pool.example", "empty label"),
        ("0.0.0.0 a.example.php?rand=13Inbox", "character '?'"),
        ("93.184.216.34 moved.example", "another machine"),
        ("evil.example", "not an address and a name"),
        ("not-an-ip evil.example", "does not begin with an address"),
        ("0.0.0.0 " + "x" * 64 + ".example", "64 octets"),
        ("0.0.0.0 x{{7*7}}.example", "character '{'"),
        ("0.0.0.0 $ORIGIN.example", "character '$'"),
    ],
)
def test_hosts_rejects(line: str, reason: str) -> None:
    parsed = formats.read(b"# head\n" + line.encode() + b"\n", "hosts")
    assert [] == parsed.names["name"].to_list()
    assert 1 == parsed.rejected
    assert 2 == parsed.rejects[0].line
    assert reason in parsed.rejects[0].reason


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("evil.example", ["evil.example"]),
        ("Evil.Example.", ["evil.example"]),
        ("evil.example # since Monday", ["evil.example"]),
        ("ķeepass.example", ["xn--eepass-vbb.example"]),
        ("reduce-repair-.start.example", ["reduce-repair-.start.example"]),
        ("! comment", []),
        ("// comment", []),
    ],
)
def test_domain_lines(line: str, expected: list[str]) -> None:
    parsed = formats.read(line.encode(), "domains")
    assert expected == parsed.names["name"].to_list()
    assert parsed.rejected == 0


@pytest.mark.parametrize(
    "line",
    [
        "x CNAME rpz-passthru.",
        "$INCLUDE /etc/passwd",
        "*.wild.example",
        "%20mandrillapp.example",
        "40.70.42.104?rid=8i4dr5f",
        "a.example\x00b.example",
        "a.example\x1b[2J",
    ],
)
def test_domain_rejects(line: str) -> None:
    parsed = formats.read(line.encode(), "domains")
    assert [] == parsed.names["name"].to_list()
    assert 1 == parsed.rejected
    assert parsed.rejects[0].text.isprintable()


def test_a_byte_order_mark_and_blank_lines_keep_the_line_numbers() -> None:
    parsed = formats.read(b"\xef\xbb\xbfa.example\r\n\r\n\nnot a name\nb.example", "domains")
    assert ["a.example", "b.example"] == sorted(parsed.names["name"])
    assert [4] == [reject.line for reject in parsed.rejects]
    assert 3 == parsed.lines


def test_rejects_are_counted_beyond_those_kept() -> None:
    parsed = formats.read(b"not a name\n" * (formats.KEPT_REJECTS + 50), "domains")
    assert formats.KEPT_REJECTS + 50 == parsed.rejected
    assert formats.KEPT_REJECTS == len(parsed.rejects)


LABEL = st.text("abz09-_AÄß中\u212a.", min_size=1, max_size=8)
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(LABEL, min_size=1, max_size=5).map(".".join),
    st.from_regex(r"[a-z0-9_-]{1,70}\.(?:com|example|x1|1x|-a)", fullmatch=True),
).map(lambda text: "".join(c for c in text if c not in "\r\n\x01"))


@settings(deadline=None, max_examples=300)
@given(st.lists(TEXT, max_size=20))
def test_the_column_way_takes_just_what_the_slow_way_takes(lines: list[str]) -> None:
    def slow(line: str) -> list[str]:
        text = line.strip().removeprefix("\ufeff").strip()
        return [e.name for e in domains.FORMAT.odd(text, Options()).entries] if text else []

    usable = [line for line in lines if line.encode("utf-8", "surrogatepass") and _utf8(line)]
    expected = sorted(name for line in usable for name in slow(line))
    assert expected == sorted(names("\n".join(usable), "domains"))


def _utf8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(["hosts", "domains"]))
def test_no_octets_raise_and_every_output_is_a_name(data: bytes, form: str) -> None:
    for name in formats.read(data, form).names["name"].to_list():
        assert name == parse(name)


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXT, max_size=5).map(" ".join))
def test_a_hosts_line_gives_the_names_on_it_and_no_others(words: str) -> None:
    if not _utf8(words):
        return
    line = "0.0.0.0 " + words
    found = names(line, "hosts")
    odd = hosts.FORMAT.odd(line.strip(), Options())
    assert sorted(entry.name for entry in odd.entries) == sorted(found)
    for name in found:
        try:
            assert name == parse(name)
        except NameFault:
            pytest.fail(f"{name!r} is no name")


@pytest.mark.parametrize(
    ("form", "text", "network"),
    [
        ("hosts", "0.0.0.0 188.42.141.92", "188.42.141.92"),
        ("domains", "188.42.141.92", "188.42.141.92"),
        ("domains", "[2600:1f18::8ba1]", "2600:1f18::8ba1"),
        ("domains", "188.42.141.0/24 # a note", "188.42.141.0/24"),
        ("unbound", 'local-zone: "188.42.141.92" always_null', "188.42.141.92"),
        ("named", 'zone "188.42.141.92" { type primary; };', "188.42.141.92"),
    ],
)
def test_an_address_in_the_place_of_a_name_is_kept_as_one(
    form: str, text: str, network: str
) -> None:
    parsed = formats.read(text.encode(), form)
    assert ((network,), 0, 0) == (parsed.networks, parsed.entries.height, parsed.rejected)


@pytest.mark.parametrize(
    ("comment", "count"),
    [
        ("# Number of entries: 12351", 12351),
        ("# Number of unique domains: 104,123", 104123),
        ("# Domains: 43,726", 43726),
        ("; Number of entries: 866", 866),
        ("#  |Blocked: 18.298 domains", 18298),
        ("# Entries         : 3911 subnets, 611209217 unique IPs", 3911),
        ("! Entries: 1,904", 1904),
        ("# Total number of network filters: 456254", None),
        ("# Domains: 2026-11-24", None),
        ("# Total: 12 MB", None),
        ("# blocked 400 times", None),
        ("# Number of latin TLDs: 130/294", None),
        ("# subdomains: 4", None),
    ],
)
def test_a_header_announces_a_count_only_where_it_says_one(comment: str, count: int | None) -> None:
    assert count == announcement(comment)


@pytest.mark.parametrize("column", [1, 2, 3])
def test_rows_cut_at_delimiters_are_those_that_a_reader_of_csv_finds(column: int) -> None:
    chance = random.Random(column)
    cells = ['"a.com"', "b.com", '"x,y"', '"q""r"', "C.com", ' "d.com"', "", '"#"', "#", 'e"f".com']
    rows = [",".join(chance.choices(cells, k=3)) for _ in range(3000)]
    rows = [row for row in rows if row.count('"') % 2 == 0 and not row.startswith("#")]
    table_of = "\n".join(["one,two,three", *rows, ""])
    fast = csv.read(table_of.encode(), Options(column=column))
    slow = csv.read((table_of + 'x,y,"\n').encode(), Options(column=column))
    assert slow.entries["name"].sort().equals(fast.entries["name"].sort())
    assert slow.lines - 1 <= fast.lines <= slow.lines
    assert fast.entries.height > 1000
