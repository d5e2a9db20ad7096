"""Rule files under the commands: no change no trace, what people wrote survives."""

from tests.servers import REAL, Site

WRITTEN = """\
# Kept by the DNS team.

# case 7: see the wiki
alpha.example ticket=INC-7  # do not touch

# the other case
zeta.example   exact
# at the end
"""


def test_blocking_again_changes_nothing(shared: Site) -> None:
    shared.ok("block", "twice.example", "--reason", "once")
    before, serial = shared.files(), shared.serial()
    done = shared.ok("block", "TWICE.example")
    assert "already" in done.stdout
    assert shared.files() == before
    assert shared.serial() == serial


def test_blocking_below_a_block_changes_nothing(shared: Site) -> None:
    shared.ok("block", "over.example")
    before = shared.files()
    assert "already" in shared.ok("block", "a.over.example").stdout
    assert shared.files() == before


def test_unblocking_what_is_not_blocked_changes_nothing(shared: Site) -> None:
    before = shared.files()
    assert "no rule" in shared.ok("unblock", "never.example").stdout
    assert "no rule" in shared.ok("unallow", "never.example").stdout
    assert shared.files() == before


def test_unblocking_below_a_block_says_which_rule_covers_it(shared: Site) -> None:
    shared.ok("block", "cover.example")
    done = shared.ok("unblock", "a.cover.example")
    assert "cover.example" in done.stderr
    assert "rpzctl allow a.cover.example" in done.stderr
    assert shared.answer("a.cover.example") == "NXDOMAIN"


def test_allowing_again_changes_nothing(shared: Site) -> None:
    shared.ok("allow", "fine.example")
    before = shared.files()
    assert "already" in shared.ok("allow", "fine.example").stdout
    assert shared.files() == before


def test_what_people_wrote_survives_a_rewrite(site: Site) -> None:
    site.block_list.write_text(WRITTEN)
    site.ok("block", "middle.example")
    site.ok("unblock", "zeta.example")
    lines = site.block_list.read_text().splitlines()
    kept = [line for line in WRITTEN.splitlines() if not line.startswith("zeta")]
    assert [line for line in lines if not line.startswith("middle")] == kept
    assert lines.index("alpha.example ticket=INC-7  # do not touch") < next(
        place for place, line in enumerate(lines) if line.startswith("middle.example")
    )
    assert site.answer("alpha.example") == "NXDOMAIN"
    assert site.answer("middle.example") == "NXDOMAIN"
    assert site.answer("zeta.example") == REAL


def test_a_rule_goes_where_it_sorts(repo: Site) -> None:
    for name in ("m.example", "z.example", "a.example", "b.n.example"):
        repo.ok("block", name, "--no-apply")
    names = [line.split()[0] for line in repo.block_list.read_text().splitlines() if "by=" in line]
    assert names == ["a.example", "m.example", "b.n.example", "z.example"]


def test_a_file_without_a_final_line_feed_is_read(site: Site) -> None:
    site.block_list.write_text("one.example\r\ntwo.example")
    site.ok("block", "three.example")
    names = ["one.example", "two.example", "three.example"]
    assert site.answers(names) == dict.fromkeys(names, "NXDOMAIN")


def test_a_missing_rule_file_has_no_rules(site: Site) -> None:
    site.block_list.unlink()
    site.ok("block", "first.example")
    assert site.answer("first.example") == "NXDOMAIN"


def test_a_rule_file_that_is_a_link_stays_one(site: Site) -> None:
    shelf = site.home / "elsewhere.list"
    site.block_list.rename(shelf)
    site.block_list.symlink_to(shelf)
    site.ok("block", "linked.example")
    assert site.block_list.is_symlink()
    assert "linked.example" in shelf.read_text()


def test_recorded_only_goes_live_with_the_next_apply(site: Site) -> None:
    before = site.current
    done = site.ok("block", "later.example", "--no-apply")
    assert "not applied" in done.stdout
    assert site.current == before
    assert site.answer("later.example") == REAL
    assert site.ok("status", "--json").json()["pending"] is True
    site.ok("apply")
    assert site.answer("later.example") == "NXDOMAIN"
    assert site.ok("status", "--json").json()["pending"] is False


def test_the_next_block_takes_along_what_was_recorded(site: Site) -> None:
    site.ok("block", "early.example", "--no-apply")
    site.ok("block", "now.example")
    assert site.answer("early.example") == "NXDOMAIN"
    assert site.answer("now.example") == "NXDOMAIN"


def test_an_edit_by_hand_goes_live_with_apply(site: Site) -> None:
    site.block_list.write_text('hand.example action=nodata reason="by hand"\n')
    site.allow_list.write_text("ok.hand.example\n")
    site.ok("apply")
    assert site.answer("hand.example") == "nodata"
    assert site.answer("ok.hand.example") == REAL


def test_the_same_rule_twice_after_a_merge_counts_once(site: Site) -> None:
    site.block_list.write_text("same.example action=nodata\nsame.example action=nxdomain\n")
    site.ok("apply")
    assert site.answer("same.example") == "NXDOMAIN"


def test_bad_lines_are_all_told_with_file_and_number(site: Site) -> None:
    site.ok("block", "held.example")
    site.block_list.write_text("held.example\nbad name\n\nworse.example action=explode\n")
    site.allow_list.write_text("..\n")
    before = site.files()
    for command in (("apply",), ("block", "more.example"), ("plan",), ("unblock", "held.example")):
        done = site.cli(*command)
        assert done.status == 2, done
        for told in (f"{site.block_list}:2", f"{site.block_list}:4", f"{site.allow_list}:1"):
            assert told in done.stderr, command
    assert site.files() == before
    assert site.answer("held.example") == "NXDOMAIN"


def test_status_goes_on_with_a_bad_rule_file(site: Site) -> None:
    site.block_list.write_text("bad name\n")
    done = site.cli("status", "--json")
    assert done.status == 0
    assert any(f"{site.block_list}:1" in line for line in done.json()["problems"])
    assert done.json()["live"] is True
