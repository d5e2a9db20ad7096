"""rpzctl test: what the policy does with a query, without asking a server, and held against one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_feeds import local
from tests.servers import REAL, Site, bare_site, live_site


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with rules of all kinds, and a feed."""
    with live_site(tmp_path_factory.mktemp("evaluate")) as site:
        local(site, "bad", b"evil.example\nc2.example\n", format="domains", subdomains=True)
        site.ok("sync")
        site.ok("block", "evil.example", "--data", "A 192.0.2.80")
        site.ok("allow", "good.evil.example")
        site.ok("block", "hole.example", "--via", "zone")
        site.ok("block", "198.51.100.0/24", "--action", "nodata")
        site.ok("block", "192.0.2.128/25", "--trigger", "client-ip", "--action", "drop")
        site.ok("block", "ns.bad.example", "--trigger", "nsdname")
        yield site


CASES = [
    (("www.evil.example",), "data", "local.rpz", "*.evil.example"),
    (("www.evil.example", "--type", "TXT"), "nodata", "local.rpz", "*.evil.example"),
    (("x.good.evil.example",), "passes", "local.rpz", "*.good.evil.example"),
    (("a.c2.example",), "nxdomain", "malware.rpz", "*.c2.example"),
    (("fine.example",), "not rewritten", None, None),
    (("fine.example", "--answer", "198.51.100.9"), "nodata", "local.rpz", "24.0.100.51.198.rpz-ip"),
    (("fine.example", "--client", "192.0.2.200"), "drop", "local.rpz",
     "25.128.2.0.192.rpz-client-ip"),
    (("fine.example", "--client", "192.0.2.1"), "not rewritten", None, None),
    (("fine.example", "--ns", "ns.bad.example,203.0.113.1"), "nxdomain", "local.rpz",
     "ns.bad.example.rpz-nsdname"),
    (("hxxp://www[.]evil[.]example/x",), "data", "local.rpz", "*.evil.example"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "outcome", "zone", "owner"), CASES)
def test_what_a_query_comes_to(
    ruled: Site, words: tuple[str, ...], outcome: str, zone: str | None, owner: str | None
) -> None:
    found = ruled.ok("test", *words, "--json").json()
    assert found["outcome"] == outcome
    match = found["match"]
    assert (match and match["zone"], match and match["owner"]) == (zone, owner)
    text = ruled.ok("test", *words).stdout
    assert outcome in text


def test_what_was_beaten_is_told(ruled: Site) -> None:
    found = ruled.ok("test", "evil.example", "--json").json()
    assert [match["zone"] for match in found["beaten"]] == ["malware.rpz"]
    assert "beats malware.rpz: evil.example CNAME ." in ruled.ok("test", "evil.example").stdout


def test_a_sinkhole_zone_answers(ruled: Site) -> None:
    found = ruled.ok("test", "www.hole.example", "--json").json()
    assert (found["blocks"], found["sinkhole_zone"]) == (True, "hole.example")
    told = ruled.ok("test", "hole.example", "--live")
    assert "answered by the sinkhole zone hole.example" in told.stdout
    cases = ruled.home / "hole.toml"
    cases.write_text('[[case]]\nname = "hole.example"\nexpect = "passes"\n')
    done = ruled.cli("test", "--file", str(cases))
    assert done.status == 4
    assert "is answered by the sinkhole zone" in done.stdout


def test_what_the_query_says_nothing_of_is_told(site: Site) -> None:
    site.ok("block", "evil.example")
    assert "unless" not in site.ok("test", "fine.example").stdout
    site.ok("block", REAL, "--action", "nodata")
    told = site.ok("test", "fine.example", "--live")
    assert "unless one of the rules on addresses in answers (--answer) is met" in told.stdout
    assert "cannot be told" in told.stdout
    found = site.ok("test", "fine.example", "--live", "--json").json()
    assert (["response-ip"], None) == (found["untold"], found["live"][0]["agrees"])
    given = site.ok("test", "fine.example", "--answer", REAL, "--live").stdout
    assert "unless" not in given
    assert "as the policy says" in given
    assert "unless" not in site.ok("test", "evil.example").stdout, "the name decides before it"
    assert "unless" not in site.ok("test", "fine.example", "--type", "TXT").stdout


