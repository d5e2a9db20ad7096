"""Damaged files of state: no traceback, and no name leaves the policy because of one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_feeds import local
from tests.servers import Site

LIST = b"||c2.example^\n||other.example^\n@@||good.c2.example^\n"
COMMANDS = (
    ("feeds", "list"),
    ("feeds", "show", "one"),
    ("feeds", "check"),
    ("status",),
    ("why", "c2.example"),
    ("plan",),
)
Damage = Callable[[Path], object]


def record(**changes: Any) -> Damage:  # noqa: ANN401 - what a damaged file holds
    def damage(folder: Path) -> None:
        path = folder / "record.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def cut(name: str, keep: int = 20) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def becomes(name: str, octets: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(octets)


DAMAGES: dict[str, Damage] = {
    "record cut": cut("record.json"),
    "record gone": lambda folder: (folder / "record.json").unlink(),
    "record of wrong types": record(names="x", fault=3),
    "record of odd times": record(last_ok="junk"),
    "names cut": cut("names.parquet"),
    "names overwritten": becomes("names.parquet", b"PAR1" + bytes(400) + b"PAR1"),
    "exceptions with an odd scope": becomes("exceptions", b"good.c2.example 9\n"),
}


def zone(site: Site) -> str:
    return (site.output / "current" / "malware.rpz.zone").read_text()


@pytest.fixture
def synced(repo: Site) -> Site:
    local(repo, "one", LIST, format="adblock")
    repo.ok("sync", "--no-reload")
    return repo


ALWAYS = {"record gone", "record of wrong types", "names cut"}
"""the others are like these, and slow"""


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(damage, id=name, marks=() if name in ALWAYS else pytest.mark.slow)
        for name, damage in DAMAGES.items()
    ],
)
def test_a_damaged_file_takes_no_name_out_of_the_policy(synced: Site, damage: Damage) -> None:
    repo, folder = synced, synced.state / "feeds" / "one"
    before = zone(repo)
    damage(folder)
    for command in COMMANDS:
        done = repo.cli(*command, "--json")
        assert (0, "") == (done.status, done.stderr), command
    repo.setting('[group.malware]\naction = "nodata"')
    repo.ok("apply", "--no-reload")
    assert before.count("c2.example") == zone(repo).count("c2.example")
    assert "\ngood.c2.example CNAME rpz-passthru.\n" in zone(repo)
    repo.ok("sync", "--now", "--no-reload")
    assert before.count("c2.example") == zone(repo).count("c2.example")
    mended = json.loads((folder / "record.json").read_text())
    assert (2, 1) == (mended["names"], mended["exceptions"])
    assert b"PAR1" == (folder / "names.parquet").read_bytes()[-4:]


def test_a_copy_that_cannot_be_restored_stops_an_apply_and_not_a_sync(synced: Site) -> None:
    repo, folder = synced, synced.state / "feeds" / "one"
    (folder / "data").unlink()
    cut("names.parquet")(folder)
    repo.setting('[group.malware]\naction = "nodata"')
    failed = repo.cli("apply", "--no-reload")
    assert 1 == failed.status
    assert "Traceback" not in failed.stderr
    assert "'rpzctl sync --accept one' fetches it anew" in failed.stderr
    assert "c2.example CNAME .\n" in zone(repo), "nothing was changed"
    repo.ok("sync", "--now", "--no-reload")
    assert "c2.example" in zone(repo)


def test_a_copy_without_record_and_octets_takes_no_name_out_of_the_policy(synced: Site) -> None:
    folder = synced.state / "feeds" / "one"
    (folder / "data").unlink()
    cut("record.json")(folder)
    synced.setting('[group.malware]\naction = "nodata"')
    done = synced.ok("apply", "--no-reload")
    assert "malware.rpz stays as it is published: the good copy of one is gone" in done.stderr
    assert "c2.example" in zone(synced)
    synced.ok("sync", "--no-reload")
    assert "c2.example CNAME *." in zone(synced)


def test_a_record_that_cannot_be_read_stops_everything(synced: Site) -> None:
    path = synced.state / "feeds" / "one" / "record.json"
    path.unlink()
    path.mkdir()
    failed = synced.cli("sync", "--now", "--no-reload")
    assert 1 == failed.status
    assert f"cannot read {path}" in failed.stderr
    assert "c2.example" in zone(synced)


def test_a_copy_whose_record_is_lost_is_still_held_against_its_size(repo: Site) -> None:
    path = local(repo, "one", b"".join(b"n%d.example\n" % n for n in range(500)), format="domains")
    repo.ok("sync", "--no-reload")
    (repo.state / "feeds" / "one" / "record.json").unlink()
    path.write_bytes(b"n1.example\n")
    done = repo.cli("sync", "--no-reload")
    assert "went from 500 to 1 names" in done.stdout + done.stderr
    assert "n499.example" in zone(repo)


def test_damaged_rows_of_the_published_generation_are_made_anew(synced: Site) -> None:
    for rows in (synced.output / "current").resolve().rglob("*.parquet"):
        rows.write_bytes(rows.read_bytes()[:30])
    synced.setting('[group.malware]\naction = "nodata"')
    done = synced.ok("apply", "--no-reload")
    assert "malware.rpz: new, +3" in done.stdout, "what was published cannot be told"
    assert "c2.example CNAME *." in zone(synced)
