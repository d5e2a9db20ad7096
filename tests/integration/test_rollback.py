"""Back to an earlier policy, held until a person ends that, and forward again."""

import json
from pathlib import Path

from tests.integration.test_feeds import local
from tests.servers import REAL, Site, bare_site


def listed(site: Site, *names: str) -> None:
    """Let the feed `bad` list these names."""
    (site.home / "bad.txt").write_text("".join(f"{name}\n" for name in names))


def with_feed(site: Site, *names: str) -> None:
    """Give the site a feed `bad`, from a file, in a zone of its own."""
    text = "".join(f"{name}\n" for name in names).encode()
    local(site, "bad", text, format="domains", min_names=0, max_change=0)
    site.ok("sync", "--now")


def generations(site: Site) -> list[dict[str, object]]:
    found = site.ok("history", "--json").json()["generations"]
    assert isinstance(found, list)
    return found


def test_rollback_puts_rules_and_feeds_back_live_and_holds_them(site: Site) -> None:
    with_feed(site, "a.example", "b.example")
    site.ok("block", "evil.example", "--reason", "C2", "--ticket", "INC-7", "--by", "anna")
    good = int(site.current)
    listed(site, "a.example", "mail.example")
    site.ok("sync", "--now")
    site.ok("block", "wrong.example", "--via", "zone")
    names = ("a.example", "b.example", "mail.example", "wrong.example", "evil.example")
    assert site.answers(names) == {
        "a.example": "NXDOMAIN",
        "b.example": REAL,
        "mail.example": "NXDOMAIN",
        "wrong.example": "127.0.0.1",
        "evil.example": "NXDOMAIN",
    }
    serials = {zone: site.serial(zone) for zone in ("local.rpz", "malware.rpz")}

    done = site.ok("rollback", str(good), "--reason", "mail is dead", "--json").json()

    assert (done["published"], done["proven"], done["held"]["of"]) == (True, True, good)
    was = {
        "a.example": "NXDOMAIN",
        "b.example": "NXDOMAIN",
        "mail.example": REAL,
        "wrong.example": REAL,
        "evil.example": "NXDOMAIN",
    }
    assert site.answers(names) == was
    assert all(site.serial(zone) > serial for zone, serial in serials.items()), "serials rise"

    listed(site, "c.example", "mail.example")
    synced = site.ok("sync", "--now")
    assert f"the policy of generation {good} is held" in synced.stderr
    assert site.ok("sync", "--now", "--json").json()["held"]["why"] == "mail is dead"
    assert site.answers(names) == was, "a sync keeps its hands off"
    status = site.ok("status", "--json").json()
    assert (status["live"], status["held"]["of"]) == (True, good)
    assert "held" in site.ok("status").stdout

    forward = site.ok("rollforward")
    assert f"no longer held: the policy of generation {good}" in forward.stderr
    assert site.answers((*names, "c.example")) == {
        "a.example": REAL,
        "b.example": REAL,
        "mail.example": "NXDOMAIN",
        "wrong.example": "127.0.0.1",
        "evil.example": "NXDOMAIN",
        "c.example": "NXDOMAIN",
    }
    assert site.ok("status", "--json").json()["held"] is None
    assert site.ok("rollforward").stdout == "no policy is held: nothing to do\n"


def test_rules_given_while_a_policy_is_held_come_on_top_of_it(site: Site) -> None:
    site.ok("block", "first.example")
    site.ok("block", "wrong.example")
    site.ok("rollback")
    assert site.answers(("first.example", "wrong.example")) == {
        "first.example": "NXDOMAIN",
        "wrong.example": REAL,
    }
    told = site.ok("block", "now.example")
    assert "is held" in told.stderr
    site.ok("allow", "fine.first.example")
    assert site.answers(
        ("first.example", "wrong.example", "now.example", "fine.first.example")
    ) == {
        "first.example": "NXDOMAIN",
        "wrong.example": REAL,
        "now.example": "NXDOMAIN",
        "fine.first.example": REAL,
    }
    assert {"first.example", "wrong.example", "now.example"} <= set(
        site.block_list.read_text().split()
    ), "the rule files have what was there, and what came"
    site.ok("unblock", "first.example")
    assert site.answer("first.example") == REAL
    site.ok("apply")
    assert site.answers(("wrong.example", "now.example", "first.example")) == {
        "wrong.example": "NXDOMAIN",
        "now.example": "NXDOMAIN",
        "first.example": REAL,
    }
    assert site.ok("status", "--json").json()["held"] is None