def test_live_compares_with_the_resolver(ruled: Site) -> None:
    for words in (("www.evil.example",), ("fine.example",), ("a.c2.example",)):
        found = ruled.ok("test", *words, "--live", "--json").json()
        assert [each["agrees"] for each in found["live"]] == [True], words
    ruled.named.stop()
    silent = ruled.cli("test", "fine.example", "--live")
    assert (silent.status, "no answer: differs" in silent.stdout) == (4, True)
    ruled.named.configure("", "")
    ruled.named.start()
    try:
        hole = ruled.cli("test", "hole.example", "--live")
        assert (hole.status, "differs" in hole.stdout) == (4, True), "the zone is not there"
        told = ruled.cli("test", "www.evil.example", "--live")
        assert (told.status, "differs" in told.stdout) == (4, True)
    finally:
        ruled.named.stop()
        ruled.include()
        ruled.named.start()


def test_planned_is_what_apply_would_do(ruled: Site) -> None:
    assert ruled.ok("test", "later.example", "--planned", "--json").json()["blocks"] is False
    ruled.ok("block", "later.example", "--no-apply")
    before = ruled.files()
    assert ruled.ok("test", "later.example", "--json").json()["blocks"] is False
    assert ruled.ok("test", "later.example", "--planned", "--json").json()["blocks"] is True
    assert ruled.files() == before, "nothing is published"
    ruled.ok("unblock", "later.example")


def test_what_cannot_be_asked_is_said(ruled: Site) -> None:
    for words in ((), ("a..b",), ("a.example", "--client", "x"), ("a.example", "--ns", "a..b"),
                  ("a.example", "--type", "A;B"), ("a.example", "--file", "x"),
                  ("a.example", "--type", "BOGUS", "--live"), ("a.example", "--type", "AXFR"),
                  ("--file", "x", "--live"), ("--file", "x", "--client", "192.0.2.1")):  # fmt: skip
        refused = ruled.cli("test", *words)
        assert refused.status == 2, words
        assert "Traceback" not in refused.stderr


EXPECTED = """\
[[case]]
name = "payroll.example.com"
expect = "resolves"
why = "wages are paid on the 25th"

[[case]]
name = "www.evil.example"
expect = "blocked"
zone = "local.rpz"
"""


def test_an_expectation_that_fails_stops_a_change(site: Site) -> None:
    site.ok("block", "evil.example")
    (site.repo / "policy" / "cases.toml").write_text(EXPECTED)
    site.ok("block", "other.example")
    assert site.ok("test", "--file", str(site.repo / "policy" / "cases.toml")).stdout == (
        "2 of 2 as expected\n"
    )
    before = site.files()
    stopped = site.cli("block", "example.com", "--force")
    assert stopped.status == 4, stopped
    assert "payroll.example.com A: expected resolves, is nxdomain by local.rpz" in stopped.stderr
    assert "(wages are paid on the 25th)" in stopped.stderr
    assert site.files() == before
    with site.block_list.open("a") as file:
        file.write("payroll.example.com\n")
    checked = site.cli("check")
    assert (checked.status, "[case]" in checked.stdout) == (4, True)
    assert site.cli("apply").status == 4
    assert site.answer("payroll.example.com") != "NXDOMAIN"
    failed = site.cli(
        "test", "--file", str(site.repo / "policy" / "cases.toml"), "--planned", "--json"
    )
    assert failed.status == 4
    assert [case["fault"] is None for case in json.loads(failed.stdout)["cases"]] == [False, True]


def test_expectations_with_faults_are_refused_whole(tmp_path: Path) -> None:
    repo = bare_site(tmp_path)
    repo.config.write_text(repo.config.read_text().partition("[[resolver]]")[0])
    path = repo.repo / "policy" / "cases.toml"
    path.write_text('[[case]]\nname = "a..b"\nexpect = "gone"\n[[case]]\nnam = "x.example"\n')
    refused = repo.cli("test", "--file", str(path))
    assert refused.status == 2
    for told in ("case.0.name", "case.0.expect", "did you mean 'name'", "case.1.name"):
        assert told in refused.stderr
    before = repo.files()
    assert repo.cli("block", "x.example").status == 2
    assert repo.files() == before
