"""plan, apply, status, check, serials, expiry: the policy as a whole."""

import pytest

from tests.servers import REAL, Site


def row_texts(plan: dict[str, object], part: str) -> list[str]:
    zones = plan["zones"]
    assert isinstance(zones, list)
    return [row for zone in zones for row in zone[f"{part}_rows"]]


def test_apply_without_a_change_leaves_no_trace(site: Site) -> None:
    site.ok("block", "evil.example")
    before, serial, log = site.files(), site.serial(), site.named.log().count("loaded serial")
    done = site.ok("apply", "--json").json()
    assert done["published"] is False
    assert done["plan"]["empty"] is True
    site.ok("apply", "--no-reload")
    assert site.files() == before
    assert site.serial() == serial
    assert site.named.log().count("loaded serial") == log


def test_an_edit_that_says_the_same_makes_no_generation(site: Site) -> None:
    site.ok("block", "evil.example")
    before, serial = site.current, site.serial()
    site.block_list.write_text("# new comment\n\nevil.example reason=other\n")
    site.ok("apply")
    assert site.current == before
    assert site.serial() == serial


def test_the_plan_shows_what_apply_then_does(site: Site) -> None:
    site.ok("block", "old.example", "turn.example")
    site.block_list.write_text("new.example\nturn.example action=nodata\n")
    site.allow_list.write_text("good.new.example\n")
    before = site.files()
    planned = site.ok("plan", "--json").json()
    assert row_texts(planned, "added") == ["new.example nxdomain", "good.new.example passthru"]
    assert row_texts(planned, "removed") == ["old.example nxdomain"]
    assert row_texts(planned, "changed") == ["turn.example nodata"]
    assert site.files() == before
    done = site.ok("apply", "--json").json()
    assert {**done["plan"], "expectations": []} == planned
    assert (done["published"], done["proven"]) == (True, True)
    assert site.answer("old.example") == REAL
    assert site.answer("new.example") == "NXDOMAIN"
    assert site.answer("turn.example") == "nodata"
    assert site.ok("plan", "--json").json()["empty"] is True


def test_a_plan_counts_all_and_shows_some_unless_asked_for_all(repo: Site) -> None:
    repo.block_list.write_text("".join(f"n{i:03}.example\n" for i in range(100)))
    short = repo.ok("plan", "--json").json()["zones"][0]
    assert short["added"] == 100
    assert len(short["added_rows"]) < 100
    full = repo.ok("plan", "--full", "--json").json()["zones"][0]
    assert len(full["added_rows"]) == 100
    assert "more (--full)" in repo.ok("plan").stdout
    shown = repo.ok("plan", "--full").stdout
    assert all(f"n{i:03}.example" in shown for i in range(100))


def test_a_plan_shows_what_the_guards_say(repo: Site) -> None:
    repo.block_list.write_text("co.uk\n")
    assert repo.ok("plan", "--json").json()["stops"][0]["guard"] == "public-suffix"
    assert "public suffix" in repo.ok("plan").stdout


def test_an_expired_rule_leaves_with_the_next_apply(site: Site) -> None:
    site.ok("block", "soon.example", "--expires", "30m")
    assert site.answer("soon.example") == "NXDOMAIN"
    line = next(x for x in site.block_list.read_text().split("\n") if x.startswith("soon"))
    past = line.partition(" expires=")[0] + " expires=2024-01-01T00:00:00Z"
    site.block_list.write_text(past + "\n")
    site.ok("apply")
    assert site.answer("soon.example") == REAL
    assert site.ok("status", "--json").json()["expired"] == 1
    assert "soon.example" not in site.ok("list").stdout
    assert "soon.example" in site.ok("list", "--all").stdout
    site.ok("block", "soon.example")
    assert site.answer("soon.example") == "NXDOMAIN"


def test_an_expired_rule_leaves_with_the_next_block(site: Site) -> None:
    site.ok("block", "past.example")
    site.block_list.write_text("past.example expires=2024-01-01\n")
    site.ok("block", "other.example")
    assert site.answer("past.example") == REAL
    assert site.answer("other.example") == "NXDOMAIN"


def test_an_expired_exception_is_blocked_again(site: Site) -> None:
    site.block_list.write_text("wide.example\n")
    site.allow_list.write_text("good.wide.example expires=2999-01-01\n")
    site.ok("apply")
    assert site.answer("good.wide.example") == REAL
    site.allow_list.write_text("good.wide.example expires=2024-01-01\n")
    site.ok("apply")
    assert site.answer("good.wide.example") == "NXDOMAIN"


def test_published_without_reload_is_proved_by_the_next_apply(site: Site) -> None:
    site.block_list.write_text("quiet.example\n")
    done = site.ok("apply", "--no-reload", "--json").json()
    assert (done["published"], done["proven"]) == (True, False)
    assert site.answer("quiet.example") == REAL
    assert site.ok("status", "--json").json()["live"] is False
    done = site.ok("apply", "--json").json()
    assert (done["published"], done["proven"]) == (False, True)
    assert site.answer("quiet.example") == "NXDOMAIN"
    assert site.ok("status", "--json").json()["live"] is True


