"""What goes wrong after the publish: the previous policy is back, and both causes are told."""

import os
import threading
from pathlib import Path

import pytest

from tests.servers import REAL, Result, Site, bare_site, find

ELSEWHERE = """\
{% extends "shipped/bind/zones.conf.j2" %}
{% block policy_zones %}
{% for zone in zones %}
zone "{{ zone }}" { type primary; file "/nowhere/{{ zone }}.zone"; };
{% endfor %}
{% endblock %}
"""
LAZY = """\
response-policy {
{% for zone in zones %} zone "{{ zone }}";
{% endfor %}
} min-update-interval 60;
"""


@pytest.fixture
def held(site: Site) -> Site:
    """Return a site where a name is blocked already, and changes get a second."""
    site.impatient()
    site.ok("block", "held.example")
    return site


def undone(site: Site, *told: str) -> Result:
    """Block a name; hold that it is undone, with the previous policy proved live again."""
    rules, serial = site.block_list.read_bytes(), site.serial()
    done = site.cli("block", "new.example")
    assert done.status == 5, done
    assert "Traceback" not in done.stderr
    for text in told:
        assert text in done.stderr
    assert "the previous policy is published again" in done.stderr
    assert "and proved live" in done.stderr
    assert site.block_list.read_bytes() == rules
    zone = (site.output / "current" / "local.rpz.zone").read_text()
    assert "held.example" in zone
    assert "new.example" not in zone
    assert site.serial() > serial
    return done


def serves_the_old_policy(site: Site) -> None:
    assert site.answer("held.example") == "NXDOMAIN"
    assert site.answer("new.example") == REAL


def goes_on(site: Site) -> None:
    """Hold that the next change goes live as if nothing had been."""
    site.ok("block", "next.example")
    assert site.answer("next.example") == "NXDOMAIN"
    assert site.answer("held.example") == "NXDOMAIN"
    status = site.ok("status", "--json").json()
    assert (status["live"], status["pending"]) == (True, False)


def test_a_policy_that_named_does_not_load_is_undone(held: Site) -> None:
    path = held.template("zones.conf.j2", ELSEWHERE)
    done = undone(held, "not found")
    assert "include lines" not in done.stderr, "they are there; the zone's file is not"
    serves_the_old_policy(held)
    path.unlink()
    goes_on(held)


def test_a_policy_that_takes_effect_too_late_is_undone(held: Site) -> None:
    """BIND's own default: a zone that just changed waits a minute for its next change's effect."""
    path = held.template("options.conf.j2", LAZY)
    held.ok("apply")
    rules = held.block_list.read_bytes()
    done = held.cli("block", "new.example")
    assert done.status == 5, done
    assert "did not take the new policy" in done.stderr
    assert "has no effect after 1 s" in done.stderr
    assert "putting the previous policy back" in done.stderr
    assert held.block_list.read_bytes() == rules
    serves_the_old_policy(held)
    path.unlink()
    held.ok("apply")
    goes_on(held)


def let_through_in_front(site: Site) -> None:
    """Have named let new.example through, whatever our policy says, and be impatient."""
    site.impatient()
    front = 'response-policy { zone "front.rpz"; zone "local.rpz"; } min-update-interval 0;'
    (site.home / "front.zone").write_text(
        "@ 60 SOA . . 1 1 1 1 1\n@ 60 NS .\n*.new.example 60 CNAME rpz-passthru.\n"
        "new.example 60 CNAME rpz-passthru.\n"
    )
    site.named.configure(
        front,
        f'zone "front.rpz" {{ type primary; file "front.zone"; }};\n'
        f'include "{site.output}/current/zones.conf";',
    )
    site.named.stop()
    site.named.start()


def test_an_undo_does_not_take_the_edit_of_another_hand_for_ours(site: Site) -> None:
    let_through_in_front(site)
    site.ok("block", "held.example")
    zone = (site.output / "current/local.rpz.zone").resolve()
    text = zone.read_text()
    assert "held.example CNAME ." in text
    zone.write_text(text.replace("held.example CNAME .", "held.example CNAME x."))
    assert site.cli("block", "new.example").status == 5
    found = site.cli("check", "--json")
    assert found.status == 4
    assert "drift" in {each["id"] for each in found.json()["findings"]}
    site.ok("apply")
    assert site.answer("held.example") == "NXDOMAIN"
    assert "drift" not in {each["id"] for each in site.cli("check", "--json").json()["findings"]}


