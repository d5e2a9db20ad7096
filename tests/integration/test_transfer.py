"""Feeds that are zones: transfers from a second, real named, with TSIG and without."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.tsig
import pytest

from rpzctl.catalogue import Feed
from rpzctl.fetch import Fetched, Limits, Validators, axfr, fetch, wire
from rpzctl.fetch.fetched import Broken
from tests.servers import Named, Site, find, until

ZONE = """\
$TTL 60
@ SOA ns.feed.example. h.feed.example. {serial} 3600 600 86400 60
@ NS ns.feed.example.
{names}
excepted.example CNAME rpz-passthru.
32.1.2.0.192.rpz-ip CNAME .
odd\\032name.example CNAME .
"""
NAMES = "".join(f"n{n}.bad.example CNAME .\n*.n{n}.bad.example CNAME .\n" for n in range(300))
ONCE = Limits(retries=0, seconds=20)


class Upstream(Named):
    """The named of somebody who sells a policy zone."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.zone_file = home / "feed.zone"

    def publish(self, serial: int, names: str = NAMES) -> None:
        self.zone_file.write_text(ZONE.format(serial=serial, names=names))

    def republish(self, serial: int, names: str = NAMES) -> None:
        self.publish(serial, names)
        before = self.log().count("loaded serial")
        rndc = ["rndc", "-k", str(self.key), "-p", str(self.rndc_port), "-s", "127.0.0.1"]
        subprocess.run([*rndc, "reload", "feed.rpz"], check=True, capture_output=True)
        until(lambda: self.log().count("loaded serial") > before, "the zone is loaded")

    @property
    def transfers(self) -> int:
        """How many transfers it has begun."""
        return self.log().count("AXFR started")

    def url(self, zone: str = "feed.rpz") -> str:
        return f"axfr://127.0.0.1:{self.port}/{zone}"