def test_rollback_twice_goes_back_twice(site: Site) -> None:
    for name in ("one.example", "two.example", "three.example"):
        site.ok("block", name)
    site.ok("rollback")
    assert site.answers(("two.example", "three.example")) == {
        "two.example": "NXDOMAIN",
        "three.example": REAL,
    }
    site.ok("rollback")
    assert site.answers(("one.example", "two.example")) == {
        "one.example": "NXDOMAIN",
        "two.example": REAL,
    }


def test_the_current_policy_can_be_held_as_it_is(site: Site) -> None:
    with_feed(site, "a.example")
    serial = site.serial("malware.rpz")
    site.ok("rollback", str(int(site.current)), "--reason", "no changes over the holidays")
    listed(site, "b.example")
    site.ok("sync", "--now")
    assert site.answers(("a.example", "b.example")) == {"a.example": "NXDOMAIN", "b.example": REAL}
    assert site.serial("malware.rpz") == serial, "what did not change is not loaded again"
    site.ok("rollforward")
    assert site.answers(("a.example", "b.example")) == {"a.example": REAL, "b.example": "NXDOMAIN"}


def test_a_rollback_that_does_not_come_true_is_undone(site: Site) -> None:
    site.ok("block", "old.example")
    good = int(site.current)
    site.ok("block", "new.example")
    site.impatient()
    site.include(options='response-policy { zone "other.rpz"; };', zones=OTHER)
    conf = site.named.conf.read_text().replace(f'include "{site.output}/current/options.conf";', "")
    site.named.conf.write_text(conf)
    site.named.stop()
    (site.named.home / "other.zone").write_text(EMPTY)
    site.named.start()
    failed = site.cli("rollback", str(good))
    assert failed.status == 5, failed
    assert json.loads((site.output / "current" / "manifest.json").read_text())["held"] is None
    site.include()
    site.named.stop()
    site.named.start()
    site.ok("apply")
    assert site.answers(("old.example", "new.example")) == {
        "old.example": "NXDOMAIN",
        "new.example": "NXDOMAIN",
    }


OTHER = 'zone "other.rpz" { type primary; file "other.zone"; };'
EMPTY = "$TTL 60\n@ SOA localhost. a.localhost. 1 60 60 60 60\n@ NS localhost.\n"


def test_what_cannot_be_gone_back_to_is_said(site: Site) -> None:
    nothing = site.cli("rollback")
    assert (nothing.status, "no earlier policy is kept" in nothing.stderr) == (2, True)
    site.ok("block", "a.example")
    before = site.files()
    unknown = site.cli("rollback", "99")
    assert (unknown.status, "there is no generation 99" in unknown.stderr) == (2, True)
    damaged = site.output / "generations" / "0000000001" / "local.rpz.zone"
    damaged.write_bytes(damaged.read_bytes().replace(b"NS", b"nS"))
    refused = site.cli("rollback", "1")
    assert (refused.status, "is damaged" in refused.stderr) == (1, True)
    control = site.cli("rollback", "--reason", "a\x1b[2Jb")
    assert control.status == 2
    assert site.files() == before


def test_history_tells_who_made_what_and_why(site: Site) -> None:
    with_feed(site, "a.example", "b.example")
    site.ok("block", "evil.example", "--reason", "C2", "--ticket", "INC-7", "--by", "anna")
    site.ok("unblock", "evil.example")
    site.ok("rollback", "--by", "bob", "--reason", "too early")
    newest, taken, blocked, synced = generations(site)[:4]
    assert (newest["what"], newest["by"], newest["why"], newest["of"]) == (
        "rollback",
        "bob",
        "too early",
        blocked["generation"],
    )
    assert taken["what"] == "unblock evil.example"
    assert (blocked["what"], blocked["by"], blocked["why"]) == (
        "block evil.example",
        "anna",
        "INC-7 C2",
    )
    zones = blocked["zones"]
    assert isinstance(zones, dict)
    assert (zones["local.rpz"]["added"], zones["local.rpz"]["removed"]) == (1, 0)
    assert synced["what"] == "sync"
    assert list(synced["feeds"]) == ["bad"], "and from which copies"  # type: ignore[call-overload]
    text = site.ok("history").stdout
    assert "block evil.example (INC-7 C2)" in text
    assert "held" in text.splitlines()[1]
    one = site.ok("history", str(blocked["generation"])).stdout
    assert "INC-7 C2" in one
    assert "malware.rpz" in one
    assert site.cli("history", "77").status == 2


