"""Whatever a publisher sends, a reader returns; what it returns is names and networks."""

import gzip
import ipaddress
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import formats
from rpzctl.formats import KEPT_REJECTS, READERS, SILENT, Options, Parsed, Reader, indicators
from rpzctl.names import NameFault, parse, paste
from rpzctl.rpz import BITS

OPTIONS = st.builds(
    Options,
    column=st.sampled_from([None, 1, 2, 9, "domain", "x"]),
    type_column=st.sampled_from([None, 1, "type"]),
    types=st.sampled_from([(), ("domain",)]),
    path=st.sampled_from(["", "data", "a.b"]),
    field=st.sampled_from(["", "domain"]),
    type_field=st.sampled_from(["", "type"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    whole_hosts=st.booleans(),
    to_ids=st.booleans(),
    now=st.sampled_from([0, 1_790_000_000]),
)
WORD = st.one_of(
    st.sampled_from(
        [
            *(
                "a.example",
                "*.b.test",
                ".c.test",
                "B\u00fccher.Example",
                "d.test.",
                "co",
                "a..test",
            ),
            *("192.0.2.1", "192.0.2.0/24", "[2001:db8::1]:80", "fe80::1%eth0", "0.0.0.0", "::"),  # noqa: S104 - text
            *("http://e.test/x", "hxxp://f[.]test", "ftp://192.0.2.7:21/", "\U0001d4f8.test"),
            *(
                "||",
                "@@||",
                "^",
                "$important",
                "$dnstype=~CNAME",
                "|",
                "##",
                "/^ad[0-9]/",
                "!",
                "#",
            ),
            *("address=/", "server=/", "local=/", "/", "bogus-nxdomain=", "/192.0.2.9", "/#"),
            *("local-zone:", "local-data:", '"', "always_nxdomain", "redirect", "transparent"),
            *("zone", "{", "}", ";", "type master;", "/*", "*/", "//", "{};", "server:"),
            *("CNAME", ".", "*.", "IN", "A", "rpz-passthru.", "$TTL 60", "$ORIGIN x.", "SOA", "NS"),
            *(
                "32.1.2.0.192.rpz-ip",
                "128.2.zz.3.2.2001.rpz-ip",
                "24.0.2.0.192.rpz.ip",
                "zz.rpz-ip",
            ),
            *(",", "domain,type", "domain", "# domain,type", "(", ")", "\x00", "\x01", "\ufeff"),
            *("<html>", "192.0.2.1-192.0.2.9", "::-ffff::", "q(l|r)[0-9]\\.pw", "\r", "\t", "  "),
        ]
    ),
    st.text(max_size=12),
)
LINES = st.lists(
    st.tuples(st.lists(WORD, max_size=5), st.sampled_from(["", " ", "\t"])).map(
        lambda both: both[1].join(both[0])
    ),
    max_size=12,
).map("\n".join)
KEYS = st.sampled_from(
    [
        *(
            "data",
            "iocs",
            "ioc",
            "ioc_value",
            "ioc_type",
            "type",
            "value",
            "domain",
            "query_status",
        ),
        *("Event", "response", "Attribute", "Object", "to_ids", "deleted", "Orgc", "cidr"),
        *("objects", "pattern", "pattern_type", "revoked", "valid_until", "labels", "records"),
    ]
)
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    WORD,
    st.sampled_from(
        [
            *("indicator", "domain", "domain|ip", "url", "ip:port", "metadata", "stix", "\ud800"),
            *("a.example|192.0.2.1", "0001-01-01T00:00:00+23:59", "2020-01-01T00:00:00Z"),
            *("[domain-name:value = 'g.test']", "[url:value='http://h.test/p' OR x:y = 'z']"),
        ]
    ),
)
DOCUMENT = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5)
)