def key(home: Path, name: str) -> Path:
    """Write a new key as tsig-keygen does."""
    made = subprocess.run([find("tsig-keygen"), name], check=True, capture_output=True)
    path = home / f"{name}.key"
    path.write_bytes(made.stdout)
    path.chmod(0o600)
    return path


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    home = tmp_path / "upstream"
    home.mkdir()
    made = Upstream(home)
    made.prepare()
    made.publish(2026112401)
    key(home, "seller")
    zone = f'type primary; file "{made.zone_file}"'
    made.configure(
        "",
        f'include "{home}/seller.key";\n'
        f'zone "feed.rpz" {{ {zone}; allow-transfer {{ any; }}; }};\n'
        f'zone "signed.rpz" {{ {zone}; allow-transfer {{ key seller; }}; }};',
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def got(url: str, known: Validators = Validators(), limits: Limits = ONCE, **keys: str) -> Fetched:  # noqa: B008 - an immutable value
    values = {"file": Path("/x.toml"), "name": "x", "url": url, "format": "rpz", "zone": "x"}
    return fetch(Feed.of({**values, **keys}), known, limits)


@pytest.mark.bind
def test_a_zone_comes_as_text_and_only_when_its_serial_rises(upstream: Upstream) -> None:
    first = got(upstream.url())
    assert first.data is not None
    lines = first.data.decode().splitlines()
    assert lines[0].startswith("feed.rpz. SOA ns.feed.example. h.feed.example. 2026112401 ")
    assert {"n7.bad.example CNAME .", "*.n7.bad.example CNAME ."} < set(lines)
    assert "excepted.example CNAME rpz-passthru." in lines
    assert 1 == sum(" SOA " in line for line in lines)
    assert (2026112401, 1) == (first.validators.serial, upstream.transfers)
    again = got(upstream.url(), first.validators)
    assert (True, 1) == (again.unchanged, upstream.transfers)
    upstream.republish(2026112402)
    assert 2026112402 == got(upstream.url(), first.validators).validators.serial
    assert 2 == upstream.transfers


@pytest.mark.bind
def test_a_serial_that_went_back_is_a_fault(upstream: Upstream) -> None:
    said = got(upstream.url(), Validators(serial=2026112409)).fault
    assert said == (
        "its serial went back from 2026112409 to 2026112401; to take it: rpzctl sync --accept x"
    )
    assert 0 == upstream.transfers
    assert got(upstream.url(), Validators(serial=2026112401 + 2**31 + 5)).data, "RFC 1982"


@pytest.mark.bind
def test_a_key_opens_what_is_closed_without_it(upstream: Upstream) -> None:
    url = upstream.url("signed.rpz")
    assert "the server answers REFUSED" == got(url).fault
    seller = upstream.home / "seller.key"
    assert got(url, secret_file=str(seller)).data
    assert 1 == upstream.transfers
    stranger = key(upstream.home, "stranger")
    fault = str(got(url, secret_file=str(stranger)).fault)
    assert fault.startswith("the server does not accept the TSIG key (PeerBadKey)")
    false = stranger.read_text().replace("stranger", "seller")
    stranger.write_text(false)
    fault = str(got(url, secret_file=str(stranger)).fault)
    assert "PeerBadSignature" in fault
    secret = false.split('secret "')[1].split('"')[0]
    assert secret not in fault
    stranger.write_text("key { nonsense }")
    assert "holds no TSIG key" in str(got(url, secret_file=str(stranger)).fault)
    assert 1 == upstream.transfers


@pytest.mark.bind
def test_transfers_are_bounded(upstream: Upstream) -> None:
    small = ONCE._replace(octets=10_000)
    assert "more than 10000 octets" == got(upstream.url(), limits=small).fault
    hurried = ONCE._replace(seconds=0.000_01)
    assert "not done within 1e-05 s" == got(upstream.url(), limits=hurried).fault


@pytest.mark.bind
def test_what_is_not_there_is_told(upstream: Upstream) -> None:
    assert "the server has no SOA record for it" == got(upstream.url("other.rpz")).fault
    assert "Connection refused" == got("axfr://127.0.0.1:1/feed.rpz").fault
    nowhere = str(got("axfr://nowhere.invalid/feed.rpz").fault)
    assert nowhere.startswith("the server's name has no address: ")
    upstream.stop()
    assert "Connection refused" == got(upstream.url()).fault


def test_a_transfer_that_is_not_signed_is_refused() -> None:
    """White box: no named can be made to leave out the signature that it was asked for."""
    made = dns.message.make_response(dns.message.make_query("feed.rpz.", "AXFR"))
    unsigned = wire.message(made.to_wire())
    signed = axfr._Signed(dns.tsig.Key("seller", "c2VjcmV0"), b"")
    with pytest.raises(Broken, match="not signed with the TSIG key"):
        signed.check(unsigned)
    with pytest.raises(Broken, match="not signed with the TSIG key"):
        signed.close()


def test_a_transferred_zone_is_policy_and_stays_when_the_key_is_changed(
    site: Site, upstream: Upstream
) -> None:
    seller = upstream.home / "seller.key"
    definition = site.repo / "feeds" / "bought.toml"
    definition.write_text(
        f'url = "{upstream.url("signed.rpz")}"\nformat = "rpz"\nzone = "threats"\n'
        f'enabled = true\nsecret_file = "{seller}"\n'
    )
    done = site.ok("sync")
    assert "bought: new copy, 600 names" in done.stderr or "new copy" in done.stderr
    assert {"n7.bad.example": "NXDOMAIN", "a.n7.bad.example": "NXDOMAIN"} == site.answers(
        ["n7.bad.example", "a.n7.bad.example"]
    )
    assert "same" == site.ok("sync", "--json").json()["feeds"][0]["status"]
    assert 1 == upstream.transfers
    other = key(upstream.home, "other")
    definition.write_text(definition.read_text().replace(str(seller), str(other)))
    upstream.republish(2026112402)
    done = site.cli("sync")
    assert 1 == done.status
    assert "does not accept the TSIG key" in done.stderr
    assert "keeps its " in done.stderr
    assert "NXDOMAIN" == site.answer("n7.bad.example")
    secret = other.read_text().split('secret "')[1].split('"')[0]
    record = (site.state / "feeds" / "bought" / "record.json").read_text()
    assert secret not in record + done.stderr + done.stdout
