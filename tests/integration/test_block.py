"""block and allow, as the resolver answers."""

import pytest

from tests.asking import ask
from tests.servers import REAL, Site


def test_a_blocked_name_is_dead_and_all_below_it(shared: Site) -> None:
    done = shared.ok("block", "evil.example", "--reason", "C2 of case 7")
    assert "live" in done.stdout
    dead = ["evil.example", "www.evil.example", "a.b.c.evil.example"]
    assert shared.answers(dead) == dict.fromkeys(dead, "NXDOMAIN")
    assert shared.answer("notevil.example") == REAL


def test_exact_blocks_only_the_name_itself(shared: Site) -> None:
    shared.ok("block", "only.example", "--exact")
    assert shared.answer("only.example") == "NXDOMAIN"
    assert shared.answer("www.only.example") == REAL


def test_a_star_blocks_only_what_is_below(shared: Site) -> None:
    shared.ok("block", "*.tracker.example")
    assert shared.answer("tracker.example") == REAL
    assert shared.answer("a.tracker.example") == "NXDOMAIN"
    assert shared.answer("b.a.tracker.example") == "NXDOMAIN"


@pytest.mark.parametrize(
    ("action", "kind", "planned"),
    [
        ("nxdomain", "A", "NXDOMAIN"),
        ("nodata", "A", "nodata"),
        ("tcp-only", "A", "truncated"),
        ("sinkhole", "A", "127.0.0.1"),
        ("sinkhole", "AAAA", "::1"),
        ("cname:garden.example", "CNAME", "garden.example."),
        ("cname:garden.example", "A", f"garden.example. {REAL}"),
    ],
)
def test_an_action_is_what_the_resolver_does(
    shared: Site, action: str, kind: str, planned: str
) -> None:
    name = f"{action.partition(':')[0]}-{kind.lower()}.example"
    shared.ok("block", name, "--action", action)
    assert shared.answer(name, kind) == planned
    assert shared.answer(f"www.{name}", kind) == planned


def test_tcp_only_answers_over_tcp(shared: Site) -> None:
    shared.ok("block", "slow.example", "--action", "tcp-only")
    assert shared.answer("slow.example") == "truncated"
    assert shared.answer("slow.example", tcp=True) == REAL


def test_drop_gives_no_answer(shared: Site) -> None:
    shared.ok("block", "silent.example", "--action", "drop")
    assert ask(shared.named.port, "silent.example", timeout=0.7) == "no answer"
    assert shared.answer("silence.example") == REAL


def test_a_sinkhole_tells_whom_to_ask(shared: Site) -> None:
    shared.ok("block", "told.example", "--action", "sinkhole")
    assert "DNS administrator" in shared.answer("told.example", "TXT")


def test_another_action_replaces_the_first(shared: Site) -> None:
    shared.ok("block", "turn.example")
    shared.ok("block", "turn.example", "--action", "nodata")
    assert shared.answer("turn.example") == "nodata"
    assert shared.block_list.read_text().count("turn.example") == 1


def test_the_configured_action_is_the_default(site: Site) -> None:
    text = site.config.read_text().replace("[guards]", '[policy]\naction = "nodata"\n\n[guards]')
    site.config.write_text(text)
    site.ok("block", "quiet.example")
    assert site.answer("quiet.example") == "nodata"


def test_an_allowed_name_resolves_inside_a_block(shared: Site) -> None:
    shared.ok("block", "wide.example")
    shared.ok("allow", "good.wide.example")
    alive = ["good.wide.example", "a.good.wide.example"]
    assert shared.answers(alive) == dict.fromkeys(alive, REAL)
    dead = ["wide.example", "bad.wide.example"]
    assert shared.answers(dead) == dict.fromkeys(dead, "NXDOMAIN")


def test_an_exception_leaves_no_gap_in_the_block_around_it(shared: Site) -> None:
    shared.ok("block", "evil.org")
    shared.ok("allow", "x.good.evil.org")
    dead = ["evil.org", "good.evil.org", "y.good.evil.org", "z.y.good.evil.org", "a.evil.org"]
    assert shared.answers(dead) == dict.fromkeys(dead, "NXDOMAIN")
    alive = ["x.good.evil.org", "a.x.good.evil.org", "b.a.x.good.evil.org"]
    assert shared.answers(alive) == dict.fromkeys(alive, REAL)


def test_an_exact_exception_covers_nothing_below_it(shared: Site) -> None:
    shared.ok("block", "bad.org")
    shared.ok("allow", "x.good.bad.org", "--exact")
    assert shared.answer("x.good.bad.org") == REAL
    dead = ["a.x.good.bad.org", "good.bad.org", "y.good.bad.org"]
    assert shared.answers(dead) == dict.fromkeys(dead, "NXDOMAIN")


def test_a_block_inside_an_exception_inside_a_block(shared: Site) -> None:
    shared.ok("block", "worse.org")
    shared.ok("allow", "b.worse.org")
    shared.ok("block", "x.a.b.worse.org", "--action", "nodata")
    assert shared.answer("worse.org") == "NXDOMAIN"
    alive = ["b.worse.org", "a.b.worse.org", "y.a.b.worse.org"]
    assert shared.answers(alive) == dict.fromkeys(alive, REAL)
    assert shared.answer("z.x.a.b.worse.org") == "nodata"


def test_an_unblocked_name_resolves_again(shared: Site) -> None:
    shared.ok("block", "mistake.example")
    done = shared.ok("unblock", "mistake.example")
    assert "mistake.example" in done.stdout
    assert shared.answer("mistake.example") == REAL
    assert shared.answer("www.mistake.example") == REAL
    assert "mistake.example" not in shared.block_list.read_text()


def test_an_unallowed_name_is_blocked_again(shared: Site) -> None:
    shared.ok("block", "around.example")
    shared.ok("allow", "in.around.example")
    shared.ok("unallow", "in.around.example")
    assert shared.answer("in.around.example") == "NXDOMAIN"


def test_many_names_go_live_together(shared: Site) -> None:
    before = shared.current
    names = [f"n{i}.many.example" for i in range(30)]
    shared.ok("block", *names)
    assert shared.answers(names) == dict.fromkeys(names, "NXDOMAIN")
    assert int(shared.current) == int(before) + 1


def test_what_was_said_of_a_rule_is_kept_with_it(shared: Site) -> None:
    said = ("--reason", 'phish: "bank"; see #7', "--ticket", "INC-7", "--by", "anna")
    shared.ok("block", "said.example", *said, "--expires", "2999-12-31")
    rules = shared.ok("list", "--json").json()["rules"]
    rule = next(rule for rule in rules if rule["name"] == "said.example")
    assert rule["reason"] == 'phish: "bank"; see #7'
    assert (rule["ticket"], rule["by"]) == ("INC-7", "anna")
    assert rule["expires"] == "2999-12-31T23:59:59Z"
    assert rule["at"].endswith("Z")
    assert "said.example" in shared.ok("list").stdout


def test_the_invoking_user_is_known_through_sudo(shared: Site) -> None:
    done = shared.cli("block", "sudo.example", "--json", env={"SUDO_USER": "berta"})
    assert done.json()["results"][0]["rule"]["by"] == "berta"
