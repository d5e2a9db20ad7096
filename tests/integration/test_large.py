"""A large feed zone on a live named: it may take its time, and rules may not suffer from it."""

import os
import subprocess
import time

from rpzctl.store import SYNC_LOCK, Store
from tests.servers import Site, find

MANY = 150_000


def test_a_block_is_waited_for_that_named_loads_after_a_large_feed_zone(site: Site) -> None:
    feed = site.home / "many.txt"
    feed.write_text("".join(f"n{i}.example\n" for i in range(MANY)))
    (site.repo / "feeds" / "many.toml").write_text(
        f'url = "{feed.as_uri()}"\nformat = "domains"\nzone = "malware"\n'
        "subdomains = true\nenabled = true\n"
    )
    site.ok("sync")
    site.setting("timeout = 0.1")
    zone = site.output / "current" / "malware.rpz.zone"
    with Store(site.output, site.state).lock(0, SYNC_LOCK):  # as of a sync that is proving it
        later = time.time_ns() + 1_000_000_000
        os.utime(zone, ns=(later, later))
        told = [find("rndc"), "-p", str(site.named.rndc_port), "-k", str(site.named.key)]
        subprocess.run([*told, "reload", "malware.rpz"], check=True, capture_output=True)
        site.ok("block", "evil.example.net")
    assert "NXDOMAIN" == site.answer("evil.example.net")
    loads = [line for line in site.named.log().splitlines() if "/IN: loaded serial" in line]
    assert ["malware.rpz/IN:", "local.rpz/IN:"] == [line.split()[3] for line in loads[-2:]]
