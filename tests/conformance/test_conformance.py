"""What every kind of resolver must do with the policy, asked of the real daemon.

What a kind cannot do stands in `rpzctl.abilities`, and so in docs/resolvers.md: the tests hold that
table against the daemons, both ways.
"""

import json
from pathlib import Path

from rpzctl.abilities import ABILITIES, CAN, NEVER
from rpzctl.differences import DIFFERENCES
from rpzctl.rpz import BLOCK_KINDS, Kind
from rpzctl.triggers import Trigger
from tests.asking import ask, reply
from tests.conformance.daemons import ConformingSite
from tests.servers import REAL

DOES = {
    Kind.NXDOMAIN: "NXDOMAIN",
    Kind.NODATA: "nodata",
    Kind.DROP: "no answer",
    Kind.TCP_ONLY: "truncated",
    Kind.SINKHOLE: "127.0.0.1",
    Kind.CNAME: f"garden.example. {REAL}",
    Kind.DATA: "198.51.100.7",
}


def feed(site: ConformingSite, name: str, text: str, **keys: str | bool) -> Path:
    """Define a feed that is a file, and write it."""
    path = site.home / f"{name}.txt"
    path.write_text(text)
    merged = {"url": path.as_uri(), "format": "domains", "zone": name, "enabled": True, **keys}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in merged.items()]
    (site.repo / "feeds" / f"{name}.toml").write_text("".join(lines))
    return path


def shown(action: Kind) -> str:
    more = {Kind.CNAME: "cname:garden.example", Kind.DATA: "data:A 198.51.100.7"}
    return more.get(action, str(action))


def test_block_and_unblock_are_live_and_proved(served: ConformingSite) -> None:
    done = served.ok("block", "evil.example", "--json").json()["applied"]
    assert (True, True) == (done["published"], done["proven"])
    dead = ["evil.example", "www.evil.example", "a.b.evil.example"]
    assert dict.fromkeys(dead, "NXDOMAIN") == served.answers(dead)
    assert REAL == served.answer("notevil.example")
    served.ok("unblock", "evil.example")
    assert dict.fromkeys(dead, REAL) == served.answers(dead)


def test_each_action_is_what_the_table_says(served: ConformingSite) -> None:
    able = ABILITIES[served.daemon.kind]
    can = [action for action in BLOCK_KINDS if able.actions[action] == CAN]
    rules = "".join(f'{action}.acts.example action="{shown(action)}"\n' for action in can)
    served.block_list.write_text(rules)
    assert served.ok("apply", "--json").json()["proven"]
    for action in can:
        for name in (f"{action}.acts.example", f"www.{action}.acts.example"):
            timeout = 0.4 if action is Kind.DROP else 5.0
            assert DOES[action] == served.daemon.answer(name, timeout=timeout), name
    if Kind.TCP_ONLY in can:
        assert REAL == served.answer("tcp-only.acts.example", tcp=True)
    assert "::1" == served.answer("sinkhole.acts.example", "AAAA")
    assert "DNS administrator" in served.answer("sinkhole.acts.example", "TXT")
    served.block_list.write_text("")
    assert served.ok("apply", "--json").json()["proven"]


def test_an_action_that_it_cannot_do_is_refused_before_it_is_published(
    served: ConformingSite,
) -> None:
    able = ABILITIES[served.daemon.kind]
    cannot = [action for action in BLOCK_KINDS if able.actions[action] != CAN]
    if not cannot:
        assert set(BLOCK_KINDS) == {a for a in able.actions if a is not Kind.PASSTHRU}
        return
    before = served.files()
    for action in cannot:
        done = served.cli("block", "cannot.example", "--action", shown(action))
        assert 4 == done.status, done
        assert str(action) in done.stderr
        assert served.daemon.kind in done.stderr
    assert before == served.files()
    assert REAL == served.answer("cannot.example")


def test_a_target_with_an_asterisk_is_as_the_table_says(served: ConformingSite) -> None:
    able = ABILITIES[served.daemon.kind]
    words = ("block", "wild.example", "--action", "cname:*.garden.example")
    if able.wildcard_targets == CAN == able.actions[Kind.CNAME]:
        served.ok(*words)
        assert f"wild.example.garden.example. {REAL}" == served.answer("wild.example")
        served.ok("unblock", "wild.example")
        return
    before = served.files()
    assert 4 == served.cli(*words).status
    assert before == served.files()
    served.ok(*words, "--no-apply")
    found = served.cli("check")
    assert (4, 1) == (found.status, found.stdout.count("[resolver]")), found
    assert "; first: wild.example cname:*.garden.example" in found.stdout
    served.ok("unblock", "wild.example")


