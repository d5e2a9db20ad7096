"""Templates of the operator's own: whole ones, blocks, and broken ones."""

import shutil
from pathlib import Path

import pytest

from tests.servers import REAL, Site

SHIPPED = Path(__file__).parents[2] / "templates" / "bind"


def test_one_block_of_a_shipped_template_is_extended(site: Site) -> None:
    site.template(
        "sinkhole.zone.j2",
        '{% extends "shipped/bind/sinkhole.zone.j2" %}\n'
        "{% block data %}\n{{ super() }}\n@ IN MX 0 .\n{% endblock %}\n",
    )
    site.ok("block", "hole.example", "--via", "zone")
    assert site.answer("hole.example", "MX") == "0 ."
    assert site.answer("hole.example") == "127.0.0.1"


def test_a_file_of_the_same_name_replaces_a_shipped_template(site: Site) -> None:
    text = (SHIPPED / "rpz.zone.j2").read_text()
    assert "{{ owner }} CNAME ." in text
    site.template(
        "rpz.zone.j2", text.replace("{{ owner }} CNAME .", '{{ owner }} TXT "blocked"', 1)
    )
    site.ok("block", "evil.example", "--action", "sinkhole")
    assert site.answer("evil.example") == "127.0.0.1"
    zone = (site.output / "current" / "local.rpz.zone").read_text()
    assert "s2" in zone


def test_an_edited_template_goes_live_with_apply(site: Site) -> None:
    site.ok("block", "evil.example", "--action", "sinkhole")
    text = (SHIPPED / "rpz.zone.j2").read_text()
    site.template("rpz.zone.j2", text.replace("A {{ sinkhole.ipv4 }}", "A 192.0.2.66"))
    site.setting("")
    text = site.config.read_text().replace(
        "[guards]", '[sinkhole]\nipv4 = "192.0.2.66"\n\n[guards]'
    )
    site.config.write_text(text)
    site.ok("apply")
    assert site.answer("evil.example") == "192.0.2.66"


def test_a_template_is_edited_between_two_runs(site: Site) -> None:
    extend = '{% extends "shipped/bind/sinkhole.zone.j2" %}\n{% block data %}{{ super() }}'
    site.ok("block", "hole.example", "--via", "zone")
    for preference in ("10", "20"):
        site.template(
            "sinkhole.zone.j2", f"{extend}@ IN MX {preference} mx.example.\n{{% endblock %}}\n"
        )
        site.ok("apply")
        assert site.answer("hole.example", "MX") == f"{preference} mx.example."


def test_a_fragment_is_extended(site: Site) -> None:
    site.template(
        "zones.conf.j2",
        '{% extends "shipped/bind/zones.conf.j2" %}\n'
        "{% block sinkhole_zones %}{{ super() }}// ours\n{% endblock %}\n",
    )
    site.ok("block", "hole.example", "--via", "zone")
    assert "// ours" in (site.output / "current" / "zones.conf").read_text()
    assert site.answer("hole.example") == "127.0.0.1"


def extended(template: str, block: str, text: str) -> tuple[str, str]:
    """Return a template that differs from the shipped one in one block."""
    head = f'{{% extends "shipped/bind/{template}" %}}\n'
    return template, f"{head}{{% block {block} %}}\n{text}\n{{% endblock %}}\n"


def beside_the_canary(text: str) -> tuple[str, str]:
    return extended("rpz.zone.j2", "canary", "{{ super() }}" + text)


def recorded_as(text: str) -> tuple[str, str]:
    call = "{% call(owner, action) records() %}\n" + text + "\n{% endcall %}"
    return extended("rpz.zone.j2", "records", call)


SOA = "@ SOA localhost. root.localhost. {{ serial }} 1 1 1 1\n"
FIXED = SOA.replace("{{ serial }}", "7")
NS = "@ NS localhost.\n"
BROKEN = {
    "syntax": ("rpz.zone.j2", "{% block head %}\n{{ nothing"),
    "unknown value": extended("rpz.zone.j2", "head", "{{ nonsense }}"),
    "no SOA": extended("rpz.zone.j2", "head", "$TTL 60\n; {{ serial }}\n" + NS),
    "no NS": extended("rpz.zone.j2", "head", "$TTL 60\n" + SOA),
    "no serial": extended(
        "rpz.zone.j2", "head", "$TTL 60\n" + SOA.replace("{{ serial }}", "7") + NS
    ),
    "no canary": extended("rpz.zone.j2", "canary", ""),
    "no records": extended("rpz.zone.j2", "records", ""),
    "bad record": beside_the_canary("bad..name CNAME .\n"),
    "out of zone": beside_the_canary("www.other.example. CNAME .\n"),
    "directive": beside_the_canary("$ORIGIN com.\n"),
    "include": beside_the_canary("$INCLUDE /etc/hostname\n"),
    "not ASCII": beside_the_canary("; für\n"),
    "record on the name": recorded_as("{{ owner | upper }} CNAME ."),
    "redirect": recorded_as("{{ owner }} CNAME rpz-passthru"),
    "extends nothing": ("rpz.zone.j2", '{% extends "shipped/bind/none.j2" %}'),
    "raises": ("options.conf.j2", "{{ 1 // 0 }}"),
    "broken options": ("options.conf.j2", "response-policy { zone oops\n"),
    "broken zones": extended("zones.conf.j2", "sinkhole_zones", "zone {"),
    "broken sinkhole": extended("sinkhole.zone.j2", "data", "@ A 300.1.2.3\n"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_template_is_refused_and_nothing_is_published(site: Site, case: str) -> None:
    site.ok("block", "held.example")
    before = site.files()
    name, text = BROKEN[case]
    site.template(name, text)
    done = site.cli("block", "new.example")
    assert done.status == 4, done
    assert "Traceback" not in done.stderr
    assert site.files() == before
    assert site.answer("held.example") == "NXDOMAIN"
    assert site.answer("new.example") == REAL


@pytest.mark.parametrize("case", BROKEN)
def test_check_and_status_tell_a_broken_template(site: Site, case: str) -> None:
    site.ok("block", "evil.example", "--no-apply")
    before = site.files()
    name, text = BROKEN[case]
    site.template(name, text)
    done = site.cli("check", "--json")
    assert done.status == 4, done
    assert done.json()["ok"] is False
    status = site.cli("status", "--json")
    assert status.status == 0
    assert status.json()["pending"] is True
    assert site.files() == before


def test_a_fault_in_a_template_is_told_with_file_and_line(site: Site) -> None:
    path = site.template("options.conf.j2", "{# one #}\n{# two #}\n{{ 1 // 0 }}\n")
    assert f"{path}:3" in site.cli("apply").stderr
    path = site.template("options.conf.j2", "{# one #}\n{% for %}\n")
    assert f"{path}:2" in site.cli("apply").stderr


def test_a_mended_template_lets_the_next_change_through(site: Site) -> None:
    site.template("rpz.zone.j2", "{{ broken")
    assert site.cli("block", "evil.example").status == 4
    shutil.rmtree(site.repo / "templates")
    site.ok("block", "evil.example")
    assert site.answer("evil.example") == "NXDOMAIN"
