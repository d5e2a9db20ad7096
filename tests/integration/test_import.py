"""rpzctl import: lists that exist already become rules of the operator."""

import re

from tests.servers import REAL, Site


def test_addresses_of_a_list_become_rules_on_answers(repo: Site) -> None:
    path = repo.home / "list.rpz"
    path.write_text(
        "32.9.230.66.45.rpz-ip CNAME .\n24.0.0.168.192.rpz-ip CNAME .\nnew.example CNAME .\n"
    )
    done = repo.ok("import", str(path), "--format", "rpz", "--no-apply", "--json").json()
    assert done["added"] == ["block new.example exact", "block 45.66.230.9"]
    assert [each["guard"] for each in done["refused"]] == ["network"]
    assert "45.66.230.9" in repo.block_list.read_text()


RPZ = """\
$TTL 60
@ IN SOA localhost. hostmaster.localhost. 1 3600 600 604800 60
@ IN NS localhost.
evil.example CNAME .
*.evil.example CNAME .
alone.example CNAME *.
*.tracker.example CNAME .
good.evil.example CNAME rpz-passthru.
com CNAME .
"""


def test_an_rpz_file_becomes_rules(site: Site) -> None:
    path = site.home / "old.rpz"
    path.write_text(RPZ + "bad..example CNAME .\n")
    site.ok("block", "alone.example", "--exact", "--reason", "before")
    before = site.files()
    tried = site.ok("import", str(path), "--dry-run", "--json").json()
    assert before == site.files()
    done = site.ok("import", str(path), "--reason", "taken over", "--json").json()
    assert tried["added"] == done["added"]
    assert [
        "block evil.example",
        "block *.tracker.example",
        "allow good.evil.example exact",
    ] == done["added"]
    assert 1 == done["already"]
    assert [("block com exact", "public-suffix")] == [
        (each["subject"], each["guard"]) for each in done["refused"]
    ]
    assert [10] == [each["line"] for each in done["rejects"]]
    assert done["applied"]["proven"]
    assert 'evil.example reason="taken over"' in site.block_list.read_text()
    assert "alone.example exact reason=before" in site.block_list.read_text()
    names = ["evil.example", "x.evil.example", "tracker.example", "x.tracker.example"]
    assert ["NXDOMAIN", "NXDOMAIN", REAL, "NXDOMAIN"] == [site.answer(name) for name in names]
    assert REAL == site.answer("good.evil.example")
    again = site.ok("import", str(path), "--json").json()
    assert ([], 4) == (again["added"], again["already"])


ZONE = """\
$TTL 1h
$ORIGIN rpz.corp.example.
@\tIN\tSOA\tns1.corp.example. hostmaster.corp.example. (
\t\t2024010101 ; serial
\t\t3600
\t\t600
\t\t604800
\t\t60 )
\tIN\tNS\tns1.corp.example.

; by hand
evil.example\tIN\tCNAME\t.
*.evil.example\tIN\tCNAME\t.
none.example CNAME *.
*.none.example CNAME .
bad.example\t300\tIN\tA\t192.0.2.53
\t\t300\tIN\tTXT\t"see; help"
walled.example.rpz.corp.example.\tCNAME\tgarden.corp.example.
sunk.example A 127.0.0.1
sunk.example AAAA ::1
24.0.100.51.198.rpz-ip\tCNAME\t.
32.7.100.51.198.rpz-ip CNAME rpz-passthru.
32.7.113.0.203.rpz-client-ip CNAME rpz-drop.
ns.bad.example.rpz-nsdname CNAME *.
ok.evil.example CNAME ok.evil.example.
"""


def test_a_policy_zone_keeps_its_triggers_and_actions(site: Site) -> None:
    path = site.home / "old.zone"
    path.write_text(ZONE)
    done = site.ok("import", str(path), "--json").json()
    assert ("rpz", 0, {}) == (done["format"], done["rejected"], done["skipped"])
    assert [] == done["refused"]
    assert {
        "block evil.example",
        "block *.none.example",
        "block 198.51.100.0/24",
        "block none.example exact (nodata)",
        "block ns.bad.example exact (nsdname, nodata)",
        'block bad.example exact (data:A 192.0.2.53; TXT "see; help")',
        "block walled.example exact (cname:garden.corp.example)",
        "block sunk.example exact (sinkhole)",
        "block 203.0.113.7 (client-ip, drop)",
        "allow 198.51.100.7",
        "allow ok.evil.example exact",
    } == set(done["added"])
    assert done["applied"]["proven"]
    told = {"evil.example": "NXDOMAIN", "ok.evil.example": REAL, "none.example": "nodata"}
    told |= {"x.none.example": "NXDOMAIN", "bad.example": "192.0.2.53", "sunk.example": "127.0.0.1"}
    assert told == site.answers(told)
    again = site.ok("import", str(path), "--json").json()
    assert ([], 11) == (again["added"], again["already"])
    exported = site.home / "exported.zone"
    site.ok("export", "--output", str(exported))
    for file in (site.block_list, site.allow_list):
        file.write_text("")
    site.ok("import", str(exported))
    assert records(exported.read_text()) == records(site.ok("export").stdout)