def test_a_rule_that_ends_it_is_refused_before_it_is_published(served: ConformingSite) -> None:
    ends = ABILITIES[served.daemon.kind].ends
    before = served.files()
    for trigger, action in ends:
        subject = "192.0.2.53" if trigger is Trigger.NSIP else "ns.ends.example"
        done = served.cli("block", subject, "--trigger", trigger, "--action", action, "--force")
        assert 4 == done.status, done
        assert f"{action} by trigger {trigger} ends it" in done.stderr
    assert before == served.files()
    assert REAL == served.answer("ends.example")


TWICE = """\
{% extends "shipped/bind/rpz.zone.j2" %}
{% block records %}
{% call(owner, action) records() %}
{{ owner }} CNAME .
{{ owner }} CNAME .
{% endcall %}
{% endblock %}
"""


def test_records_that_stand_twice_are_refused_where_they_cost_the_zone(
    served: ConformingSite,
) -> None:
    template = served.template("rpz.zone.j2", TWICE)
    done = served.cli("block", "twice.example")
    template.unlink()
    if ABILITIES[served.daemon.kind].refuses_duplicates:
        assert 4 == done.status, done
        assert "stands twice" in done.stderr
    else:
        assert 0 == done.status, done
        assert "NXDOMAIN" == served.answer("twice.example")
        served.ok("apply")


def test_scopes(served: ConformingSite) -> None:
    served.block_list.write_text(
        "whole.scope.example\nonly.scope.example exact\n*.under.scope.example\n"
    )
    served.ok("apply")
    assert {
        "whole.scope.example": "NXDOMAIN",
        "a.b.whole.scope.example": "NXDOMAIN",
        "only.scope.example": "NXDOMAIN",
        "a.only.scope.example": REAL,
        "under.scope.example": REAL,
        "a.under.scope.example": "NXDOMAIN",
        "b.a.under.scope.example": "NXDOMAIN",
        "scope.example": REAL,
    } == served.answers(
        [
            *("whole.scope.example", "a.b.whole.scope.example"),
            *("only.scope.example", "a.only.scope.example"),
            *("under.scope.example", "a.under.scope.example", "b.a.under.scope.example"),
            "scope.example",
        ]
    )


def test_gaps_around_narrower_exceptions_are_filled(served: ConformingSite) -> None:
    served.block_list.write_text("gap.example\n")
    served.allow_list.write_text(
        "x.good.gap.example\n*.y.deep.er.gap.example\nz.gap.example exact\n"
    )
    served.ok("apply")
    served.allow_list.write_text("")
    dead = [
        *("gap.example", "a.gap.example", "good.gap.example", "y.good.gap.example"),
        *(
            "er.gap.example",
            "deep.er.gap.example",
            "y.deep.er.gap.example",
            "a.deep.er.gap.example",
        ),
        "a.z.gap.example",
    ]
    assert dict.fromkeys(dead, "NXDOMAIN") == served.answers(dead)
    open_ = [
        *("x.good.gap.example", "a.x.good.gap.example", "a.y.deep.er.gap.example"),
        *("b.a.y.deep.er.gap.example", "z.gap.example"),
    ]
    assert dict.fromkeys(open_, REAL) == served.answers(open_)


def test_what_a_cname_leads_to_is_as_the_table_says(served: ConformingSite) -> None:
    served.ok("block", "cloaked.example")
    assert "NXDOMAIN" == served.answer("cloaked.example")
    follows = ABILITIES[served.daemon.kind].cname_targets == CAN
    alias = served.answer("cloak.example")
    assert alias in ({"NXDOMAIN"} if follows else {f"cloaked.example. {REAL}"})


