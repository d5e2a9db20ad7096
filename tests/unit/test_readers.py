"""Lines as publishers write them, and what each reader makes of them."""

import json
from pathlib import Path
from typing import get_args

import pytest

from rpzctl import catalogue, formats, snapshots
from rpzctl.errors import UsageFault
from rpzctl.formats import Options, Parsed

SILENT, EXACT, BELOW, WIDE = 0, 1, 2, 3
PATTERN = "a pattern that no name can express"
PATH = "a path on a host that may serve others, too (whole_hosts)"


def read(text: str, form: str, options: Options = Options()) -> Parsed:  # noqa: B008 - a value
    return formats.read(text.encode(), form, options)


def blocked(parsed: Parsed) -> dict[str, int]:
    return dict(parsed.names.select("name", "scope").iter_rows())


ACCEPTED = [
    ("wildcard", "*.metrics.example", {"metrics.example": WIDE}),
    ("wildcard", ".metrics.example", {"metrics.example": WIDE}),
    ("wildcard", "Metrics.Example. # since Monday", {"metrics.example": WIDE}),
    ("adblock", "||evil.test^", {"evil.test": WIDE}),
    ("adblock", "||evil.test^$important", {"evil.test": WIDE}),
    ("adblock", "||top^", {"top": WIDE}),
    ("adblock", "||freecontent.test", {"freecontent.test": WIDE}),
    ("adblock", "||*.evil.test^", {"evil.test": BELOW}),
    ("adblock", ".adon.test^", {"adon.test": BELOW}),
    ("adblock", "|evil.test^", {"evil.test": EXACT}),
    ("adblock", "://gj7.test^", {"gj7.test": EXACT}),
    ("adblock", "plain.test", {"plain.test": EXACT}),
    ("dnsmasq", "address=/evil.test/#", {"evil.test": WIDE}),
    ("dnsmasq", "address=/evil.test/0.0.0.0", {"evil.test": WIDE}),
    ("dnsmasq", "address=/evil.test/", {"evil.test": WIDE}),
    ("dnsmasq", "server=/evil.test/", {"evil.test": WIDE}),
    ("dnsmasq", "server=/evil.test/127.0.0.1", {"evil.test": WIDE}),
    ("dnsmasq", "local=/a.test/b.test/  # two", {"a.test": WIDE, "b.test": WIDE}),
    ("dnsmasq", "address=/fe/0.0.0.0", {"fe": WIDE}),
    ("unbound", 'local-zone: "000037.test." always_null', {"000037.test": WIDE}),
    ("unbound", "local-zone: s.test static", {"s.test": WIDE}),
    ("unbound", 'local-data: "x.test A 0.0.0.0"', {"x.test": EXACT}),
    ("named", 'zone "s.test" { type master; notify no; file "null"; };', {"s.test": WIDE}),
    ("named", 'zone "s.test" IN {\n  type primary; // x\n  file "f";\n};', {"s.test": WIDE}),
    ("rpz", "smetrics.test CNAME .", {"smetrics.test": EXACT}),
    ("rpz", "*.smetrics.test CNAME .", {"smetrics.test": BELOW}),
    ("rpz", "a.test 300 IN CNAME *. ; why", {"a.test": EXACT}),
    ("rpz", "a.test CNAME rpz-drop.", {"a.test": EXACT}),
    ("rpz", "a.test 1h IN CNAME .", {"a.test": EXACT}),
    ("rpz", "@ SOA l. r. 1 1 1 1 1\n  IN NS l.\n  NS l.\na.test CNAME .", {"a.test": EXACT}),
    ("rpz", "ns CNAME .", {"ns": EXACT}),
    ("rpz", "a.test A 0.0.0.0", {"a.test": EXACT}),
    ("rpz", "rpz.x. 60 IN SOA l. r. 1 1 1 1 1\na.test.rpz.x. CNAME .", {"a.test": EXACT}),
    ("csv", "domain,kind\nEvil[.]Test,bad", {"evil.test": SILENT}),
    ("csv", '# say "no\nhost\na.test', {"a.test": SILENT}),
    ("csv", "evil.test\nb.test", {"evil.test": SILENT, "b.test": SILENT}),
    ("csv", "indicator,x\n\u00f4\u00aa\u00f8abnormal[.]test,1", {"abnormal.test": SILENT}),
    ("csv", "indicator\n*.below.test", {"below.test": BELOW}),
    ("json", '["a.test", "hxxp://b[.]test/"]', {"a.test": SILENT, "b.test": SILENT}),
    ("json", '{"iocs": [{"ioc": "c.test"}]}', {"c.test": SILENT}),
    (
        "threatfox",
        '{"query_status": "ok", "data": [{"ioc": "d.test", "ioc_type": "domain"}]}',
        {"d.test": SILENT},
    ),
    ("threatfox", '{"1": [{"ioc_value": "d.test", "ioc_type": "domain"}]}', {"d.test": SILENT}),
    (
        "threatfox",
        '# "first_seen_utc","ioc_value","ioc_type"\n"2026", "d.test", "domain"',
        {"d.test": SILENT},
    ),
    ("urlhaus", '# id,url,tags\n"1","http://e.test:8080","a,b"', {"e.test": SILENT}),
    ("maltrail", "xn--ker-ina.test    # was: x", {"xn--ker-ina.test": WIDE}),
    ("maltrail", ".ws", {"ws": WIDE}),
    ("urls", "http://f.test:443/", {"f.test": SILENT}),
    ("urls", "http://good.test@evil.test/", {"evil.test": SILENT}),
]