def sound(data: bytes, form: str, options: Options) -> Parsed:
    parsed = formats.read(data, form, options)
    for name in parsed.entries["name"].to_list():
        assert name == parse(name)
    assert set(parsed.entries["scope"].to_list()) <= {SILENT, *BITS.values()}
    for text in parsed.networks:
        net = ipaddress.ip_network(text)  # strict: no host bits
        assert "%" not in text
        assert text == str(net.network_address if net.prefixlen == net.max_prefixlen else net)
    assert len(parsed.rejects) == min(parsed.rejected, KEPT_REJECTS)
    assert all(reject.line >= 1 and reject.reason for reject in parsed.rejects)
    assert all(reject.text.isprintable() for reject in parsed.rejects)
    assert parsed.lines >= 0
    json.dumps(parsed.value(form)).encode()
    return parsed


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.name))
@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=200), options=OPTIONS)
def test_any_octets(reader: Reader, data: bytes, options: Options) -> None:
    sound(data, reader.name, options)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.name))
@settings(deadline=None, max_examples=80)
@given(text=LINES, options=OPTIONS)
def test_any_lines(reader: Reader, text: str, options: Options) -> None:
    sound(text.encode("utf-8", errors="replace"), reader.name, options)


@pytest.mark.parametrize("form", ["json", "threatfox", "misp", "stix", "ips"])
@settings(deadline=None, max_examples=100)
@given(value=DOCUMENT, options=OPTIONS)
def test_any_document(form: str, value: object, options: Options) -> None:
    sound(json.dumps(value).encode(), form, options)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.name))
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\r\r\n \n\t",
        b"\xef\xbb\xbf",
        b"null",
        b"[" * 400 + b"]" * 400,
        b"[" * 100_000,
        b'{"Event":' * 300 + b"1" + b"}" * 300,
        b'{"a":' * 5000 + b"1",
        b"1" * 5000,
        b'domain\n"' + b"x" * 200_000,
        b"/*" * 20_000,
        b'zone "a.test" {' * 2000,
        b"\xff\xfe" + "a.example\n".encode("utf-16-le"),
        ("ä" * 20_000 + ".test").encode(),
        b"\x28\xb5\x2f\xfd",
        b"\x78\x9c\x01",
        gzip.compress(b"a.example\n" * 9),
    ],
    ids=range(18),
)
def test_hostile_octets(reader: Reader, data: bytes) -> None:
    assert sound(data, reader.name, Options()).names.height <= 1


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.from_regex(r"[a-z0-9]{1,5}(\.[a-z0-9-]{1,5}){0,2}\.(test|example)", fullmatch=True),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    st.sampled_from(
        [
            *(
                ("hosts", "0.0.0.0 {}"),
                ("domains", "{}"),
                ("wildcard", "*.{}"),
                ("wildcard", ".{}"),
            ),
            *(
                ("adblock", "||{}^"),
                ("dnsmasq", "address=/{}/"),
                ("named", 'zone "{}" {{type master;}};'),
            ),
            *(("unbound", 'local-zone: "{}." always_null'), ("rpz", "*.{} CNAME ."), ("csv", "{}")),
            *(("maltrail", "{}"), ("urls", "http://{}/"), ("stix", "")),
        ]
    ),
)
def test_what_is_written_is_read(names: list[str], form: tuple[str, str]) -> None:
    kind, line = form
    text = "\n".join(line.format(name) for name in names)
    if kind == "stix":
        patterns = [f"[domain-name:value = '{name}']" for name in names]
        items = [{"type": "indicator", "pattern": pattern} for pattern in patterns]
        text = json.dumps({"type": "bundle", "objects": items})
    parsed = sound(text.encode(), kind, Options())
    assert sorted(names) == sorted(parsed.names["name"])
    assert 0 == parsed.rejected


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True), min_size=1, max_size=5).map(
        ".".join
    )
)
def test_a_plain_indicator_is_what_a_person_who_pastes_it_means(text: str) -> None:
    made = indicators.indicator(text)
    try:
        pasted = paste(text).name
    except NameFault:
        assert () == made.entries
    else:
        assert [pasted] == [entry.name for entry in made.entries]
