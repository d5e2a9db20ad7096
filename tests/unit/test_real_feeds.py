"""The field's real feeds, all of them, and what is made of each. They are not in the project.

The counts were judged, not only taken down: what is rejected or skipped was looked at. Where
names are few the feed has none to give: forwarders, redirects, URLs with paths, other types.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from rpzctl import formats, network_guards, shape
from rpzctl.catalogue import Feed
from rpzctl.formats import Options
from rpzctl.unpack import unpack

SAMPLES = Path(__file__).parents[3] / "shared" / "feeds"
ABSENT = "the field's real feeds are not beside the checkout"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason=ABSENT)


class Counts(NamedTuple):
    """What a feed comes to."""

    names: int
    allow: int
    networks: int
    rejected: int
    skipped: int


# Infoblox lists what is legitimate, parked and unavailable in the same column.
BAD = Options(column="indicator", type_column="classification", types=("malicious", "suspicious"))
OPTIONS = {"csv/infoblox": BAD}

FEEDS = [
    ("adblock/adguard/adguard_sdn_filter.txt", "adblock", Counts(27209, 21, 63, 0, 272)),
    ("adblock/blocklistproject/ransomware-ags.txt", "adblock", Counts(1904, 0, 0, 0, 0)),
    ("adblock/hoshsadiq/nocoin.txt", "adblock", Counts(58, 0, 1, 0, 258)),
    ("adblock/iam-py-test/antimalware_adguard_home.txt", "adblock", Counts(6900, 0, 219, 0, 8)),
    ("bad/phishing-links-INVALID1.txt", "urls", Counts(0, 0, 0, 0, 1)),
    ("bad/test-domains-source.txt", "hosts", Counts(14, 0, 1, 34, 0)),
    ("bind-zones/oznu/null.zone.file", "rpz", Counts(0, 0, 0, 1, 1)),
    ("bind-zones/oznu/zones.blacklist", "named", Counts(7999, 0, 1, 0, 0)),
    ("csv/abuse.ch-urlhaus/urlhaus.csv", "urlhaus", Counts(33, 0, 2, 0, 7963)),
    ("csv/assoechap/network.csv", "csv", Counts(966, 0, 66, 0, 2)),
    ("csv/infoblox/abusing_arpa_20260226.csv", "csv", Counts(1055, 0, 0, 0, 0)),
    ("csv/infoblox/olympics_20240729_iocs.csv", "csv", Counts(9, 0, 0, 0, 0)),
    ("csv/infoblox/ukraine_russia_legitimate_iocs.csv", "csv", Counts(0, 0, 0, 0, 1221)),
    ("csv/infoblox/ukraine_russia_malicous_suspicious_iocs.csv", "csv", Counts(459, 0, 1, 1, 1135)),
    ("csv/infoblox/usps_cta_20231219.csv", "csv", Counts(7292, 0, 126, 0, 26)),
    ("csv/stamparm/blackbook.csv", "csv", Counts(18151, 0, 0, 0, 0)),
    ("dnsmasq/blocklistproject/ransomware-dnsmasq.txt", "dnsmasq", Counts(1904, 0, 0, 0, 0)),
    ("dnsmasq/felixonmars/apple.china.conf", "dnsmasq", Counts(0, 164, 0, 0, 0)),
    ("dnsmasq/felixonmars/bogus-nxdomain.china.conf", "dnsmasq", Counts(0, 0, 165, 0, 0)),
    ("dnsmasq/felixonmars/google.china.conf", "dnsmasq", Counts(0, 112, 0, 0, 0)),
    ("dnsmasq/iam-py-test/antimalware_dnsmasq.txt", "dnsmasq", Counts(6900, 0, 0, 0, 0)),
    ("dnsmasq/windowsspyblocker/dnsmasq.conf", "dnsmasq", Counts(347, 0, 0, 0, 0)),
    ("domains/iam-py-test/antimalware_domains_nopups.txt", "domains", Counts(6929, 0, 0, 4, 0)),
    ("domains/perflyst/SmartTV.txt", "domains", Counts(245, 0, 0, 0, 0)),
    (
        "domains/phishing-database/phishing-domains-ACTIVE2.txt",
        "domains",
        Counts(21289, 0, 0, 1, 0),
    ),
    ("domains/phishing-database/phishing-domains-INVALID.txt", "domains", Counts(0, 0, 0, 5, 0)),
    ("domains/phishing-database/phishing-domains-NEW-today.txt", "domains", Counts(3, 0, 0, 0, 0)),
    ("domains/shadowwhisperer/Malware", "domains", Counts(43726, 0, 0, 0, 0)),
    ("domains/stamparm/blackbook.txt", "domains", Counts(18151, 0, 0, 0, 0)),
    ("guard/misp-warninglists/captive-portals/list.json", "json", Counts(21, 0, 0, 0, 0)),
    ("guard/misp-warninglists/cisco_top1000/list.json", "json", Counts(1000, 0, 0, 0, 0)),
    ("guard/misp-warninglists/cloudflare-top1k/list.json", "json", Counts(1001, 0, 0, 0, 0)),
    ("guard/misp-warninglists/crl-hostname/list.json", "json", Counts(222, 0, 0, 0, 0)),
    ("guard/misp-warninglists/dynamic-dns/list.json", "json", Counts(0, 0, 0, 35467, 0)),
    ("guard/misp-warninglists/google/list.json", "json", Counts(475, 0, 0, 194, 0)),
    ("guard/misp-warninglists/lots-project/list.json", "json", Counts(98, 0, 0, 77, 0)),
    ("guard/misp-warninglists/microsoft/list.json", "json", Counts(72, 0, 0, 119, 0)),
    ("guard/misp-warninglists/microsoft-office365/list.json", "json", Counts(183, 0, 0, 0, 0)),
    (
        "guard/misp-warninglists/microsoft-win10-connection-endpoints/list.json",
        "json",
        Counts(113, 0, 0, 31, 0),
    ),
    ("guard/misp-warninglists/moz-top500/list.json", "json", Counts(499, 0, 0, 1, 0)),
    ("guard/misp-warninglists/rfc1918/list.json", "json", Counts(0, 0, 3, 0, 0)),
    ("guard/misp-warninglists/rfc5735/list.json", "json", Counts(0, 0, 15, 0, 0)),
    ("guard/misp-warninglists/rfc6598/list.json", "json", Counts(0, 0, 1, 0, 0)),
    ("guard/misp-warninglists/rfc6761/list.json", "json", Counts(21, 0, 0, 0, 0)),
    ("guard/misp-warninglists/second-level-tlds/list.json", "json", Counts(10231, 0, 0, 0, 0)),
    (
        "guard/misp-warninglists/security-provider-blogpost/list.json",
        "json",
        Counts(647, 0, 0, 0, 0),
    ),
    ("guard/misp-warninglists/tlds/list.json", "json", Counts(1438, 0, 0, 0, 0)),
    ("guard/misp-warninglists/tranco10k/list.json", "json", Counts(10000, 0, 0, 0, 0)),
    ("guard/misp-warninglists/url-shortener/list.json", "json", Counts(255, 0, 0, 0, 0)),
    ("hosts/blocklistproject/ransomware.txt", "hosts", Counts(1904, 0, 0, 0, 0)),
    ("hosts/fademind-add.2o7Net/hosts", "hosts", Counts(2030, 0, 0, 0, 0)),
    ("hosts/jdlingyu/hosts", "hosts", Counts(1707, 0, 0, 0, 0)),
    ("hosts/mitchellkrogza/hosts", "hosts", Counts(13467, 0, 352, 1, 0)),
    ("hosts/windowsspyblocker/spy.txt", "hosts", Counts(347, 0, 0, 0, 0)),
    ("hosts/windowsspyblocker/spy_v6.txt", "hosts", Counts(347, 0, 0, 0, 0)),
    ("ip/blocklistproject/malware.ip", "ips", Counts(0, 0, 20907, 0, 0)),
    ("ip/firehol/firehol_level1.netset", "ips", Counts(0, 0, 4631, 0, 0)),
    ("ip/stamparm-ipsum/3.txt", "ips", Counts(0, 0, 14217, 0, 0)),
    ("json/amnesty/novispy.stix2", "stix", Counts(0, 0, 7, 0, 11)),
    ("json/amnesty/pegasus.stix2", "stix", Counts(1438, 0, 0, 0, 111)),
    ("json/iam-py-test/antimalware_json.json", "json", Counts(6900, 0, 219, 0, 0)),
    (
        "json/infoblox-misp/2dc45085-7f6b-48ee-b726-400a326ad9b5.json",
        "misp",
        Counts(31, 0, 8, 0, 3),
    ),
    (
        "json/infoblox-misp/2e259cec-4fdb-4f25-88de-c51c4c18c854.json",
        "misp",
        Counts(27, 0, 0, 0, 0),
    ),
    (
        "json/infoblox-misp/68f58844-4aa6-4e1c-8ee5-cfb58eb6665e.json",
        "misp",
        Counts(10, 0, 12, 0, 7),
    ),
    ("json/infoblox-misp/manifest.json", "misp", Counts(0, 0, 0, 1, 0)),
    ("json/threatfox-defanged/threatfox.json", "threatfox", Counts(27, 0, 7, 0, 5)),
    ("json/threatfox-like/threatfox.json", "threatfox", Counts(5, 0, 9, 0, 1)),
    ("json/unit42/2024-08-01-cryptocurrency-phishing-scams.json", "stix", Counts(49, 0, 0, 0, 0)),
    (
        "json/unit42/2024-08-05-Phishing-abusing-Google-Drawings-and-Slides.json",
        "stix",
        Counts(6, 0, 0, 0, 6),
    ),
    ("json/unit42/2024-11-26-Tech-Support-Scams.json", "stix", Counts(14, 0, 0, 0, 13)),
    ("maltrail/maltrail/apt_sofacy.txt", "maltrail", Counts(1874, 0, 279, 0, 168)),
    ("maltrail/maltrail/apt_turla.txt", "maltrail", Counts(336, 0, 23, 0, 109)),
    ("maltrail/maltrail/conficker.txt", "maltrail", Counts(257, 0, 0, 0, 0)),
    ("maltrail/maltrail/ek_vextrio.txt", "maltrail", Counts(2247, 0, 0, 0, 2)),
    ("maltrail/maltrail/ghostdns.txt", "maltrail", Counts(3, 0, 257, 0, 2)),
    ("maltrail/maltrail/zeus.txt", "maltrail", Counts(1559, 0, 25, 0, 87)),
    ("rpz/alsyundawy/alsyundawy_safesearch.zones", "rpz", Counts(0, 0, 0, 0, 374)),
    ("rpz/alsyundawy/alsyundawy_trustpositif.zones", "rpz", Counts(0, 0, 0, 0, 4)),
    ("rpz/alsyundawy/alsyundawy_whitelist.zones", "rpz", Counts(0, 1810, 0, 0, 0)),
    ("rpz/bind9-tests/bad-rpz-prefix.db", "rpz", Counts(0, 0, 1, 0, 0)),
    ("rpz/bind9-tests/first-rpz.local.db", "rpz", Counts(2, 2, 0, 0, 0)),
    ("rpz/bind9-tests/good-rpz-prefix.db", "rpz", Counts(0, 0, 1, 0, 0)),
    ("rpz/bind9-tests/outofzone.db.in", "rpz", Counts(1, 0, 0, 1, 0)),
    ("rpz/bind9-tests/rpz.db", "rpz", Counts(3, 0, 0, 0, 0)),
    ("rpz/hagezi/native.tiktok.txt", "rpz", Counts(866, 0, 0, 0, 0)),
    ("rpz/hagezi/spam-tlds-rpz.txt", "rpz", Counts(130, 0, 0, 0, 0)),
    ("rpz/jpgpi250/DOH.rpz", "rpz", Counts(4076, 0, 0, 0, 0)),
    ("rpz/malware-filter/pup-filter-rpz.conf", "rpz", Counts(189, 0, 0, 0, 0)),
    ("rpz/malware-filter/urlhaus-filter-rpz.conf", "rpz", Counts(5487, 0, 0, 0, 0)),
    ("rpz/oznu/bind-nxdomain.blacklist", "rpz", Counts(7994, 0, 0, 2, 0)),
    ("rpz/ph00lt0/rpz-blocklist.txt", "rpz", Counts(29498, 0, 0, 0, 0)),
    ("unbound/oznu/unbound-nxdomain.blacklist", "unbound", Counts(7999, 0, 1, 0, 0)),
    ("urls/phishing-database/phishing-links-INACTIVE1.txt", "urls", Counts(6191, 0, 797, 0, 19333)),
    ("urls/phishing-database/phishing-links-INVALID.txt", "urls", Counts(0, 0, 0, 0, 5)),
    ("wildcard/1hosts/wildcards.txt", "wildcard", Counts(51280, 0, 0, 0, 0)),
]
PACKED = {f"compressed/ransomware.txt.{end}" for end in ("bz2", "gz", "xz", "zip", "zst")}
UNREADABLE = {"bad/domain2multi-pl00.txt.xz": "Git LFS pointer"}
NO_FEEDS = {"SOURCES.md", "guard/publicsuffix/public_suffix_list.dat"}


def options(path: str) -> Options:
    return OPTIONS.get(path.rpartition("/")[0], Options())


@needs_samples
@pytest.mark.parametrize(("path", "form", "counts"), FEEDS, ids=[path for path, _, _ in FEEDS])
def test_real_feeds(path: str, form: str, counts: Counts) -> None:
    parsed = formats.read((SAMPLES / path).read_bytes(), form, options(path))
    found = Counts(
        parsed.names.height,
        parsed.allow.height,
        len(parsed.networks),
        parsed.rejected,
        sum(parsed.skipped.values()),
    )
    assert counts == found


@needs_samples
def test_every_file_is_read_or_known_to_be_no_feed() -> None:
    there = {p.relative_to(SAMPLES).as_posix() for p in SAMPLES.rglob("*") if p.is_file()}
    assert there == {path for path, _, _ in FEEDS} | PACKED | set(UNREADABLE) | NO_FEEDS


@needs_samples
@pytest.mark.parametrize("path", sorted(PACKED))
def test_packed_feeds_hold_what_the_plain_one_holds(path: str) -> None:
    plain = (SAMPLES / "hosts/blocklistproject/ransomware.txt").read_bytes()
    packed = unpack((SAMPLES / path).read_bytes(), 1 << 20)
    assert 1904 == formats.read(packed, "hosts").names.height
    assert set(formats.read(plain, "hosts").names["name"]) == set(
        formats.read(packed, "hosts").names["name"]
    )


@needs_samples
@pytest.mark.parametrize(("path", "fault"), UNREADABLE.items())
def test_what_is_no_list_is_said_to_be_none(path: str, fault: str) -> None:
    said = shape.fault_of_octets((SAMPLES / path).read_bytes())
    assert said is not None
    assert fault in said


@needs_samples
@pytest.mark.parametrize(
    ("path", "form", "announced"),
    [
        ("adblock/blocklistproject/ransomware-ags.txt", "adblock", 1904),
        ("domains/shadowwhisperer/Malware", "domains", 43726),
        ("rpz/hagezi/native.tiktok.txt", "rpz", 866),
        ("wildcard/1hosts/wildcards.txt", "wildcard", 51280),
    ],
)
def test_what_a_header_announces_is_what_is_read(path: str, form: str, announced: int) -> None:
    parsed = formats.read((SAMPLES / path).read_bytes(), form)
    assert announced == parsed.announced == parsed.names.height


@needs_samples
def test_the_same_list_in_four_formats_gives_the_same_names() -> None:
    def names(path: str, form: str) -> set[str]:
        return set(formats.read((SAMPLES / path).read_bytes(), form).names["name"])

    hosts = names("hosts/blocklistproject/ransomware.txt", "hosts")
    assert hosts == names("adblock/blocklistproject/ransomware-ags.txt", "adblock")
    assert hosts == names("dnsmasq/blocklistproject/ransomware-dnsmasq.txt", "dnsmasq")
    json = names("json/iam-py-test/antimalware_json.json", "json")
    assert json == names("dnsmasq/iam-py-test/antimalware_dnsmasq.txt", "dnsmasq")
    assert json == names("adblock/iam-py-test/antimalware_adguard_home.txt", "adblock")
    zones = names("bind-zones/oznu/zones.blacklist", "named")
    assert zones == names("unbound/oznu/unbound-nxdomain.blacklist", "unbound")


@needs_samples
def test_whole_hosts_takes_the_hosts_of_urls_with_paths() -> None:
    data = (SAMPLES / "csv/abuse.ch-urlhaus/urlhaus.csv").read_bytes()
    parsed = formats.read(data, "urlhaus", Options(whole_hosts=True))
    assert "github.com" in set(parsed.names["name"])
    assert not parsed.skipped


@needs_samples
@pytest.mark.parametrize(("path", "form"), [(path, form) for path, form, _ in FEEDS])
def test_no_real_feed_has_less_than_its_header_announces(path: str, form: str) -> None:
    feed = defined(form)
    data = (SAMPLES / path).read_bytes()
    parsed = formats.read(data, form, options(path))
    assert shape.fault_of_count(feed, parsed) is None
    half = formats.read(data[: len(data) // 2], form, options(path))
    if half.announced is not None:
        fault = shape.fault_of_count(feed, half) or ""
        assert f"says that it has {half.announced} entries" in fault


@needs_samples
def test_most_headers_that_announce_something_are_understood() -> None:
    announced = {
        path.rpartition("/")[2]
        for path, form, _ in FEEDS
        if formats.read((SAMPLES / path).read_bytes(), form, options(path)).announced
    }
    assert {
        "Malware",
        "firehol_level1.netset",
        "native.tiktok.txt",
        "ransomware-ags.txt",
        "ransomware-dnsmasq.txt",
        "ransomware.txt",
        "wildcards.txt",
    } == announced


@needs_samples
def test_of_real_netsets_the_special_networks_are_left_out() -> None:
    data = (SAMPLES / "ip/firehol/firehol_level1.netset").read_bytes()
    known = network_guards.known(shipped=True)
    guarded = network_guards.guard(formats.read(data, "ips").networks, known)
    stopped = {stop.subject for stop in guarded.stops}
    assert {"0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16"} <= stopped
    assert len(guarded.kept) + len(guarded.stops) == 4631
    assert len(guarded.stops) < 20, "the rest of the list is of use"


def defined(form: str) -> Feed:
    return Feed.of({"file": "/x.toml", "name": "x", "url": "file:x", "format": form, "zone": "x"})
