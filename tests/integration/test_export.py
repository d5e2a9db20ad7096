"""rpzctl export: the policy for other programs, and back again."""

import json
import subprocess
from pathlib import Path

import pytest

from rpzctl import formats
from rpzctl.formats import Options
from rpzctl.rpz import BITS, Scope
from tests.servers import REAL, Site, find

EXACT, SUBTREE, BELOW = (BITS[scope] for scope in (Scope.EXACT, Scope.SUBTREE, Scope.BELOW))
BLOCK = """\
evil.org
only.example exact
*.below.example
sunk.example action=sinkhole
zone.example via=zone
bad.good.evil.org
"""
ALLOW = "good.evil.org\nalone.evil.org exact\nfine.example\n"
FEED = "listed.example\nfine.example\nx.fine.example\n"


@pytest.fixture
def policy(repo: Site) -> Site:
    """Return a policy repo with rules and a feed, published to nobody."""
    settings = repo.config.read_text()
    repo.config.write_text(settings[: settings.index("[[resolver]]")])
    repo.block_list.write_text(BLOCK)
    repo.allow_list.write_text(ALLOW)
    path = repo.home / "feed.txt"
    path.write_text(FEED)
    (repo.repo / "feeds" / "one.toml").write_text(
        f'url = "{path.as_uri()}"\nformat = "domains"\nzone = "malware"\nenabled = true\n'
        "subdomains = true\n"
    )
    repo.ok("sync")
    return repo


def entries(text: str, form: str) -> set[tuple[str, int, bool]]:
    """Return what our own reader of a format makes of `text`: name, scope, exception."""
    options = Options(path="rows", field="name") if form == "json" else Options()
    parsed = formats.read(text.encode(), form, options)
    assert 0 == parsed.rejected, parsed.rejects
    return set(parsed.entries.iter_rows())


def lost(site: Site, form: str) -> str:
    return site.ok("export", "--format", form).stderr


def test_hosts_and_domains_name_what_is_blocked_itself(policy: Site) -> None:
    blocked = {
        *("evil.org", "only.example", "sunk.example", "zone.example", "bad.good.evil.org"),
        "listed.example",
    }
    for form in ("hosts", "domains"):
        found = entries(policy.ok("export", "--format", form).stdout, form)
        assert blocked == {name for name, _, _ in found}
        told = lost(policy, form)
        assert f"{form} cannot say it: 5 names blocked with what is below" in told
        assert "2 names of which only what is below is blocked, left out" in told
        assert "2 names of another action than nxdomain" in told


def test_dnsmasq_has_names_with_all_below_and_exceptions(policy: Site) -> None:
    found = entries(policy.ok("export", "--format", "dnsmasq").stdout, "dnsmasq")
    wide = ("evil.org", "sunk.example", "zone.example", "bad.good.evil.org", "listed.example")
    passed = ("good.evil.org", "alone.evil.org", "fine.example")
    assert {(name, SUBTREE, False) for name in wide} == {e for e in found if not e[2]}
    assert {(name, SUBTREE, True) for name in passed} <= found
    told = lost(policy, "dnsmasq")
    assert "1 names blocked without what is below, left out" in told
    assert "1 names let through alone, here with what is below" in told


def test_dnsmasq_reads_what_is_written_for_it(policy: Site, tmp_path: Path) -> None:
    path = tmp_path / "policy.conf"
    policy.ok("export", "--format", "dnsmasq", "--output", str(path))
    tried = subprocess.run(
        [find_or_skip("dnsmasq"), "--test", f"--conf-file={path}"], capture_output=True, check=False
    )
    assert 0 == tried.returncode, tried.stderr


def find_or_skip(program: str) -> str:
    import shutil

    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed: make engines")
    return path


def test_unbound_has_zones_data_and_exceptions(policy: Site, tmp_path: Path) -> None:
    path = tmp_path / "policy.conf"
    policy.ok("export", "--format", "unbound", "--output", str(path))
    found = entries(path.read_text(), "unbound")
    assert ("only.example", EXACT, False) in found
    assert ("evil.org", SUBTREE, False) in found
    assert ("good.evil.org", SUBTREE, True) in found
    tried = subprocess.run(
        [find_or_skip("unbound-checkconf"), str(path)], capture_output=True, check=False
    )
    assert 0 == tried.returncode, tried.stderr


def test_adblock_says_scopes_exceptions_and_blocks_inside_them(policy: Site) -> None:
    text = policy.ok("export", "--format", "adblock").stdout
    assert {
        ("evil.org", SUBTREE, False),
        ("only.example", EXACT, False),
        ("below.example", BELOW, False),
        ("sunk.example", SUBTREE, False),
        ("zone.example", SUBTREE, False),
        ("bad.good.evil.org", SUBTREE, False),
        ("good.evil.org", SUBTREE, True),
        ("alone.evil.org", EXACT, True),
        ("fine.example", SUBTREE, True),
        ("listed.example", SUBTREE, False),
    } <= entries(text, "adblock")
    assert "||bad.good.evil.org^$important\n" in text, "an exception wins over a plain block"
    assert "||evil.org^\n" in text


def test_our_own_json_is_not_read_for_its_names_alone(policy: Site) -> None:
    path = policy.home / "own.json"
    path.write_text(policy.ok("export", "--format", "json").stdout)
    done = policy.cli("import", str(path), "--format", "json", "--dry-run")
    assert done.status == 2
    assert "is an export of rpzctl" in done.stderr


