"""The audit log of real commands: one line for each change, whatever became of it."""

import fcntl
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_feeds import local
from tests.integration.test_hard_times import mounted
from tests.integration.test_undo import ELSEWHERE
from tests.servers import Site, until


def log_of(site: Site) -> Path:
    return site.state / "audit.jsonl"


def entries(site: Site) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_of(site).read_text().splitlines()]


def last(site: Site) -> dict[str, Any]:
    return entries(site)[-1]


def settings(site: Site, text: str) -> None:
    site.config.write_text(text + "\n" + site.config.read_text())


def test_a_block_is_told_with_all_that_is_known_of_it(shared: Site) -> None:
    before = int(shared.current)
    words = ("--reason", "C2", "--ticket", "INC-7", "--by", "ana")
    shared.ok("block", "told.example", "*.below.example", *words)
    found = last(shared)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("at"))
    assert 0 < found.pop("seconds") < 30
    assert found == {
        "format": 1,
        "by": "ana",
        "command": "block",
        "what": "block told.example and 1 more",
        "outcome": "live",
        "why": "INC-7 C2",
        "names": ["told.example", "*.below.example"],
        "named": 2,
        "before": before,
        "generation": before + 1,
        "serials": {"local.rpz": shared.serial()},
        "zones": {"local.rpz": {"added": 2, "removed": 0, "changed": 0}},
        "feeds": {},
        "commit": found["commit"],
        "dirty": found["dirty"],
        "held": None,
        "error": None,
    }


STEPS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("block", "r1.example", "--no-apply"), "recorded"),
    (("allow", "r2.example"), "live"),
    (("unallow", "r2.example"), "live"),
    (("apply", "--no-reload"), None),
    (("block", "r3.example", "--reason", "again"), "live"),
    (("block", "r3.example", "--reason", "another"), "live"),
    (("block", "r3.example"), None),
    (("unblock", "absent.example"), None),
    (("sync",), None),
    (("feeds", "enable", "urlhaus"), "recorded"),
    (("feeds", "enable", "urlhaus"), None),
    (("feeds", "disable", "urlhaus"), "recorded"),
    (("feeds", "remove", "urlhaus"), "recorded"),
    (("rollback",), "live"),
    (("sync",), None),
    (("block", "held.example"), "live"),
    (("rollforward",), "live"),
    (("status",), None),
    (("plan",), None),
)


def test_what_changes_something_is_told_and_nothing_else(shared: Site) -> None:
    for arguments, outcome in STEPS:
        before = entries(shared)
        shared.ok(*arguments)
        added = entries(shared)[len(before) :]
        assert [each["outcome"] for each in added] == ([outcome] if outcome else []), arguments
        if added:
            assert arguments[0] == added[0]["command"].split()[0]
            assert added[0]["generation"] == int(shared.current)


def test_what_was_edited_by_hand_is_told_by_name(shared: Site) -> None:
    shared.ok("apply")
    with shared.block_list.open("a") as out:
        out.write("by-hand.example\n")
    shared.ok("apply")
    assert last(shared)["names"] == ["by-hand.example"]


def test_a_refusal_is_told_with_its_reason(shared: Site) -> None:
    assert shared.cli("block", "com").status == 3
    found = last(shared)
    assert (found["outcome"], found["names"]) == ("refused", ["com"])
    assert found["before"] == found["generation"] == int(shared.current)
    assert found["error"]["exit_code"] == 3
    assert "public suffix" in found["error"]["details"][0]


def test_an_import_is_told_once_and_a_rehearsal_of_it_never(shared: Site) -> None:
    path = shared.home / "taken-over"
    path.write_text("imported.example\n")
    before = entries(shared)
    shared.ok("import", str(path), "--dry-run")
    for _ in range(2):
        shared.ok("import", str(path), "--reason", "taken over", "--format", "domains")
    [found] = entries(shared)[len(before) :]
    assert (found["command"], found["outcome"], found["why"]) == ("import", "live", "taken over")
    assert (found["names"], found["zones"]["local.rpz"]["added"]) == (["imported.example"], 1)


def test_many_names_are_counted_and_some_are_told(shared: Site) -> None:
    names = "".join(f"n{number}.bulk.example\n" for number in range(150))
    shared.ok("block", "--from", "-", stdin=names)
    found = last(shared)
    assert (len(found["names"]), found["named"]) == (100, 150)
    assert found["zones"]["local.rpz"]["added"] == 150


def test_the_log_is_shown(shared: Site) -> None:
    shared.ok("block", "shown.example", "--by", "eve", "--reason", "seen")
    text = shared.ok("audit", "--by", "eve").stdout
    assert re.search(r"eve +live +\d+ +\+1 -0 +block shown\.example \(seen\)", text)
    document = shared.ok("audit", "--name", "hXXp://shown[.]example/", "--json").json()
    assert [each["what"] for each in document["entries"]] == ["block shown.example"]
    assert document["file"] == str(log_of(shared))
    assert shared.ok("audit", "--since", "2030-01-01", "--json").json()["entries"] == []
    assert shared.cli("audit", "--since", "soon").status == 2
    with log_of(shared).open("a") as out:
        out.write('{"half')
    told = shared.ok("audit", "-n", "1")
    assert "a damaged line is passed over" in told.stderr
    shared.ok("block", "after-half.example")
    assert shared.ok("audit", "-n", "1", "--json").json()["entries"][0]["outcome"] == "live"