def test_published_without_reload_goes_live_with_the_next_block(site: Site) -> None:
    site.block_list.write_text("quiet.example\nhole.example via=zone\n")
    site.ok("apply", "--no-reload")
    site.ok("block", "loud.example")
    assert site.answer("quiet.example") == "NXDOMAIN"
    assert site.answer("loud.example") == "NXDOMAIN"
    assert site.answer("hole.example") == "127.0.0.1"


@pytest.mark.parametrize("style", ["date", "unixtime"])
def test_serials_rise_with_each_change(site: Site, style: str) -> None:
    site.config.write_text(
        site.config.read_text().replace("[guards]", f'[policy]\nserial = "{style}"\n\n[guards]')
    )
    serials = []
    for name in ("a.example", "b.example", "c.example"):
        site.ok("block", name)
        serials.append(site.serial())
    site.ok("unblock", "a.example")
    serials.append(site.serial())
    assert serials == sorted(set(serials))
    assert len(serials) == 4


def test_status_tells_live_from_published(site: Site) -> None:
    site.ok("block", "one.example")
    site.ok("allow", "two.example")
    status = site.ok("status", "--json").json()
    assert (status["blocked"], status["allowed"], status["pending"]) == (1, 1, False)
    assert status["generation"] == int(site.current)
    assert status["proven_at"].endswith("Z")
    assert "local.rpz" in site.ok("status").stdout
    site.named.stop()
    down = site.cli("status", "--json")
    assert down.status == 0
    assert down.json()["live"] is False
    assert any("does not answer" in line for line in down.json()["problems"])


def test_status_says_pending_for_a_setting_that_is_not_applied(site: Site) -> None:
    site.config.write_text(
        site.config.read_text().replace("[guards]", "[soa]\nttl = 5\n\n[guards]")
    )
    assert site.ok("status", "--json").json()["pending"] is True
    site.ok("apply")
    assert site.ok("status", "--json").json()["pending"] is False


def test_check_finds_nothing_wrong_with_a_sound_policy(site: Site) -> None:
    site.ok("block", "evil.example")
    site.ok("block", "hole.example", "--via", "zone")
    before = site.files()
    done = site.cli("check", "--json")
    assert done.status == 0
    assert done.json() == {"ok": True, "findings": []}
    assert site.files() == before


def test_check_tells_a_bad_rule_line(site: Site) -> None:
    site.block_list.write_text("good.example\nbad name\n")
    done = site.cli("check")
    assert done.status == 4
    assert f"{site.block_list}:2" in done.stdout


def test_check_tells_a_guarded_rule(site: Site) -> None:
    site.block_list.write_text("# head\n\nco.uk\n")
    done = site.cli("check")
    assert done.status == 4
    assert f"{site.block_list}:3" in done.stdout
    assert "public-suffix" in done.stdout


def test_check_tells_a_contradiction(site: Site) -> None:
    site.block_list.write_text("both.example\n")
    site.allow_list.write_text("both.example\n")
    done = site.cli("check")
    assert done.status == 4, done
    assert "contradict" in done.stdout


def test_check_tells_a_damaged_generation(site: Site) -> None:
    site.ok("block", "evil.example")
    zone = site.output / "current" / "local.rpz.zone"
    text = zone.read_text()
    zone.unlink()
    zone.write_text(text + "broken..record CNAME .\n")
    assert site.cli("check").status == 4
    zone.unlink()
    done = site.cli("check")
    assert done.status == 4
    assert "missing" in done.stdout


def test_check_tells_a_changed_record_of_the_generation(site: Site) -> None:
    site.ok("block", "evil.example")
    zone = site.output / "current" / "local.rpz.zone"
    text = zone.read_text().replace("evil.example CNAME .", "evil.example CNAME rpz-passthru.")
    zone.unlink()
    zone.write_text(text)
    assert site.cli("check").status == 4


@pytest.mark.parametrize("name", ["options.conf", "zones.conf"])
def test_check_tells_a_missing_fragment(site: Site, name: str) -> None:
    (site.output / "current" / name).unlink()
    done = site.cli("check")
    assert done.status == 4, done
    assert name in done.stdout
    assert "Traceback" not in done.stderr


def test_check_tells_a_named_conf_without_the_includes(site: Site) -> None:
    site.named.configure("", "")
    done = site.cli("check", "--json")
    findings = done.json()["findings"]
    assert {f["id"] for f in findings} == {"includes"}
    assert len(findings) == 2


def test_check_tells_what_is_not_live(site: Site) -> None:
    site.ok("block", "a.example", "--no-apply")
    site.ok("apply", "--no-reload")
    done = site.cli("check")
    assert "does not serve local.rpz" in done.stdout
