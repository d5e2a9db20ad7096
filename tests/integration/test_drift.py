"""Another hand in the published files: told by status, check and doctor; repaired by apply."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpzctl import config, inspection
from rpzctl.resolvers import kinds
from rpzctl.run import Run
from tests.integration.test_feeds import local
from tests.servers import Site

Hand = Callable[[Site], object]


def run_of(site: Site) -> Run:
    made = config.load(site.config)
    return Run(made, datetime.now(UTC), tuple(kinds.of(made, each) for each in made.resolver))


def problems(site: Site) -> list[str]:
    """Return what `status` tells, without the time that a process takes to start."""
    return list(inspection.status(run_of(site)).problems)


def generation(site: Site) -> Path:
    return (site.output / "current").resolve()


def edited(name: str) -> Hand:
    def edit(site: Site) -> None:
        path = generation(site) / name
        path.write_bytes(path.read_bytes() + b"# by hand\n")

    return edit


def record_by_hand(site: Site) -> None:
    """Let a name through in the published zone, and have named load it."""
    path = generation(site) / "local.rpz.zone"
    path.write_text(path.read_text().replace("evil.example CNAME .", "evil.example CNAME x."))
    rndc(site, "reload", "local.rpz")


def rndc(site: Site, *command: str) -> None:
    port, key = str(site.named.rndc_port), str(site.named.key)
    subprocess.run(
        ["rndc", "-s", "127.0.0.1", "-p", port, "-k", key, *command],
        check=True,
        capture_output=True,
    )


def older(site: Site) -> None:
    """Turn `current` back, and have named load that."""
    *_, before, _ = sorted(path for path in (site.output / "generations").iterdir())
    turn(site, Path("generations") / before.name)


def turn(site: Site, to: Path) -> None:
    link = site.output / "current"
    link.unlink()
    link.symlink_to(to)
    rndc(site, "reload")


def folder(site: Site) -> None:
    link = site.output / "current"
    there = link.resolve()
    link.unlink()
    shutil.copytree(there, link)


def copied(site: Site) -> None:
    shutil.copytree(generation(site), site.home / "copied", dirs_exist_ok=True)
    turn(site, site.home / "copied")


HANDS: dict[str, Hand] = {
    "zone edited": edited("local.rpz.zone"),
    "zone edited and loaded": record_by_hand,
    "feed zone edited": edited("malware.rpz.zone"),
    "options.conf edited": edited("options.conf"),
    "zones.conf edited": edited("zones.conf"),
    "zone deleted": lambda site: (generation(site) / "local.rpz.zone").unlink(),
    "fragment deleted": lambda site: (generation(site) / "zones.conf").unlink(),
    "rows damaged": edited("malware.rpz.parquet"),
    "rows of the operator gone": lambda site: (generation(site) / "local.rpz.rows").unlink(),
    "current leads to an older one": older,
    "current leads elsewhere": copied,
    "current is a folder": folder,
}


@pytest.fixture(scope="module")
def fed(shared: Site) -> Site:
    local(shared, "one", b"c2.example\nother.example\n", format="domains")
    shared.ok("sync")
    shared.ok("block", "evil.example", "--reason", "C2")
    return shared


@pytest.mark.parametrize("hand", HANDS.values(), ids=HANDS)
def test_what_another_hand_changed_is_told_and_repaired(fed: Site, hand: Hand) -> None:
    hand(fed)
    told = problems(fed)
    assert any(str(fed.output) in line and line.endswith("rpzctl apply") for line in told), told
    assert "drift" in {finding.id for finding in inspection.check_all(run_of(fed))}
    fed.ok("apply")
    assert [] == problems(fed)
    expected = {"evil.example": "NXDOMAIN", "c2.example": "NXDOMAIN"}
    assert expected == fed.answers(expected)


def test_a_large_file_is_told_by_its_time_and_compared_by_check(fed: Site) -> None:
    local(fed, "one", b"".join(b"n%d.large.example\n" % n for n in range(50_000)), format="domains")
    fed.ok("sync", "--accept", "one")
    path = generation(fed) / "malware.rpz.zone"
    assert path.stat().st_size > 1 << 20
    data = path.read_bytes()
    path.write_bytes(data.replace(b"n7.large", b"n7.lurge"))
    [told] = fed.ok("status", "--json").json()["problems"]
    assert f"{path} was written after it was published" in told
    assert f"{path}: was changed by another hand" in fed.cli("check").stdout
    os.utime(path, ns=(0, 0))  # as it would look with its time put back
    assert [] == problems(fed)
    assert f"{path}: was changed by another hand" in fed.cli("check").stdout
    before = int(fed.current)
    fed.ok("apply")
    assert before + 1 == int(fed.current), "it was not published empty first"
    assert "NXDOMAIN" == fed.answer("n7.large.example")
    assert {"findings": [], "ok": True} == fed.ok("check", "--json").json()


def test_includes_taken_out_of_named_conf_are_told(fed: Site) -> None:
    fed.named.configure("", "")
    told = problems(fed)
    fed.include()
    conf, current, fix = (
        fed.named.conf,
        fed.output / "current",
        "'rpzctl doctor' says where it goes",
    )
    assert [
        f"{conf} does not include {current}/{name}.conf: {fix}" for name in ("options", "zones")
    ] == told
    assert [] == problems(fed)