def test_a_sync_tells_of_its_feeds(repo: Site) -> None:
    path = local(repo, "good", b"c2.example\n", format="domains", min_change=0)
    local(repo, "bad", b"<html>", format="domains")
    repo.ok("sync", "--no-reload")
    found = last(repo)
    assert found["outcome"] == "published"
    assert found["feeds"] == {"good": "new copy", "bad": "is a web page, not a list"}
    assert found["zones"]["malware.rpz"] == {"added": 1, "removed": 0, "changed": 0}
    (repo.repo / "feeds" / "bad.toml").unlink()
    path.write_text("<html>")
    assert repo.cli("sync", "--no-reload", "--now").status == 1
    found = last(repo)
    assert (found["outcome"], found["error"]["message"]) == (
        "failed",
        "no feed gave a good copy",
    )


def test_what_is_undone_and_a_run_that_was_killed_are_told(site: Site) -> None:
    site.impatient()
    site.ok("block", "first.example")
    path = site.template("zones.conf.j2", ELSEWHERE)
    assert site.cli("block", "undone.example").status == 5
    found = last(site)
    assert (found["outcome"], found["before"], found["generation"]) == ("not-live", 2, 4)
    site.config.write_text(site.config.read_text().replace("timeout = 1.0", "timeout = 60"))
    child = site.start("block", "killed.example", "--by", "kim")
    until(lambda: int(site.current) == 5, "it is published")
    child.kill()
    child.communicate()
    path.unlink()
    with (site.state / "audit.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # as a run that is still to tell of its generation
        site.ok("block", "second.example")
        assert [5] != [each["generation"] for each in entries(site)[-2:-1]]
    log_of(site).rename(log_of(site).with_name("audit.jsonl-2026-03-01-1772323200"))
    site.ok("block", "third.example")
    killed, live = entries(site)
    assert (killed["outcome"], killed["generation"]) == ("interrupted", 5)
    assert (killed["by"], killed["what"]) == ("kim", "block killed.example")
    assert (live["outcome"], live["names"]) == ("live", ["third.example"])
    site.ok("block", "fourth.example")
    assert [each["generation"] for each in entries(site)].count(5) == 1


def test_commands_at_once_are_each_told_once(site: Site) -> None:
    names = [f"n{number}.example" for number in range(8)]
    children = [site.start("block", name) for name in names]
    ended = [(child.communicate(timeout=60), child.returncode) for child in children]
    assert [0] * len(names) == [status for _, status in ended], ended
    assert [b""] * len(names) == [said for (_, said), _ in ended]
    found = entries(site)
    assert sorted(names) == sorted(name for each in found for name in each["names"])
    assert {"published", "live"} == {each["outcome"] for each in found}


@pytest.mark.parametrize("trouble", ["gone", "folder", "full"])
def test_a_log_that_cannot_be_written_changes_nothing(shared: Site, trouble: str) -> None:
    place = shared.home / f"log-{trouble}"
    kept = shared.config.read_text()
    settings(shared, f'[audit]\nfile = "{place}/audit.jsonl"')
    name = f"{trouble}.trouble.example"
    try:
        if trouble == "full":
            with mounted(place, "-o", "size=4k"):
                (place / "filler").write_bytes(bytes(4096))
                done = shared.cli("block", name)
        else:
            if trouble == "folder":
                (place / "audit.jsonl").mkdir(parents=True)
            done = shared.cli("block", name, "--json")
            assert done.json()["applied"]["proven"] is True
    finally:
        shared.config.write_text(kept)
    assert done.status == 0
    assert "the audit log was not written: cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert shared.answer(name) == "NXDOMAIN"


def test_the_log_can_be_elsewhere_and_rotated_and_off(repo: Site) -> None:
    (repo.home / "log").mkdir(mode=0o750)
    settings(repo, f'[audit]\nfile = "{repo.home}/log/audit.jsonl"')
    repo.ok("block", "a.example", "--no-apply")
    log = repo.home / "log" / "audit.jsonl"
    log.rename(log.with_name("audit.jsonl.1"))
    repo.ok("block", "b.example", "--no-apply")
    shown = repo.ok("audit", "--json").json()["entries"]
    assert [each["names"] for each in shown] == [["a.example"], ["b.example"]]
    assert len(log.read_text().splitlines()) == 1
    repo.config.write_text(repo.config.read_text().replace("[audit]", "[audit]\nenabled = false"))
    repo.ok("block", "c.example", "--no-apply")
    assert len(log.read_text().splitlines()) == 1
    assert "the audit log is off" in repo.ok("audit").stderr


def test_an_init_is_told(repo: Site) -> None:
    [found] = entries(repo)
    assert (found["outcome"], found["before"], found["generation"]) == ("published", 0, 1)
    assert found["by"]
    manifest = json.loads((repo.output / "current" / "manifest.json").read_text())
    assert manifest["cause"]["what"] == "init"
    assert log_of(repo).stat().st_mode & 0o077 == 0