@pytest.mark.parametrize(("form", "text", "expected"), ACCEPTED)
def test_names_and_what_of_them(form: str, text: str, expected: dict[str, int]) -> None:
    parsed = read(text, form)
    assert expected == blocked(parsed)
    assert (0, {}, 0) == (parsed.rejected, parsed.skipped, parsed.allow.height)


@pytest.mark.parametrize(
    ("form", "text", "name"),
    [
        ("adblock", "@@||dnb.test^", "dnb.test"),
        ("adblock", "@@||imasdk.test^|", "imasdk.test"),
        ("adblock", "@@metric.test^", "metric.test"),
        ("dnsmasq", "server=/2mdn.test/192.0.2.114", "2mdn.test"),
        ("dnsmasq", "server=/2mdn.test/127.0.0.1#5353", "2mdn.test"),
        ("dnsmasq", "server=/2mdn.test/#", "2mdn.test"),
        ("unbound", 'local-zone: "ok.test" transparent', "ok.test"),
        ("named", 'zone "ok.test" { type forward; forwarders { 192.0.2.1; }; };', "ok.test"),
        ("rpz", "ok.test 3600 IN CNAME rpz-passthru.", "ok.test"),
        ("rpz", "ok.test CNAME ok.test.", "ok.test"),
        ("rpz", "*.ok.test CNAME *.ok.test.", "ok.test"),
    ],
)
def test_exceptions(form: str, text: str, name: str) -> None:
    parsed = read(text, form)
    assert [name] == parsed.allow["name"].to_list()
    assert (0, 0, {}) == (parsed.names.height, parsed.rejected, parsed.skipped)