def test_diff_tells_what_changed_between_two_generations(site: Site) -> None:
    site.ok("block", "a.example", "b.example")
    old = int(site.current)
    site.ok("unblock", "a.example")
    site.ok("block", "c.example")
    found = site.ok("diff", str(old), "--json").json()
    assert (found["from"], found["to"]) == (old, int(site.current))
    zone = found["zones"][0]
    assert (zone["added_rows"], zone["removed_rows"]) == (
        ["c.example nxdomain"],
        ["a.example nxdomain"],
    )
    text = site.ok("diff", str(old), str(old + 1)).stdout
    assert "- a.example nxdomain" in text
    assert "c.example" not in text
    assert site.ok("diff", str(old), str(old)).stdout == "no difference\n"


def test_the_rules_of_a_generation_are_for_rpzctl_alone(tmp_path: Path) -> None:
    site = bare_site(tmp_path)
    site.config.write_text(site.config.read_text().partition("[[resolver]]")[0])
    site.ok("block", "a.example", "--reason", "not for every user of this machine")
    kept = site.output / "current" / "block.list"
    assert "not for every user" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    again = site.output / "current" / "allow.list"
    first = site.output / "generations" / "0000000001" / "allow.list"
    assert again.stat().st_ino == first.stat().st_ino, "what did not change is the same file"


def test_the_generation_of_an_older_rpzctl_can_be_gone_back_to(site: Site) -> None:
    site.ok("block", "old.example")
    good = site.output / "generations" / site.current
    manifest = json.loads((good / "manifest.json").read_text())
    for key in ("cause", "of", "held", "passing", "moved", "feeds"):
        del manifest[key]
    (good / "manifest.json").write_text(json.dumps(manifest))
    for name in ("block.list", "allow.list"):
        (good / name).unlink()
    site.ok("block", "new.example")
    site.ok("rollback")
    assert site.answers(("old.example", "new.example")) == {
        "old.example": "NXDOMAIN",
        "new.example": REAL,
    }
    refused = site.cli("block", "more.example")
    assert (refused.status, "rollforward" in refused.stderr) == (3, True)
    site.ok("rollforward")
    assert site.answer("new.example") == "NXDOMAIN"


def test_a_block_beside_a_rollback_is_lost_in_neither_order(site: Site) -> None:
    site.ok("block", "one.example")
    site.ok("block", "two.example")
    children = [site.start("rollback"), site.start("block", "x.example")]
    for child in children:
        _, told = child.communicate(timeout=60)
        assert child.returncode == 0, told
    assert site.answer("one.example") == "NXDOMAIN"
    assert "x.example" in site.block_list.read_text()
    site.ok("rollforward")
    assert site.answers(("two.example", "x.example")) == {
        "two.example": "NXDOMAIN",
        "x.example": "NXDOMAIN",
    }


def test_one_damaged_generation_stops_nothing(site: Site) -> None:
    for name in ("one.example", "two.example", "three.example"):
        site.ok("block", name)
    manifest = site.output / "generations/0000000002/manifest.json"
    manifest.write_text("{")
    done = site.ok("history", "--json").json()
    assert [each["generation"] for each in done["generations"]] == [4, 3, 1]
    assert done["damaged"] == [str(manifest)]
    assert "is damaged" in site.ok("history").stderr
    assert site.ok("status", "--json").json()["live"]
    assert "generation 2 is damaged" in site.cli("rollback", "2").stderr
    told = site.ok("doctor", "--only", "kept-generations", "--json").json()["findings"]
    [fix] = [each["fix"] for each in told if each["where"] == str(manifest)]
    assert fix.startswith(f"rm -r {manifest.parent};")
    (site.state / "proven.json").write_text('{"generation": 2, "at": "2026-11-25T00:00:00Z"}')
    site.ok("sync")
    site.ok("history")
    site.ok("rollback", "1")
    assert site.answer("three.example") == REAL
    site.ok("rollforward")
    site.ok("sync")
