"""A publisher's bad day, of every kind, is no bad day of a live named's."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.certificates import authority
from tests.integration.test_feeds import GOOD, define, local
from tests.publisher import Publisher, publishing
from tests.servers import REAL, Result, Site

FEW = b"".join(b"0.0.0.0 n%d.bad.example\n" % n for n in range(8))
MANY = b"".join(b"0.0.0.0 m%d.bad.example\n" % n for n in range(4000))
BOUNDS = "[fetch]\nseconds = 2\nunpacked = 10000000\nretries = 0"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, GOOD)
    return out.getvalue()


def nested_bomb() -> bytes:
    inner = gzip.compress(bytes(20_000_000))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        info = tarfile.TarInfo("list.gz")
        info.size = len(inner)
        made.addfile(info, io.BytesIO(inner))
    return out.getvalue()


def bad_days(publisher: Publisher) -> list[tuple[str, str]]:
    """Return each bad day: what must be said of it, and its URL."""
    packed = gzip.compress(GOOD)
    too_much = "unpacks to more than 10000000 octets"
    several = "is an archive of 2 files; say which by member: it holds 'a', 'b'"
    bomb = gzip.compress(bytes(20_000_000))
    return [
        ("HTTP status 404", publisher.url("/missing")),
        ("HTTP status 500", publisher.fails("/broken", 500)),
        ("HTTP status 204", publisher.fails("/nothing", 204, b"")),
        ("is empty", publisher.gives("/empty", b"")),
        ("is a web page", publisher.gives("/page", b"<!DOCTYPE html><html><body>0.0.0.0 x.y")),
        ("is binary", publisher.gives("/binary", b"0.0.0.0 a.example\n\0\1\2")),
        (
            "is a Git LFS pointer",
            publisher.gives("/lfs", b"version https://git-lfs.github.com/x\n"),
        ),
        ("is packed by gzip, and cut short", publisher.gives("/half", packed[:-40])),
        ("is packed by gzip, and damaged", publisher.gives("/sum", packed[:-8] + bytes(8))),
        (too_much, publisher.gives("/bomb", bomb)),
        (too_much, publisher.gives("/nested", nested_bomb())),
        (too_much, publisher.encodes("/encoded", bytes(20_000_000))),
        (
            "is packed more than 2 times",
            publisher.gives("/deep", gzip.compress(gzip.compress(packed))),
        ),
        (several, publisher.gives("/two", archive("a", "b"))),
        ("peer closed connection", publisher.cuts_short("/cut", GOOD)),
        ("not done within 2 s", publisher.dribbles("/slow", GOOD)),
        ("has 0 names", publisher.gives("/comments", b"# nothing but this\n")),
        ("lines are hosts", publisher.gives("/junk", GOOD + b"some junk here\n" * 500)),
        ("went from 400 to 8 names", publisher.gives("/shrunk", FEW)),
        ("went from 400 to 4000 names", publisher.gives("/grown", MANY)),
        ("more than 5 redirects", publisher.redirects("/loop", publisher.url("/loop"))),
        ("redirected to 'file:///etc/passwd'", publisher.redirects("/in", "file:///etc/passwd")),
        ("the host refuses the connection", "http://127.0.0.1:1/list"),
        ("its secret is missing", publisher.gives("/secret", GOOD)),
    ]


def sync(site: Site, *command: str, env: Mapping[str, str] | None = None) -> Result:
    done = site.cli("sync", *command, env=env)
    assert done.status in {0, 1}, done
    return done


def test_a_publishers_bad_day_keeps_the_last_good_copy(site: Site, publisher: Publisher) -> None:
    site.setting(BOUNDS)
    define(site, "web", publisher.gives("/list", GOOD))
    local(site, "other", b"0.0.0.0 other.example\n", zone="ads")
    site.ok("sync")
    zone = (site.output / "current" / "malware.rpz.zone").read_bytes()
    for number, (said, url) in enumerate(bad_days(publisher)):
        keys = {"secret_env": "NOT_SET"} if "secret" in said else {}
        define(site, "web", url, **keys)
        local(site, "other", b"0.0.0.0 other%d.example\n" % number, zone="ads", max_change=0)
        done = site.ok("sync")
        assert said in done.stderr, (said, done)
        assert "keeps its 400 names" in done.stderr
        assert zone == (site.output / "current" / "malware.rpz.zone").read_bytes(), said
        assert "NXDOMAIN" == site.answer("n7.bad.example"), said
        assert "NXDOMAIN" == site.answer(f"other{number}.example"), "the other feed goes on"


def test_suffixes_that_a_feed_lists_one_day_are_left_out(site: Site, publisher: Publisher) -> None:
    define(site, "web", publisher.gives("/list", GOOD), subdomains=True)
    site.ok("sync")
    publisher.gives("/list", GOOD + b"0.0.0.0 com\n0.0.0.0 co.uk\n0.0.0.0 new.bad.example\n")
    done = site.ok("sync")
    assert "com" in done.stderr
    assert {"a.com": REAL, "a.co.uk": REAL} == site.answers(["a.com", "a.co.uk"])
    assert {"n7.bad.example": "NXDOMAIN", "new.bad.example": "NXDOMAIN"} == site.answers(
        ["n7.bad.example", "new.bad.example"]
    )


def test_a_bad_certificate_keeps_the_last_good_copy(site: Site, tmp_path: Path) -> None:
    site.setting(BOUNDS)
    folder = tmp_path / "certificates"
    folder.mkdir()
    trusted = authority(folder)
    env = {"SSL_CERT_FILE": str(trusted.certificate)}
    bad = {
        "self-signed": trusted.server("IP:127.0.0.1", signed=False),
        "not valid for '127.0.0.1'": trusted.server("DNS:else.example"),
        "expired": trusted.server("IP:127.0.0.1", days=0),
    }
    with publishing(trusted.server("IP:127.0.0.1")) as publisher, publishing() as plain:
        define(site, "web", publisher.gives("/list", GOOD))
        assert "new copy, 400 names" in sync(site, env=env).stderr
        define(site, "web", publisher.redirects("/away", plain.gives("/list", FEW)))
        assert "redirected from https to http" in sync(site, env=env).stderr
        assert [] == plain.asked
    for said, certificate in bad.items():
        with publishing(certificate) as publisher:
            define(site, "web", publisher.gives("/list", MANY))
            done = sync(site, env=env)
        assert 1 == done.status
        assert "web: the certificate is not trusted: " in done.stderr
        assert said in done.stderr
        assert "keeps its 400 names" in done.stderr
        assert "NXDOMAIN" == site.answer("n7.bad.example"), said
        assert REAL == site.answer("m7.bad.example"), said


def test_offline_is_told_for_each_feed_and_keeps_all(site: Site, publisher: Publisher) -> None:
    urls = [publisher.gives(f"/{number}", GOOD) for number in range(10)]
    for number, url in enumerate(urls):
        define(site, f"web{number}", url)
    site.ok("sync")
    for number in range(10):
        define(site, f"web{number}", f"http://127.0.0.{number + 1}:1/list")
    done = site.cli("sync")
    assert 1 == done.status
    assert 10 == done.stderr.count("the host refuses the connection; keeps its 400 names")
    assert "NXDOMAIN" == site.answer("n7.bad.example")


def test_packed_feeds_become_policy(site: Site, publisher: Publisher) -> None:
    define(site, "plain", publisher.gives("/list.gz", gzip.compress(GOOD)))
    other = b"0.0.0.0 zipped.example\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("../../evil.txt", b"0.0.0.0 wrong.example\n")
        made.writestr("lists/right.txt", other)
    define(site, "zip", publisher.gives("/all.zip", out.getvalue()), member="lists/right.txt")
    done = site.ok("sync")
    assert "plain: new copy, 400 names" in done.stderr
    assert {"n7.bad.example": "NXDOMAIN", "zipped.example": "NXDOMAIN"} == site.answers(
        ["n7.bad.example", "zipped.example"]
    )
    assert REAL == site.answer("wrong.example")
    assert other == (site.state / "feeds" / "zip" / "data").read_bytes()
    assert "unchanged: 1 of 1 feeds" in site.ok("sync", "zip").stdout


def test_secrets_are_never_told(site: Site, publisher: Publisher) -> None:
    path = site.repo / "feeds" / "key"
    path.write_text("s3cret-value\n")
    path.chmod(0o600)
    url = publisher.gives("/list", GOOD)
    define(site, "web", url, secret_file="key", header="Auth-Key")  # noqa: S106
    done = site.ok("sync", "--json")
    assert "s3cret-value" == publisher.asked[-1][1]["Auth-Key"]
    publisher.fails("/list", 401, b"wrong key s3cret-value")
    failed = site.cli("sync")
    assert "web: HTTP status 401" in failed.stderr
    listed = site.ok("feeds", "list", "--json")
    told = [done, failed, listed, site.cli("status", "--json")]
    record = (site.state / "feeds" / "web" / "record.json").read_text()
    assert "s3cret" not in record + "".join(each.stdout + each.stderr for each in told)