@pytest.mark.parametrize(
    ("form", "text", "network"),
    [
        ("adblock", "||192.0.2.7^", "192.0.2.7"),
        ("dnsmasq", "bogus-nxdomain=192.0.2.11", "192.0.2.11"),
        ("rpz", "24.0.2.0.192.rpz-ip CNAME .", "192.0.2.0/24"),
        ("rpz", "128.2.zz.db8.2001.rpz-ip CNAME .", "2001:db8::2"),
        ("rpz", "128.2.0.0.0.0.0.db8.2001.rpz-ip 300 CNAME .", "2001:db8::2"),
        ("csv", "indicator\n192.0.2.0/24", "192.0.2.0/24"),
        ("threatfox", '[{"ioc": "192.0.2.1:443", "ioc_type": "ip:port"}]', "192.0.2.1"),
        ("maltrail", "[2001:db8::8fe]:8080", "2001:db8::8fe"),
        ("maltrail", "http://192.0.2.138", "192.0.2.138"),
        ("urls", "http://192.0.2.77:8033/", "192.0.2.77"),
        ("ips", "192.0.2.16/28 ; SBL1", "192.0.2.16/28"),
        ("ips", "192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        ("ips", "[2001:db8::1]:53 ", "2001:db8::1"),
        ("ips", '{"cidr":"192.0.2.0/24","sblid":"SBL1"}', "192.0.2.0/24"),
        (
            "stix",
            '{"objects":[{"type":"indicator","pattern":"[ipv4-addr:value = \'192.0.2.1\']"}]}',
            "192.0.2.1",
        ),
        (
            "stix",
            '{"objects":[{"type":"indicator","pattern":"[domain-name:value=\'192.0.2.1\']"}]}',
            "192.0.2.1",
        ),
    ],
)
def test_networks(form: str, text: str, network: str) -> None:
    parsed = read(text, form)
    assert (network,) == parsed.networks
    assert (0, 0) == (parsed.entries.height, parsed.rejected)


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        ("wildcard", "a.*.test", PATTERN),
        ("adblock", "||vg.test.$dnstype=~CNAME", "the modifier $dnstype"),
        ("adblock", "||vg.test.", PATTERN),
        ("adblock", "||paypal.*.test^", PATTERN),
        ("adblock", "||admulti", PATTERN),
        ("adblock", "||evil.test^$badfilter", "the modifier $badfilter"),
        ("adblock", "||u.test^$denyallow=v.test", "the modifier $denyallow"),
        ("adblock", "||u.test^$ctag=os_ios|device_tv", "the modifier $ctag"),
        ("adblock", "||coin.test^$third-party", "a modifier for browsers"),
        ("adblock", "/^.*[./]x[a-z0-9-]{1,}\\.gifts?/", "a regular expression"),
        ("adblock", "-norge.co.test^", PATTERN),
        ("adblock", "|http://ww01.", PATTERN),
        ("adblock", "||shop.test/ads/", "a path or port on a host"),
        ("adblock", "a.test##.banner", "a cosmetic rule"),
        ("dnsmasq", "address=/safe.test/192.0.2.1", "a redirect to another address"),
        ("dnsmasq", "address=/#/0.0.0.0", PATTERN),
        ("dnsmasq", "cache-size=1000", "another option of dnsmasq"),
        ("unbound", 'local-zone: "g.test" redirect', "a redirect, of which the data say where to"),
        ("unbound", 'local-data: "g.test CNAME safe.test"', "a redirect or other data"),
        ("named", 'zone "s.test" { type slave; };',
         "a zone that is neither primary nor forwarded"),
        ("rpz", "google.test 3600 IN CNAME safesearch.test.", "a redirect or local data"),
        ("rpz", "*.s.test CNAME s.test.", "a redirect or local data"),
        ("rpz", "    IN TXT why", "a redirect or local data"),
        ("rpz", "24.0.2.0.192.rpz-ip CNAME 24.0.2.0.192.", "an address that is excepted"),
        ("rpz", "still.*.test CNAME rpz-passthru.", PATTERN),
        ("rpz", "32.1.2.0.192.rpz-client-ip CNAME .", "a rule on clients' addresses"),
        ("rpz", "ns.evil.test.rpz-nsdname CNAME .", "a rule on name servers"),
        ("maltrail", "/itsme.test", "a path on any host"),
        ("maltrail", "mail.test/bigfile/v1/urls/", PATH),
        ("maltrail", "q(l|r)[0-9]{5,6}\\.pw", "a regular expression"),
        ("urls", "https://docs.test/drawings/d/1", PATH),
        ("urls", "http://192.0.2.104?rid=8i4", PATH),
        ("threatfox", '[{"ioc": "ff", "ioc_type": "md5_hash"}]', "an indicator of another type"),
    ],
)  # fmt: skip
def test_what_no_name_can_express_blocks_nothing(form: str, text: str, reason: str) -> None:
    parsed = read(text, form)
    assert {reason: 1} == parsed.skipped
    assert (0, (), 0) == (parsed.entries.height, parsed.networks, parsed.rejected)


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        ("wildcard", "%20mandrill.test", "character '%'"),
        ("adblock", "||a..test^", "empty label"),
        ("adblock", "0.0.0.0 a.test", "space"),
        ("dnsmasq", "address=/evil.test", "cut short"),
        ("dnsmasq", "evil.test", "not an option"),
        ("unbound", 'local-zone: "a..test" always_null', "empty label"),
        ("named", "evil.test", "not a zone statement"),
        ("rpz", "24.0.2.0.192.rpz.ip CNAME .", "never matches"),
        ("rpz", "a.test CNAME rpz-passthru", "final dot"),
        ("rpz", "$INCLUDE /etc/passwd", "directive"),
        ("rpz", "com. CNAME .", "outside the zone"),
        ("rpz", "192.0.2.0/24 CNAME .", "IP address"),
        ("rpz", "   IN CNAME .", "no owner of its own"),
        ("rpz", "\tCNAME .", "no owner of its own"),
        ("rpz", " 300 IN CNAME .", "no owner of its own"),
        ("rpz", " 1h A 0.0.0.0", "no owner of its own"),
        ("csv", "a,b\n1,2", "no column"),
        ("csv", "domain\nsomeone@mail.test", "e-mail"),
        ("json", "{", "not JSON"),
        ("json", '{"a": 1}', "has no list"),
        ("json", '[{"b": 1}]', "has none in its field"),
        ("threatfox", '{"query_status": "no_result", "data": "x"}', "holds no indicators"),
        ("misp", '{"u": {"Orgc": {}}}', "manifest"),
        ("stix", "[]", "no STIX bundle"),
        ("ips", "evil.test", "no address"),
        ("ips", "fe80::1%eth0", "no address"),
    ],
)
def test_rejects(form: str, text: str, reason: str) -> None:
    parsed = read(text, form)
    assert (0, ()) == (parsed.entries.height, parsed.networks)
    assert 1 == parsed.rejected
    assert reason in parsed.rejects[0].reason