def test_a_full_disk_is_told(policy: Site) -> None:
    with Path("/dev/full").open("wb") as full:
        for words in (("export", "--format", "json"), ("list",)):
            done = subprocess.run(
                policy.command(*words), stdout=full, stderr=subprocess.PIPE, check=False
            )
            assert done.returncode == 1, words
            assert b"Traceback" not in done.stderr


def test_json_has_each_row_of_each_zone(policy: Site) -> None:
    value = json.loads(policy.ok("export", "--format", "json").stdout)
    assert ["sinkhole zones", "local.rpz", "malware.rpz"] == value["zones"]
    rows = {(row["zone"], row["name"], row["scope"], row["action"]) for row in value["rows"]}
    assert ("local.rpz", "only.example", "exact", "nxdomain") in rows
    assert ("local.rpz", "below.example", "below", "nxdomain") in rows
    assert ("local.rpz", "good.evil.org", "subtree", "passthru") in rows
    assert ("sinkhole zones", "zone.example", "subtree", "sinkhole") in rows
    assert ("malware.rpz", "listed.example", "subtree", "nxdomain") in rows


def test_an_exported_rpz_does_in_named_what_the_policy_says(policy: Site, site: Site) -> None:
    path = site.home / "exported.zone"
    policy.ok("export", "--output", str(path))
    checked = subprocess.run(
        [find("named-checkzone"), "exported.rpz", str(path)], capture_output=True, check=False
    )
    assert 0 == checked.returncode, checked.stdout
    site.named.stop()
    site.named.configure(
        'response-policy { zone "exported.rpz"; };',
        f'zone "exported.rpz" {{ type primary; file "{path}"; }};',
    )
    site.named.start()
    dead = ["evil.org", "x.evil.org", "only.example", "q.below.example", "y.bad.good.evil.org"]
    dead += ["listed.example", "x.listed.example", "x.alone.evil.org"]
    assert dict.fromkeys(dead, "NXDOMAIN") == site.answers(dead)
    open_ = ["good.evil.org", "x.good.evil.org", "alone.evil.org", "fine.example"]
    open_ += ["x.fine.example", "x.only.example", "below.example"]
    assert dict.fromkeys(open_, REAL) == site.answers(open_)
    sunk = ["sunk.example", "zone.example", "www.zone.example"]
    assert dict.fromkeys(sunk, "127.0.0.1") == site.answers(sunk)


def test_one_zone_is_exported_alone(policy: Site) -> None:
    text = policy.ok("export", "--format", "domains", "--zone", "malware.rpz").stdout
    assert {"listed.example"} <= {name for name, _, _ in entries(text, "domains")}
    assert "evil.org" not in text
    done = policy.cli("export", "--zone", "nothing.rpz")
    assert (2, "") == (done.status, done.stdout)
    assert "known: local.rpz, malware.rpz" in done.stderr


def test_rules_on_addresses_are_no_names_of_other_formats(policy: Site) -> None:
    policy.ok("block", "203.0.113.0/24", "--force")
    for form in ("hosts", "domains", "dnsmasq", "unbound", "adblock"):
        done = policy.ok("export", "--format", form)
        assert "rpz-ip" not in done.stdout
        assert "1 names that are rules on addresses or name servers, left out" in done.stderr
    done = policy.ok("export")
    assert "24.0.113.0.203.rpz-ip CNAME .\n" in done.stdout
    assert "here beside all other rules" in done.stderr
    alone = policy.ok("export", "--format", "rpz", "--zone", "malware.rpz")
    assert "" == alone.stderr


def test_an_export_is_whole_or_not_there(policy: Site, tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before\n")
    told = policy.ok("export", "--format", "hosts", "--output", str(path), "--json").json()
    assert ("hosts", 5) == (
        told["format"],
        told["lost"]["blocked with what is below, here without"],
    )
    assert "0.0.0.0 evil.org\n" in path.read_text()
    assert ["out.txt"] == [each.name for each in tmp_path.glob("*out.txt*")]
    done = policy.cli("export", "--output", str(tmp_path / "nowhere" / "x"))
    assert 1 == done.status
    assert "cannot write" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--format", "bind"), "--format is one of rpz, hosts"),
        (("--json",), "--output"),
    ],
)
def test_what_export_does_not_know_is_told(
    repo: Site, arguments: tuple[str, ...], told: str
) -> None:
    done = repo.cli("export", *arguments)
    assert 2 == done.status
    assert told in done.stderr


def test_what_the_operator_says_below_a_sinkhole_zone_is_exported(repo: Site) -> None:
    repo.block_list.write_text("sunk.example via=zone\nnone.sunk.example action=nodata\n")
    repo.ok("apply", "--no-reload")
    lines = repo.ok("export").stdout.splitlines()
    assert {"none.sunk.example CNAME *.", "*.none.sunk.example CNAME *."} <= set(lines)
    assert "*.sunk.example 60 A 127.0.0.1" in lines
    assert not [line for line in lines if line.startswith("none.sunk.example 60")]


def test_what_is_exported_is_imported_again(policy: Site, tmp_path: Path) -> None:
    path = tmp_path / "policy.txt"
    policy.ok("export", "--format", "adblock", "--zone", "malware.rpz", "--output", str(path))
    policy.block_list.write_text("")
    policy.allow_list.write_text("")
    done = policy.ok("import", str(path), "--no-apply", "--json").json()
    assert "adblock" == done["format"]
    assert ["block listed.example", "block fine.example"] == sorted(
        done["added"], key=lambda each: each != "block listed.example"
    )