def records(zone: str) -> list[str]:
    """Return what a zone has besides its SOA and comments."""
    return [line for line in zone.splitlines() if "SOA" not in line and line[0] != ";"]


def rules(text: str) -> set[str]:
    """Return the rules of a file without who made them and when."""
    lines = re.sub(r" by=\S+ at=\S+", "", text).splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_an_action_that_is_said_is_that_of_all_blocks(repo: Site) -> None:
    path = repo.home / "old.zone"
    path.write_text(ZONE)
    repo.ok("import", str(path), "--format", "rpz", "--action", "drop", "--no-apply")
    found = rules(repo.block_list.read_text())
    assert "203.0.113.7 action=drop trigger=client-ip" in found
    assert all("action=drop" in line for line in found)
    assert "ok.evil.example exact" in rules(repo.allow_list.read_text())


def test_what_a_resolver_cannot_serve_is_left_out_and_told(repo: Site) -> None:
    with repo.config.open("a") as out:
        out.write('\n[[resolver]]\nkind = "unbound"\n')
    path = repo.home / "old.zone"
    path.write_text("ns.bad.example.rpz-nsdname CNAME rpz-tcp-only.\nevil.example CNAME .\n")
    done = repo.ok("import", str(path), "--format", "rpz", "--no-apply", "--json").json()
    assert ["block evil.example exact"] == done["added"]
    assert ["resolver"] == [each["guard"] for each in done["refused"]]


def test_what_no_resolver_knows_is_left_out_and_told(repo: Site) -> None:
    head = repo.config.read_text().partition("[[resolver]]")[0]
    repo.config.write_text(f'{head}[[resolver]]\nkind = "knot"\n')
    path = repo.home / "old.zone"
    path.write_text("24.0.100.51.198.rpz-ip CNAME .\nevil.example CNAME .\n")
    done = repo.ok("import", str(path), "--format", "rpz", "--no-apply", "--json").json()
    assert ["block evil.example exact"] == done["added"]
    assert [("block 198.51.100.0/24", "resolver")] == [
        (each["subject"], each["guard"]) for each in done["refused"]
    ]


def test_a_hosts_file_means_the_names_alone(repo: Site) -> None:
    path = repo.home / "hosts"
    path.write_text("127.0.0.1 localhost\n0.0.0.0 ads.example.net tracker.example.net\n")
    done = repo.ok("import", str(path), "--format", "hosts", "--no-apply")
    assert "added     2" in done.stdout
    assert "ads.example.net exact" in repo.block_list.read_text()


def test_a_plain_list_means_what_block_means_unless_exact(repo: Site) -> None:
    path = repo.home / "list"
    path.write_text("# of Pi-hole\nads.example.net\n")
    repo.ok("import", str(path), "--format", "domains", "--no-apply", "--as", "allow")
    assert "ads.example.net by=" in repo.allow_list.read_text()
    path.write_text("other.example.net\n")
    repo.ok("import", str(path), "--format", "domains", "--no-apply", "--exact")
    assert "other.example.net exact" in repo.block_list.read_text()


def test_what_contradicts_a_rule_is_left_out_and_told(repo: Site) -> None:
    repo.ok("allow", "ads.example.net", "--no-apply")
    path = repo.home / "list"
    path.write_text("ads.example.net\nmore.example.net\n")
    done = repo.ok("import", str(path), "--format", "domains", "--no-apply", "--json").json()
    assert ["block more.example.net"] == done["added"]
    assert "contradicts" in done["refused"][0]["reason"]
    assert "allow.list:" in done["refused"][0]["reason"]


def test_a_long_list_is_a_feed(repo: Site) -> None:
    path = repo.home / "list"
    path.write_text("".join(f"n{n}.example.net\n" for n in range(5001)))
    before = repo.files()
    done = repo.cli("import", str(path), "--format", "domains")
    assert 2 == done.status
    assert "feeds add" in done.stderr
    assert before == repo.files()