def test_where_an_unbound_redirect_leads_is_in_its_data() -> None:
    zone = 'local-zone: "x.test" redirect\nlocal-data: "x.test '
    assert {"x.test": WIDE} == blocked(read(zone + 'A 0.0.0.0"', "unbound"))
    assert {} == blocked(read(zone + 'CNAME safe.test"', "unbound"))


TRANSPARENT = 'local-zone: "x.test." typetransparent\n'


@pytest.mark.parametrize(
    ("data", "names", "allow"),
    [
        ('local-data: "x.test. A 0.0.0.0"', {"x.test": EXACT}, []),
        ('  local-data: "X.test 60 IN AAAA ::"', {"x.test": EXACT}, []),
        ('local-data: "www.x.test. A 0.0.0.0"', {"www.x.test": EXACT}, []),
        ('local-data: "x.test. A 192.0.2.1"', {}, []),
        ('local-data: "notx.test. A 0.0.0.0"', {"notx.test": EXACT}, ["x.test"]),
        ('# local-data: "x.test. A 0.0.0.0"', {}, ["x.test"]),
        ('local-zone: "test." always_null', {"test": WIDE}, ["x.test"]),
    ],
)
def test_a_transparent_zone_of_unbound_excepts_unless_it_has_data(
    data: str, names: dict[str, int], allow: list[str]
) -> None:
    for text in (TRANSPARENT + data, data + "\r\n" + TRANSPARENT):
        parsed = read(text, "unbound")
        assert (names, allow) == (blocked(parsed), parsed.allow["name"].to_list())
        assert 0 == parsed.rejected


def test_an_open_quote_costs_its_own_row_only() -> None:
    parsed = read('domain,note\na.test,"open\nb.test,\n' + "c.test,\n" * 60, "csv")
    assert {"b.test", "c.test"} == set(blocked(parsed))
    assert [2] == [reject.line for reject in parsed.rejects]


TABLE = "type,name,class\ndomain,a.test,bad\ndomain,b.test,legitimate\n"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (Options(column="name", type_column="class", types=("BAD",)), {"a.test"}),
        (Options(column=2, type_column=3, types=("bad",)), {"a.test"}),
        (Options(column="name", type_column="absent", types=("bad",)), set()),
        (Options(column="name", types=("bad",)), set()),
        (Options(column="absent"), set()),
        (Options(column=9), set()),
    ],
)
def test_columns_and_types(options: Options, names: set[str]) -> None:
    assert names == set(blocked(read(TABLE, "csv", options)))


def test_json_by_path_field_and_type() -> None:
    items = [{"n": "a.test", "t": "bad"}, {"n": "b.test", "t": "good"}]
    options = Options(path="x.y", field="n", type_field="t", types=("bad",))
    parsed = read(json.dumps({"x": {"y": items}}), "json", options)
    assert ({"a.test"}, {"an item of another type": 1}) == (set(blocked(parsed)), parsed.skipped)