def test_triggers_on_addresses_are_as_the_table_says(served: ConformingSite) -> None:
    able = ABILITIES[served.daemon.kind]
    assert REAL == served.answer("any.example")
    if able.triggers[Trigger.RESPONSE_IP] == NEVER:
        before = served.files()
        for words in ((REAL,), ("127.0.0.2", "--trigger", "client-ip")):
            refused = served.cli("block", *words, "--force")
            assert (4, True) == (refused.status, "no resolver that is conf" in refused.stderr)
        assert before == served.files()
        return
    served.ok("block", REAL, "--force")
    assert "NXDOMAIN" == served.answer("some.example")
    served.ok("unblock", REAL)
    assert REAL == served.answer("more.example")
    done = served.ok("block", "127.0.0.2", "--trigger", "client-ip", "--force", "--json").json()
    assert "NXDOMAIN" == ask(served.daemon.port, "who.example", source="127.0.0.2")
    leaks = "given to others" in able.triggers[Trigger.CLIENT_IP]
    assert leaks == any("client-ip 127.0.0.2" in each for each in done["applied"]["warnings"])
    assert ("NXDOMAIN" if leaks else REAL) == served.answer("who.example")
    assert "client-ip" not in served.ok("block", "other.example").stderr, "it was told once"
    served.ok("unblock", "other.example")
    served.ok("unblock", "127.0.0.2", "--trigger", "client-ip")
    assert REAL == ask(served.daemon.port, "who2.example", source="127.0.0.2")


def test_a_command_tells_what_its_rule_means_otherwise(served: ConformingSite) -> None:
    known = {each.id for each in DIFFERENCES[served.daemon.kind]}
    if ABILITIES[served.daemon.kind].triggers[Trigger.CLIENT_IP] == NEVER:
        assert "client-passes" not in known
        return
    words = ("127.0.0.3", "--trigger", "client-ip", "--force")
    told = served.ok("allow", *words).stderr
    assert ("a client that passes is still blocked" in told) == ("client-passes" in known)
    served.ok("unallow", "127.0.0.3", "--trigger", "client-ip")
    served.ok("block", "ns.other.example", "--trigger", "nsdname", "--action", "cname:g.example")
    told = served.ok("block", "192.0.2.99", "--trigger", "ns-ip", "--force").stderr
    assert ("is an empty answer" in told) is False, "it was told with the rule that it is about"
    assert ("not held against name servers" in told) == ("cached-servers" in known)
    served.ok("unblock", "ns.other.example", "--trigger", "nsdname")
    served.ok("unblock", "192.0.2.99", "--trigger", "ns-ip")


def test_the_operator_comes_before_feeds_and_feeds_come_and_go(served: ConformingSite) -> None:
    served.block_list.write_text("both.feed.example action=sinkhole\n")
    served.allow_list.write_text("good.feed.example\n")
    served.ok("apply")
    path = feed(served, "malware", "both.feed.example\ngood.feed.example\nbad.feed.example\n")
    assert served.ok("sync", "--json").json()["applied"]["proven"]
    asked = ["both.feed.example", "good.feed.example", "bad.feed.example", "new.feed.example"]
    names = dict(zip(asked, ("127.0.0.1", REAL, "NXDOMAIN", REAL), strict=True))
    assert names == served.answers(names)
    path.write_text("both.feed.example\ngood.feed.example\nnew.feed.example\n")
    assert served.ok("sync", "--now", "--force", "--json").json()["applied"]["proven"]
    names |= {"bad.feed.example": REAL, "new.feed.example": "NXDOMAIN"}
    assert names == served.answers(names)
    served.ok("feeds", "disable", "malware")
    served.ok("apply")
    names |= {"new.feed.example": REAL}
    assert names == served.answers(names)
    live = served.ok("status", "--json").json()
    assert (True, ["local.rpz"]) == (live["live"], [zone["origin"] for zone in live["zones"]])


def test_an_answer_that_does_not_show_its_rule_is_not_called_right(
    served: ConformingSite,
) -> None:
    served.ok("allow", "known.example")
    if ABILITIES[served.daemon.kind].triggers[Trigger.RESPONSE_IP] == NEVER:
        served.ok("unallow", "known.example")
        return
    served.ok("block", REAL, "--action", "nodata", "--force")
    told = served.ok("test", "unasked.example", "--live", "--json").json()["live"]
    assert [None] == [each["agrees"] for each in told], told
    done = served.cli("test", "unasked2.example", "--answer", REAL, "--live")
    assert (0, True) == (done.status, "as the policy says" in done.stdout), done
    assert 2 == served.cli("test", "unasked.example", "--type", "ANY", "--live").status
    served.ok("unblock", REAL)
    served.ok("unallow", "known.example")


def test_how_long_answers_of_a_group_may_be_kept_is_as_the_table_says(
    served: ConformingSite,
) -> None:
    text = served.config.read_text()
    served.config.write_text(f'{text}\n[group.short]\naction = "sinkhole"\nmax_policy_ttl = 2\n')
    feed(served, "short", "kept.short.example\n")
    assert served.ok("sync", "--json").json()["applied"]["proven"]
    found = reply(served.daemon.port, "kept.short.example").answer[0].ttl
    bounded = ABILITIES[served.daemon.kind].max_ttl
    assert (found == 2) == bounded, found
    assert ("max_policy_ttl does nothing" in served.cli("check").stdout) != bounded
    served.ok("feeds", "disable", "short")
    served.config.write_text(text)
    served.ok("apply")


