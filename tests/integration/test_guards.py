"""Operators' own mistakes: exit 3, nothing changed, and --force."""

import pytest

from tests.servers import REAL, Site


def refused(site: Site, guard: str, *arguments: str) -> str:
    """Run a command that a guard must stop; return what it told."""
    before = site.files()
    done = site.cli(*arguments)
    assert done.status == 3, done
    assert guard in done.stderr
    assert "--force" in done.stderr
    assert "nothing was changed" in done.stderr
    assert done.stdout == ""
    assert site.files() == before
    return done.stderr


@pytest.mark.parametrize("name", ["com", "co.uk", "*.com", "github.io", "xn--p1ai", "рф"])
def test_a_public_suffix_is_refused(repo: Site, name: str) -> None:
    refused(repo, "public-suffix", "block", name)


def test_allowing_a_public_suffix_is_refused(repo: Site) -> None:
    refused(repo, "public-suffix", "allow", "com")


@pytest.mark.parametrize(
    "name",
    [
        "a.root-servers.net",
        "root-servers.net",
        "gtld-servers.net",
        "ocsp.digicert.com",
        "digicert.com",
        "pool.ntp.org",
        "0.debian.pool.ntp.org",
        "captive.apple.com",
        "connectivitycheck.gstatic.com",
        "www.msftconnecttest.com",
        "urlhaus.abuse.ch",
    ],
)
def test_a_name_on_the_shipped_protect_list_is_refused(repo: Site, name: str) -> None:
    refused(repo, "protected", "block", name)


def test_a_configured_name_is_protected_with_all_below_and_above_it(repo: Site) -> None:
    text = repo.config.read_text().replace("protect = []", 'protect = ["ns.corp.example"]')
    repo.config.write_text(text)
    for name in ("ns.corp.example", "a.ns.corp.example", "corp.example"):
        told = refused(repo, "protected", "block", name)
        assert "ns.corp.example" in told
    assert repo.ok("block", "corp.example", "--exact", "--no-apply")


def test_the_host_of_an_operators_feed_is_protected(repo: Site) -> None:
    (repo.repo / "feeds" / "ours.toml").write_text(
        'name = "ours"\nurl = "https://feeds.cert.example/list"\nformat = "domains"\n'
        'zone = "malware"\n'
    )
    told = refused(repo, "protected", "block", "cert.example")
    assert "ours" in told


def test_the_shipped_list_can_be_switched_off(repo: Site) -> None:
    repo.config.write_text(repo.config.read_text().replace("[guards]", "[guards]\nshipped = false"))
    repo.ok("block", "captive.apple.com", "--no-apply")


def test_one_refused_name_stops_all(repo: Site) -> None:
    refused(repo, "public-suffix", "block", "fine.example", "co.uk", "other.example")


def test_recording_only_is_guarded_too(repo: Site) -> None:
    refused(repo, "public-suffix", "block", "co.uk", "--no-apply")


def test_the_same_name_allowed_and_blocked_is_a_contradiction(site: Site) -> None:
    site.ok("block", "both.example")
    refused(site, "contradiction", "allow", "both.example")
    assert site.answer("both.example") == "NXDOMAIN"
    site.ok("allow", "well.example")
    refused(site, "contradiction", "block", "well.example")
    assert site.answer("well.example") == REAL


def test_forcing_a_contradiction_replaces_the_other_rule(site: Site) -> None:
    site.ok("block", "turned.example")
    site.ok("allow", "turned.example", "--force")
    assert site.answer("turned.example") == REAL
    assert "turned.example" not in site.block_list.read_text()


def test_a_contradiction_by_hand_stops_apply(site: Site) -> None:
    site.block_list.write_text("both.example\n")
    site.allow_list.write_text("both.example\n")
    refused(site, "contradiction", "apply")
    assert site.answer("both.example") == REAL


def test_a_guarded_name_by_hand_stops_apply(site: Site) -> None:
    site.block_list.write_text("co.uk\n")
    refused(site, "public-suffix", "apply")
    assert site.answer("bbc.co.uk") == REAL


def test_force_overrules_a_guard_for_good(site: Site) -> None:
    site.ok("block", "digicert.com", "--force", "--reason", "drill")
    assert site.answer("ocsp.digicert.com") == "NXDOMAIN"
    assert "forced=yes" in site.block_list.read_text()
    site.ok("apply")
    site.ok("block", "other.example")
    assert site.answer("other.example") == "NXDOMAIN"


def test_a_narrower_rule_is_no_contradiction(site: Site) -> None:
    site.ok("block", "broad.example")
    site.ok("allow", "broad.example", "--exact")
    assert site.answer("broad.example") == REAL
    assert site.answer("a.broad.example") == "NXDOMAIN"


def test_an_allow_inside_a_sinkhole_zone_is_a_contradiction(site: Site) -> None:
    site.ok("block", "hole.example", "--via", "zone")
    refused(site, "contradiction", "allow", "good.hole.example")
    assert site.answer("good.hole.example") == "127.0.0.1"