def test_misp_takes_what_is_for_detection_in_objects_too() -> None:
    attributes = [
        {"type": "domain|ip", "value": "a.test|192.0.2.1", "to_ids": True},
        {"type": "hostname", "value": "b.test", "to_ids": False},
        {"type": "url", "value": "http://c.test/x|y", "to_ids": True},
        {"type": [], "value": "d.test", "to_ids": {}},
    ]
    event = {"Attribute": attributes[:2], "Object": [{"Attribute": attributes[2:]}]}
    for document in (event, {"Event": event}, {"response": [{"Event": event}]}):
        text = json.dumps(document)
        assert {"a.test"} == set(blocked(read(text, "misp")))
        assert {"a.test", "b.test"} == set(blocked(read(text, "misp", Options(to_ids=False))))
        whole = read(text, "misp", Options(whole_hosts=True))
        assert {"a.test", "c.test"} == set(blocked(whole))


@pytest.mark.parametrize(
    ("extra", "skipped"),
    [
        ({}, {}),
        ({"revoked": True}, {"an indicator that was revoked": 1}),
        ({"valid_until": "2020-01-01T00:00:00Z"}, {"an indicator whose time is over": 1}),
        ({"valid_until": "2099-01-01T00:00:00Z"}, {}),
        ({"indicator_types": ["benign"]}, {"an indicator of what is harmless": 1}),
        ({"pattern_type": "yara"}, {"a pattern of another language": 1}),
        (
            {"pattern": "[domain-name:value = 'a.test' AND file:size = 1]"},
            {"a pattern that says more than a name": 1},
        ),
        ({"pattern": "[file:name = 'a.test']"}, {"a pattern about something else": 1}),
    ],
)
def test_stix_indicators(extra: dict[str, object], skipped: dict[str, int]) -> None:
    item = {"type": "indicator", "pattern": "[domain-name:value='a.test']", **extra}
    parsed = read(json.dumps({"objects": [item]}), "stix", Options(now=1_790_000_000))
    assert skipped == parsed.skipped
    assert (set() if skipped else {"a.test"}) == set(blocked(parsed))


def test_a_definition_may_name_every_format_and_no_other() -> None:
    assert {reader.name for reader in formats.READERS} == set(get_args(catalogue.Format))


def definition(folder: Path, text: str) -> catalogue.Feed:
    path = folder / "f.toml"
    path.write_text(f'url = "https://feeds.example/f"\nzone = "malware"\n{text}')
    return catalogue.read(path)


def test_a_definition_says_how_to_read_and_a_change_reads_anew(tmp_path: Path) -> None:
    plain = definition(tmp_path, 'format = "csv"')
    told = definition(tmp_path, 'format = "csv"\ncolumn = 2\ntype_column = "k"\ntypes = ["bad"]')
    assert Options() == Options(**plain.reading)
    assert Options(column=2, type_column="k", types=("bad",)) == Options(**told.reading)
    assert snapshots.read_as(plain) != snapshots.read_as(told)
    assert f"csv/{snapshots.READER}" == snapshots.read_as(plain)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('format = "hosts"\ncolumn = 1', "the format hosts has no column"),
        ('format = "csv"\ntypes = ["bad"]', "types needs type_column"),
        ('format = "csv"\ncolumn = 0', "column"),
        ('format = "csv"\ndelimiter = ",,"', "delimiter"),
        ('format = "cvs"', "format"),
    ],
)
def test_faults_of_a_definition(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(UsageFault) as caught:
        definition(tmp_path, text)
    assert any(fault in line for line in caught.value.details)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "*", "^", "\\", "]", "x", ".", "ü"])
def test_a_table_is_cut_where_its_delimiter_stands(delimiter: str) -> None:
    text = '1,one.net,a\n2,"two.net",b\n3, THREE.NET ,c\n#4,four.net,d\n5,"a""b",e\n'.replace(
        ",", delimiter
    )
    parsed = formats.read(text.encode(), "csv", Options(column=2, delimiter=delimiter))
    if delimiter in {"x", "."}:  # no definition may say these; they are not guessed at either
        assert "four.net" not in parsed.names["name"].to_list()
    else:
        assert ["one.net", "three.net", "two.net"] == sorted(parsed.names["name"])
        assert [5] == [reject.line for reject in parsed.rejects]
    assert 4 == parsed.lines or delimiter in {"x", "."}


def test_rows_that_span_lines_are_read_whole() -> None:
    text = b'name,note\none.net,"a\ntwo.net,b"\nthree.net,c\n'
    parsed = formats.read(text, "csv", Options(column="name"))
    assert ["one.net", "three.net"] == parsed.names["name"].to_list()
