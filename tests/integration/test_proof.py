"""What "live" and "put back" promise: asked of the resolver, whatever the command began with."""

import os
from pathlib import Path

from tests.servers import REAL, Site

FRONT = """\
@ 60 SOA . . 1 1 1 1 1
@ 60 NS .
new.example 60 CNAME rpz-passthru.
*.new.example 60 CNAME rpz-passthru.
"""


def feed(site: Site, text: str, **keys: str) -> Path:
    """Define an enabled feed of 300 names and more in the file `site.home`/list."""
    path = site.home / "list"
    path.write_text(text)
    said = {"url": path.as_uri(), "format": "domains", "zone": "ads", **keys}
    lines = [f'{key} = "{value}"\n' for key, value in said.items()]
    (site.repo / "feeds" / "list.toml").write_text("".join(lines) + "enabled = true\n")
    return path


NAMES = "".join(f"g{i}.bad.example\n" for i in range(300))


def test_a_failed_apply_puts_the_operators_zone_back(site: Site) -> None:
    """Another policy zone of named.conf lets through what a hand-edited rule blocks."""
    site.impatient()
    (site.home / "front.zone").write_text(FRONT)
    site.named.configure(
        'response-policy { zone "front.rpz"; zone "local.rpz"; } min-update-interval 0;',
        'zone "front.rpz" { type primary; file "front.zone"; };\n'
        f'include "{site.output}/current/zones.conf";',
    )
    site.named.stop()
    site.named.start()
    site.ok("block", "held.example")
    with site.block_list.open("a") as rules:
        rules.write("new.example\nother.example\n")
    done = site.cli("apply")
    assert done.status == 5, done
    assert "and proved live" in done.stderr
    zone = (site.output / "current" / "local.rpz.zone").read_text()
    assert "held.example" in zone
    assert "other.example" not in zone
    assert {"held.example": "NXDOMAIN", "other.example": REAL} == site.answers(
        ["held.example", "other.example"]
    )
    assert site.ok("status", "--json").json()["pending"] is True
    assert site.cli("apply").status == 5, "the rules are still there, and still not true"


def test_a_put_back_that_the_resolver_does_not_take_is_not_called_live(site: Site) -> None:
    site.impatient()
    site.ok("block", "held.example")
    fake = site.home / "bin"
    fake.mkdir()
    (fake / "rndc").write_text("#!/bin/sh\necho zone reload queued\n")
    (fake / "rndc").chmod(0o755)
    with site.block_list.open("a") as rules:
        rules.write("new.example\n")
    done = site.cli("apply", env={"PATH": f"{fake}{os.pathsep}{os.environ['PATH']}"})
    assert done.status == 5, done
    assert "but not proved live" in done.stderr
    assert site.ok("status", "--json").json()["live"] is False


def test_a_format_that_the_copy_is_not_in_keeps_the_names(site: Site) -> None:
    feed(site, NAMES)
    site.ok("sync")
    feed(site, NAMES, format="hosts")
    done = site.ok("apply")
    assert "keeps the names that were read before" in done.stderr
    assert "NXDOMAIN" == site.answer("g1.bad.example")


def test_a_clock_that_was_set_back_stops_no_change(site: Site) -> None:
    site.ok("block", "one.example")
    zone = site.output / "current" / "local.rpz.zone"
    ahead = zone.stat().st_mtime + 3600
    os.utime(zone, (ahead, ahead))
    site.named.stop()
    site.named.start()
    site.ok("block", "two.example")
    assert "NXDOMAIN" == site.answer("two.example")
    site.ok("unblock", "one.example")
    assert REAL == site.answer("one.example")


def test_damaged_zone_files_are_built_anew_by_apply(site: Site) -> None:
    feed(site, NAMES)
    site.ok("sync")
    site.ok("block", "held.example")
    (site.output / "current" / "ads.rpz.zone").unlink()
    (site.output / "current" / "local.rpz.zone").write_text("garbage\n")
    assert site.cli("check").status == 4
    done = site.cli("block", "more.example")
    assert (done.status, "'rpzctl apply' builds it anew" in done.stderr) == (1, True), done
    site.ok("apply")
    site.ok("check")
    site.named.stop()
    site.named.start()
    assert {"g1.bad.example": "NXDOMAIN", "held.example": "NXDOMAIN"} == site.answers(
        ["g1.bad.example", "held.example"]
    )
    site.ok("block", "more.example")


def test_a_template_that_makes_blocks_pass_is_undone(site: Site) -> None:
    site.impatient()
    site.ok("block", "held.example", "other.example")
    site.template(
        "rpz.zone.j2",
        '{% extends "shipped/bind/rpz.zone.j2" %}{% block records %}'
        "{% call(owner, action) records() %}\n{{ owner }} CNAME rpz-passthru.\n{% endcall %}"
        "{% endblock %}",
    )
    done = site.cli("apply")
    assert done.status == 5, done
    assert "does not answer as planned" in done.stderr
    assert "NXDOMAIN" == site.answer("held.example")


