"""kill -9 at any moment: a complete old or a complete new policy, and the next run goes on."""

import json
import secrets
import subprocess
import time

import pytest

from tests.servers import REAL, Site, find, until

RUNS = 20


def seconds(most: float) -> float:
    return secrets.randbelow(1_000_000) / 1_000_000 * most


def kill_somewhere(site: Site, *arguments: str, within: float = 0.5) -> None:
    """Start a command and kill it at a random moment."""
    child = site.start(*arguments)
    time.sleep(seconds(within))
    child.kill()
    child.communicate()


def is_complete(site: Site) -> None:
    """Hold that `current` names a whole generation."""
    published = site.output / "current"
    manifest = json.loads((published / "manifest.json").read_text())
    for zone in manifest["zones"].values():
        text = (published / zone["file"]).read_bytes()
        start, length = zone["span"]
        assert len(text) >= start + length
        assert str(zone["serial"]).encode() in text
    assert "response-policy" in (published / "options.conf").read_text()


def passes_the_tools(site: Site) -> None:
    """Hold that BIND's own tools take what is published."""
    checked = [find("named-checkconf"), "-z", str(site.named.conf)]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    zone = site.output / "current" / "local.rpz.zone"
    done = subprocess.run(
        [find("named-checkzone"), "-k", "ignore", "local.rpz", str(zone)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ignoring" not in done.stdout + done.stderr


def recorded(site: Site) -> list[str]:
    lines = site.block_list.read_text().splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def recovers(site: Site) -> None:
    """Hold that the next run makes everything whole: rules, what is published, what is live."""
    site.ok("apply")
    names = recorded(site)
    dead = {"NXDOMAIN", "127.0.0.1"}
    assert {name for name, got in site.answers(names).items() if got not in dead} == set()
    status = site.ok("status", "--json").json()
    assert (status["live"], status["pending"], status["problems"]) == (True, False, [])


def test_kill_at_any_moment_leaves_a_complete_policy(site: Site) -> None:
    site.ok("block", "held.example")
    for number in range(RUNS):
        via = ("--via", "zone") if number % 4 == 3 else ()
        kill_somewhere(site, "block", f"k{number}.example", *via)
        is_complete(site)
        assert site.answer("held.example") == "NXDOMAIN"
        if number % 10 == 9:
            passes_the_tools(site)
            recovers(site)
            passes_the_tools(site)


def kill_after_the_flip(site: Site, *arguments: str) -> None:
    """Start a command and kill it within the few moments between its publish and its proof."""
    before = site.current
    child = site.start(*arguments)
    until(lambda: site.current != before or child.poll() is not None, "it has published", 60)
    time.sleep(seconds(0.06))
    child.kill()
    child.communicate()


def test_kill_between_publish_and_proof_leaves_a_complete_policy(site: Site) -> None:
    site.ok("block", "held.example")
    for number in range(12):
        via = ("--via", "zone") if number % 3 == 2 else ()
        kill_after_the_flip(site, "block", f"f{number}.example", *via)
        is_complete(site)
        assert site.answer("held.example") == "NXDOMAIN"
        if number % 4 == 1:
            site.named.stop()
            site.named.start()
            passes_the_tools(site)
        if number % 4 == 3:
            recovers(site)
    assert {f"f{number}.example" for number in range(12)} <= set(recorded(site))


def test_what_a_kill_left_behind_serves_after_a_restart_of_named(site: Site) -> None:
    site.ok("block", "held.example")
    for number in range(8):
        kill_somewhere(site, "block", f"r{number}.example")
    site.named.stop()
    site.named.start()
    assert site.answer("held.example") == "NXDOMAIN"
    recovers(site)


def test_a_killed_unblock_is_whole_or_not_at_all(site: Site) -> None:
    names = [f"u{number}.example" for number in range(8)]
    site.ok("block", *names)
    for name in names:
        kill_somewhere(site, "unblock", name)
        is_complete(site)
    recovers(site)
    left = set(recorded(site))
    planned = {name: "NXDOMAIN" if name in left else "192.0.2.1" for name in names}
    assert site.answers(names) == planned


@pytest.mark.parametrize("command", [("block", "evil.example"), ("apply",)])
def test_what_a_killed_run_left_is_swept_away_by_the_next(
    site: Site, command: tuple[str, ...]
) -> None:
    generations = site.output / "generations"
    half = generations / ".new-99999"
    half.mkdir()
    (half / "local.rpz.zone").write_text("half")
    leftover = [
        half,
        site.output / ".new-current-99999",
        site.state / ".new-proven.json-99999",
        site.block_list.with_name(".block.list.99999.new"),
    ]
    leftover[1].symlink_to("generations/0000000099")
    leftover[2].write_text("{")
    leftover[3].write_text("half a ru")
    site.ok(*command)
    assert [path.name for path in leftover if path.exists() or path.is_symlink()] == []
    is_complete(site)


def test_a_generation_that_was_never_flipped_to_does_no_harm(site: Site) -> None:
    orphan = site.output / "generations" / f"{int(site.current) + 1:010d}"
    orphan.mkdir()
    (orphan / "local.rpz.zone").write_text("built, never flipped to")
    site.ok("block", "evil.example")
    assert site.answer("evil.example") == "NXDOMAIN"
    is_complete(site)


def test_a_killed_rollback_is_whole_or_not_at_all(site: Site) -> None:
    for name in ("one.example", "two.example"):
        site.ok("block", name)
    for number in range(10):
        kill_somewhere(site, "rollback", within=0.4)
        is_complete(site)
        assert site.answer("one.example") in {"NXDOMAIN", REAL}
        held = site.ok("history", "--json").json()["generations"][0]["held"]
        if held and number % 2:
            # What was published before the kill is brought to the resolver by the next command.
            site.ok("block", f"b{number}.example")
            assert site.answer(f"b{number}.example") == "NXDOMAIN"
    site.named.stop()
    site.named.start()
    passes_the_tools(site)
    recovers(site)
    assert {"one.example", "two.example"} <= set(recorded(site)), "no rule is lost"


@pytest.mark.slow
def test_kill_at_two_hundred_moments(site: Site) -> None:
    site.ok("block", "held.example")
    for number in range(200):
        match number % 4:
            case 0:
                kill_somewhere(site, "block", f"m{number}.example")
            case 1:
                with site.block_list.open("a") as file:
                    file.write(f"a{number}.example\n")
                kill_somewhere(site, "apply")
            case 2:
                kill_somewhere(site, "rollback", within=0.4)
            case _:
                kill_somewhere(site, "unblock", f"m{number - 3}.example")
        is_complete(site)
        assert "held.example" in recorded(site)
        if number % 20 == 19:
            site.named.stop()
            site.named.start()
            recovers(site)
            passes_the_tools(site)
    assert {f"a{number}.example" for number in range(1, 200, 4)} <= set(recorded(site))