@pytest.mark.parametrize("add_soa", [True, False])
def test_an_answer_that_is_not_as_planned_is_undone(site: Site, *, add_soa: bool) -> None:
    if not add_soa:
        site.config.write_text(f"[policy]\nadd_soa = false\n{site.config.read_text()}")
    let_through_in_front(site)
    site.ok("block", "held.example")
    done = undone(site, "does not answer as planned", "new.example A: planned nxdomain")
    assert "another zone or policy" in done.stderr
    serves_the_old_policy(site)
    goes_on(site)


@pytest.fixture
def pretender(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which `rndc` claims success and does nothing."""
    folder = tmp_path_factory.mktemp("bin")
    rndc = folder / "rndc"
    rndc.write_text("#!/bin/sh\necho zone reload queued\n")
    rndc.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_an_rndc_that_only_claims_success_is_not_believed(
    held: Site, pretender: dict[str, str]
) -> None:
    rules = held.block_list.read_bytes()
    done = held.cli("block", "new.example", env=pretender)
    assert done.status == 5, done
    assert "did not take the new policy" in done.stderr
    assert "putting the previous policy back" in done.stderr
    assert "not proved live" in done.stderr
    assert held.block_list.read_bytes() == rules
    serves_the_old_policy(held)
    goes_on(held)


def test_unblocking_is_undone_too(held: Site, pretender: dict[str, str]) -> None:
    rules = held.block_list.read_bytes()
    done = held.cli("unblock", "held.example", env=pretender)
    assert done.status == 5, done
    assert held.block_list.read_bytes() == rules
    serves_the_old_policy(held)
    goes_on(held)


def test_a_sinkhole_zone_is_undone(held: Site, pretender: dict[str, str]) -> None:
    rules = held.block_list.read_bytes()
    done = held.cli("block", "new.example", "--via", "zone", env=pretender)
    assert done.status == 5, done
    assert held.block_list.read_bytes() == rules
    assert "new.example" not in (held.output / "current" / "zones.conf").read_text()
    serves_the_old_policy(held)
    goes_on(held)


def test_an_apply_that_is_undone_keeps_the_edit_by_hand(
    held: Site, pretender: dict[str, str]
) -> None:
    held.block_list.write_text("held.example\nnew.example\n")
    assert held.cli("apply", env=pretender).status == 5
    assert held.block_list.read_text() == "held.example\nnew.example\n"
    serves_the_old_policy(held)
    held.ok("apply")
    assert held.answer("new.example") == "NXDOMAIN"


def test_a_named_without_the_includes_is_told(tmp_path: Path) -> None:
    find("named")
    site = bare_site(tmp_path)
    site.impatient()
    site.named.prepare()
    site.named.configure("", "")
    site.named.start()
    try:
        rules = site.block_list.read_bytes()
        done = site.cli("block", "new.example")
        assert done.status == 5, done
        assert "include" in done.stderr
        assert "not proved live" in done.stderr
        assert site.block_list.read_bytes() == rules
        assert site.answer("new.example") == REAL
    finally:
        site.named.stop()


def kill_named_at_the_flip(site: Site) -> threading.Thread:
    """Start to watch for the next publish, and kill named as soon as it is there."""
    before = site.current

    def watch() -> None:
        while site.current == before:
            pass
        site.named.kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_named_that_dies_between_publish_and_proof_loses_nothing(held: Site) -> None:
    rules = held.block_list.read_bytes()
    watch = kill_named_at_the_flip(held)
    done = held.cli("block", "new.example")
    watch.join(10)
    assert done.status == 5, done
    assert "putting the previous policy back" in done.stderr
    assert "not proved live" in done.stderr
    assert held.block_list.read_bytes() == rules
    held.named.start()
    serves_the_old_policy(held)
    goes_on(held)


def test_named_restarted_serves_what_is_published(held: Site) -> None:
    held.ok("block", "hole.example", "--via", "zone")
    held.named.stop()
    held.named.start()
    serves_the_old_policy(held)
    assert held.answer("hole.example") == "127.0.0.1"
    before = held.files()
    assert held.ok("apply", "--json").json()["published"] is False
    assert held.files() == before


def test_a_zone_that_named_lost_comes_back_with_apply(held: Site) -> None:
    """A named that was started on another configuration for a while, as after a bad deploy."""
    held.named.configure("", "")
    held.named.stop()
    held.named.start()
    assert held.answer("held.example") == REAL
    assert held.ok("status", "--json").json()["live"] is False
    held.include()
    done = held.ok("apply", "--json").json()
    assert (done["published"], done["proven"]) == (False, True)
    assert held.answer("held.example") == "NXDOMAIN"