def test_a_template_that_drops_sinkhole_zones_is_undone(site: Site) -> None:
    site.impatient()
    site.ok("block", "victim.example", "--via", "zone")
    site.template(
        "zones.conf.j2",
        '{% extends "shipped/bind/zones.conf.j2" %}{% block sinkhole_zones %}{% endblock %}',
    )
    done = site.cli("apply")
    assert done.status == 5, done
    assert "127.0.0.1" == site.answer("victim.example")


def test_a_template_cannot_speak_of_names_that_no_rule_names(site: Site) -> None:
    site.template(
        "rpz.zone.j2",
        '{% extends "shipped/bind/rpz.zone.j2" %}{% block records %}'
        "{% call(owner, action) records() %}\n{{ owner }} CNAME .\nbystander.example CNAME .\n"
        "{% endcall %}{% endblock %}",
    )
    done = site.cli("block", "held.example")
    assert (done.status, "of another owner" in done.stderr) == (4, True), done
    assert REAL == site.answer("bystander.example")


def test_a_forced_exception_in_a_sinkhole_zone_is_told_and_stops_nothing(site: Site) -> None:
    site.ok("block", "evil.example", "--via", "zone")
    done = site.ok("allow", "x.evil.example", "--force")
    assert "without effect: evil.example is a sinkhole zone" in done.stderr
    site.ok("block", "other.example")
    site.ok("check")


def test_a_narrower_rule_of_the_other_kind_is_told(site: Site) -> None:
    site.ok("allow", "mix.example", "--exact")
    done = site.ok("block", "mix.example")
    assert "itself stays allowed by allow mix.example exact" in done.stderr
    assert {"mix.example": REAL, "a.mix.example": "NXDOMAIN"} == site.answers(
        ["mix.example", "a.mix.example"]
    )


def test_proven_means_asked_now(site: Site) -> None:
    site.ok("block", "held.example")
    assert site.ok("block", "held.example", "--json").json()["applied"]["proven"] is True
    assert "live on" not in site.ok("apply", "--no-reload").stdout
    site.named.stop()
    done = site.ok("block", "held.example", "--json").json()
    assert done["results"][0]["status"] == "already"
    assert done["applied"]["proven"] is False
    assert "does not listen for rndc" in done["applied"]["warnings"][0]


def test_the_old_operators_zone_goes_when_it_gets_another_name(site: Site) -> None:
    site.ok("block", "stale.example", "kept.example")
    site.setting('[policy]\noperator_zone = "ops.rpz"')
    site.ok("unblock", "stale.example")
    assert {"stale.example": REAL, "kept.example": "NXDOMAIN"} == site.answers(
        ["stale.example", "kept.example"]
    )
    zones = [zone["origin"] for zone in site.ok("status", "--json").json()["zones"]]
    assert ["ops.rpz"] == zones


def test_a_change_that_renames_the_operators_zone_is_undone_too(site: Site) -> None:
    site.impatient()
    site.ok("block", "held.example")
    fake = site.home / "bin"
    fake.mkdir()
    (fake / "rndc").write_text("#!/bin/sh\necho zone reload queued\n")
    (fake / "rndc").chmod(0o755)
    site.setting('[policy]\noperator_zone = "ops.rpz"')
    path = {"PATH": f"{fake}{os.pathsep}{os.environ['PATH']}"}
    done = site.cli("block", "new.example", env=path)
    assert done.status == 5, done
    assert "Traceback" not in done.stderr
    assert "the previous policy is published again" in done.stderr
    assert "new.example" not in site.block_list.read_text()
    site.ok("block", "new.example")
    assert {"held.example": "NXDOMAIN", "new.example": "NXDOMAIN"} == site.answers(
        ["held.example", "new.example"]
    )


def test_serials_rise_when_the_output_folder_is_lost(site: Site) -> None:
    site.ok("block", "held.example")
    before = site.serial()
    (site.output).rename(site.home / "moved-away")
    assert site.init("--no-git").status == 0
    assert site.serial() > before


def test_standard_input_may_begin_with_a_byte_order_mark(site: Site) -> None:
    done = site.cli("block", "-", "--no-apply", stdin="\ufeffsix.example\r\n")
    assert (done.status, "block six.example" in done.stdout) == (0, True), done
    assert site.cli("block", "x.example", "--expires", "").status == 2
    assert "recorded" not in site.ok("block", "six.example", "--no-apply").stdout


def test_symbols_that_uts_46_maps_are_names(site: Site) -> None:
    assert "xn--i-7iq.ws" in site.ok("block", "i\u2764.ws").stdout
    assert "NXDOMAIN" == site.answer("xn--i-7iq.ws")
