"""A large feed zone on a live named: it may take its time, and rules may not suffer from it."""

import json
import os
import re
import subprocess
import time

from rpzctl import first_load
from rpzctl.store import SYNC_LOCK, Store
from tests.servers import Site, find, until

MANY = 150_000


def define(site: Site, count: int) -> None:
    """Define a feed of `count` names."""
    feed = site.home / "many.txt"
    feed.write_text("".join(f"n{i}.example\n" for i in range(count)))
    (site.repo / "feeds" / "many.toml").write_text(
        f'url = "{feed.as_uri()}"\nformat = "domains"\nzone = "malware"\n'
        "subdomains = true\nenabled = true\n"
    )


def sync(site: Site, count: int) -> None:
    """Sync a feed of `count` names."""
    define(site, count)
    site.ok("sync")


def loads(site: Site) -> list[str]:
    """Return the zones that named loaded, in their order."""
    told = re.findall(r" zone (\S+)/IN: loaded serial", site.named.log())
    return [zone for zone in told if zone.endswith(".rpz")]


def test_a_large_zone_is_new_to_named_as_an_empty_one_which_it_reads_without_a_stop(
    site: Site,
) -> None:
    sync(site, first_load.LARGE - 1)
    assert 1 == loads(site).count("malware.rpz")
    assert "0000000002" == site.current
    site.ok("feeds", "disable", "many")
    site.ok("apply")
    sync(site, first_load.LARGE)
    assert 3 == loads(site).count("malware.rpz")
    assert "0000000005" == site.current
    assert "NXDOMAIN" == site.answer(f"below.n{first_load.LARGE - 1}.example")
    rows = {z["origin"]: z["rows"] for z in site.ok("status", "--json").json()["zones"]}
    assert {"local.rpz": 0, "malware.rpz": first_load.LARGE} == rows
    assert site.ok("plan", "--json").json()["empty"] is True


def test_a_block_is_waited_for_that_named_loads_after_a_large_feed_zone(site: Site) -> None:
    sync(site, MANY)
    site.setting("timeout = 0.1")
    zone = site.output / "current" / "malware.rpz.zone"
    with Store(site.output, site.state).lock(0, SYNC_LOCK):  # as of a sync that is proving it
        later = time.time_ns() + 1_000_000_000
        os.utime(zone, ns=(later, later))
        told = [find("rndc"), "-p", str(site.named.rndc_port), "-k", str(site.named.key)]
        subprocess.run([*told, "reload", "malware.rpz"], check=True, capture_output=True)
        site.ok("block", "evil.example.net")
    assert "NXDOMAIN" == site.answer("evil.example.net")
    assert ["malware.rpz", "local.rpz"] == loads(site)[-2:]


def zones(site: Site) -> dict[str, int]:
    """Return the published zones and how many rows they have."""
    manifest = json.loads((site.output / "current" / "manifest.json").read_text())
    return {origin: zone["rows"] for origin, zone in manifest["zones"].items()}


def test_a_block_leaves_a_zone_alone_that_is_published_empty_first(site: Site) -> None:
    define(site, MANY)
    with subprocess.Popen(site.command("sync"), stdout=subprocess.DEVNULL) as child:
        until(lambda: zones(site).get("malware.rpz") == 0, "the zone is announced")
        child.kill()
    site.ok("block", "evil.example.net")
    assert 0 == zones(site)["malware.rpz"], "to drop it would make named read all zones anew"
    site.ok("sync")
    assert MANY == zones(site)["malware.rpz"]
    assert "NXDOMAIN" == site.answer(f"n{MANY - 1}.example")