def test_what_the_evaluator_says_is_what_it_does(served: ConformingSite) -> None:
    served.block_list.write_text("said.example\nsunk.said.example action=sinkhole\n")
    served.allow_list.write_text("good.said.example\n")
    served.ok("apply")
    served.allow_list.write_text("")
    for name in ("a.said.example", "sunk.said.example", "good.said.example", "unsaid.example"):
        told = served.ok("test", name, "--answer", REAL, "--live", "--json").json()
        assert [True] == [each["agrees"] for each in told["live"]], told


def test_a_sinkhole_zone_comes_and_goes(served: ConformingSite) -> None:
    served.ok("block", "victim.example", "--via", "zone")
    assert "127.0.0.1" == served.answer("victim.example")
    assert "127.0.0.1" == served.answer("www.victim.example")
    assert REAL == served.answer("notvictim.example")
    served.ok("unblock", "victim.example")
    assert REAL == served.answer("www.victim.example")


def test_narrower_rules_hold_in_a_sinkhole_zone(served: ConformingSite) -> None:
    served.ok("block", "sunk.example", "--via", "zone")
    served.ok("block", "none.sunk.example", "--action", "nodata")
    served.ok("block", "a.one.sunk.example", "--exact", "--data", "A 198.51.100.7")
    served.ok("allow", "in.none.sunk.example", "--force")
    told = {
        "sunk.example": "127.0.0.1",
        "x.sunk.example": "127.0.0.1",
        "none.sunk.example": "nodata",
        "x.none.sunk.example": "nodata",
        "in.none.sunk.example": "127.0.0.1",
        "a.one.sunk.example": "198.51.100.7",
        "x.a.one.sunk.example": "127.0.0.1",
        "one.sunk.example": "127.0.0.1",
    }
    assert told == served.answers(told)
    assert served.cli("check").status == 0
    served.ok("unblock", "none.sunk.example", "a.one.sunk.example")
    assert "127.0.0.1" == served.answer("none.sunk.example")
    served.ok("unallow", "in.none.sunk.example")
    served.ok("unblock", "sunk.example")
    assert REAL == served.answer("none.sunk.example")


def test_a_change_that_does_not_come_true_is_undone(served: ConformingSite) -> None:
    served.ok("block", "held.example")
    served.daemon.configure(served.output / "current", foreign=True)
    served.daemon.restart()
    text = served.config.read_text()
    served.setting("timeout = 0.5")
    before = served.files()
    done = served.cli("block", "foreign.example")
    served.config.write_text(text)
    assert 5 == done.status, done
    assert "foreign.example A: planned nxdomain" in done.stderr
    assert "and proved live" in done.stderr
    assert before["block"] == served.files()["block"]
    assert "NXDOMAIN" == served.answer("held.example")
    assert REAL == served.answer("foreign.example")
    served.daemon.configure(served.output / "current")
    served.daemon.restart()


def test_a_resolver_that_is_gone_is_told_before_anything_changes(served: ConformingSite) -> None:
    served.daemon.stop()
    before = served.files()
    done = served.cli("block", "gone.example")
    assert 1 == done.status, done
    assert before == served.files()
    served.daemon.start()


def test_a_restart_serves_what_is_published(served: ConformingSite) -> None:
    served.ok("block", "stays.example")
    served.daemon.restart()
    assert "NXDOMAIN" == served.answer("stays.example")
    status = served.ok("status", "--json").json()
    assert status["live"]
    assert [zone["serial"]] == list(zone["live"].values()) if (zone := status["zones"][0]) else None


def test_check_finds_nothing_amiss(served: ConformingSite) -> None:
    assert {"ok": True, "findings": []} == served.ok("check", "--json").json()


def test_drift_is_found_and_mended(served: ConformingSite) -> None:
    served.ok("block", "drift.example")
    served.ok("block", "later.example", "--no-apply")
    served.ok("apply", "--no-reload")
    assert REAL == served.answer("later.example")
    found = served.ok("check", "--json").json()["findings"]
    assert ["live"] == [finding["id"] for finding in found]
    assert served.ok("apply", "--json").json()["proven"]
    assert "NXDOMAIN" == served.answer("later.example")
