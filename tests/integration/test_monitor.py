"""A group in shadow: named logs what its zones would do, and does nothing."""

from tests.integration.test_feeds import local
from tests.servers import REAL, Site, until

LIST = b"0.0.0.0 c2.bad.example\n0.0.0.0 both.bad.example\n"


def mode(site: Site, value: str) -> None:
    text = site.config.read_text()
    head = text.partition("# shadow\n")[0]
    site.config.write_text(f'{head}# shadow\n[group.malware]\nmode = "{value}"\n')


def test_a_group_is_tried_before_it_bites(site: Site) -> None:
    mode(site, "monitor")
    local(site, "new", LIST)
    local(site, "old", b"0.0.0.0 both.bad.example\n", zone="ads")
    done = site.ok("sync", "--json").json()
    assert done["applied"]["proven"]
    assert site.answers(["c2.bad.example", "both.bad.example"]) == {
        "c2.bad.example": REAL,
        "both.bad.example": "NXDOMAIN",
    }
    until(lambda: "disabled rpz QNAME" in site.named.log(), "named logs what it would have done")
    now = site.ok("status", "--json").json()
    assert now["live"]
    [zone] = [each for each in now["zones"] if each["origin"] == "malware.rpz"]
    assert zone["monitored"]
    assert "monitored" in site.ok("status").stdout
    assert "nothing to publish" in site.ok("sync").stdout
    found = site.ok("why", "c2.bad.example")
    assert "neither blocked nor allowed" in found.stdout
    assert "only monitored" in found.stderr
    tested = site.ok("test", "c2.bad.example", "--live", "--json").json()
    assert [("malware.rpz", "nxdomain")] == [
        (each["match"]["zone"], each["outcome"]) for each in tested["monitored"]
    ]
    told = site.ok("test", "c2.bad.example").stdout
    assert "not rewritten" in told
    assert "only monitored: nxdomain by malware.rpz: c2.bad.example" in told
    assert "only monitored" not in site.ok("test", "fine.example").stdout
    exported = site.ok("export", "--format", "domains")
    assert "c2.bad" not in exported.stdout
    assert "malware.rpz is only monitored, and left out" in exported.stderr
    assert "c2.bad" in site.ok("export", "--format", "domains", "--zone", "malware.rpz").stdout
    assert "policy-overrides" not in {
        each["id"]
        for each in site.cli("doctor", "--only", "policy-overrides", "--json").json()["findings"]
        if each["state"] != "ok"
    }
    assert site.cli("check").status == 0
    other = site.cli("check", "--engine", "unbound")
    assert (other.status, "cannot be monitored by unbound" in other.stdout) == (4, True)


def test_out_of_shadow_and_back(site: Site) -> None:
    mode(site, "monitor")
    path = local(site, "new", LIST, max_change=0)
    site.ok("sync")
    before = site.serial("malware.rpz")
    mode(site, "enforce")
    assert "live" in site.ok("apply").stdout
    assert site.serial("malware.rpz") > before, "it is another zone, and proved as that"
    assert site.answer("c2.bad.example") == "NXDOMAIN"
    mode(site, "monitor")
    site.ok("apply")
    assert site.answer("c2.bad.example") == REAL
    path.write_bytes(LIST + b"0.0.0.0 more.bad.example\n")
    site.ok("sync")
    assert site.answer("more.bad.example") == REAL
    site.ok("rollback")
    site.ok("rollforward")
    assert site.ok("status", "--json").json()["live"]


def test_a_resolver_that_would_apply_it_is_refused(repo: Site) -> None:
    text = repo.config.read_text().partition("[[resolver]]")[0]
    repo.config.write_text(text + '[[resolver]]\nkind = "unbound"\n# shadow\n')
    mode(repo, "monitor")
    local(repo, "new", LIST)
    done = repo.cli("sync", "--no-reload")
    assert done.status == 4
    assert "cannot be monitored by unbound" in done.stderr
