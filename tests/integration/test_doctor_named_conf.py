"""`rpzctl doctor`: faults of named.conf, each really made, and mended as it says."""

import re

import pytest

from rpzctl import doctor
from tests.integration.examining import becomes_well, found, mend, one
from tests.integration.test_drift import rndc
from tests.servers import Site


def test_a_site_that_is_well_has_no_fault(well: Site) -> None:
    done = well.ok("doctor", "--json")
    value = done.json()
    assert value["ok"]
    assert 0 == value["counts"]["fault"]
    ids = [finding["id"] for finding in value["findings"]]
    assert [doctor.id_of(each) for each in doctor.EXAMINATIONS] == list(dict.fromkeys(ids))
    assert {"git-repo", "rndc-key"} == {
        finding["id"] for finding in value["findings"] if finding["state"] == "warning"
    }


def test_missing_includes_are_told_with_place_and_line(well: Site) -> None:
    well.named.configure("", "")
    rndc(well, "reconfig")
    options, zones = found(well, "includes")
    assert options.where == f"{well.named.conf}:3"
    assert f'inside options {{ }}:\ninclude "{well.output}/current/options.conf";' in options.fix
    assert [] != found(well, "running-zones", "live")
    mend(well, zones)
    mend(well, options)
    assert [] == found(well, "includes", "include-place", "named-conf")
    well.ok("apply")
    becomes_well(well, "live", "running-zones")


VIEWS = """\
view "inside" {
    match-clients { 127.0.0.1; };
    zone "." { type primary; file "internet.zone"; };
};
view "guests" {
    zone "." { type primary; file "internet.zone"; };
};
"""


def views(site: Site, options: str = "", zones: str = "") -> None:
    """Write a named.conf with two views."""
    site.named.configure(options, "")
    text = site.named.conf.read_text()
    text = re.sub(r'(?m)^zone "\."[^\n]*\n', "", text) + zones + VIEWS
    site.named.conf.write_text(text)


def test_each_view_needs_the_policy(well: Site) -> None:
    views(well)
    rndc(well, "reconfig")
    options, zones = found(well, "includes")
    mend(well, zones)
    mend(well, options)
    assert [] == found(well, "includes", "include-place", "named-conf")
    current = well.output / "current"
    views(well)
    text = well.named.conf.read_text()
    both = f'{{ include "{current}/options.conf"; include "{current}/zones.conf";'
    well.named.conf.write_text(text.replace('"inside" {', '"inside" ' + both))
    rndc(well, "reconfig")
    guests = one(well, "view-policy", "warning")
    assert 'view "guests" has no response-policy' in guests.what
    mend(well, guests)
    becomes_well(well, "named-conf", "live")
    assert "2 views have the policy" in one(well, "view-policy").what


def test_a_policy_for_all_views_needs_the_zones_in_each(well: Site) -> None:
    views(well, f'include "{well.output}/current/options.conf";')
    zones = f'include "{well.output}/current/zones.conf";'
    text = well.named.conf.read_text()
    well.named.conf.write_text(text.replace('"inside" {', '"inside" { ' + zones))
    lacking = one(well, "view-policy")
    assert 'view "guests" does not have the policy zones local.rpz' in lacking.what
    mend(well, lacking)
    assert [] == found(well, "named-conf")
    assert "2 views have the policy" in one(well, "view-policy").what


@pytest.mark.parametrize(
    ("options", "zones", "in_views"),
    [
        ("", "{options}\n{zones}", False),
        ("{options}\n{zones}", "", False),
        ("{options}", "{zones}\n", True),
        ("{options}\n{options}", "{zones}", False),
    ],
    ids=["options.conf at the top", "zones.conf in options", "zones.conf beside views", "twice"],
)
def test_an_include_in_the_wrong_place(
    well: Site, options: str, zones: str, *, in_views: bool
) -> None:
    lines = {name: f'include "{well.output}/current/{name}.conf";' for name in ("options", "zones")}
    options, zones = options.format_map(lines), zones.format_map(lines)
    views(well, options, zones) if in_views else well.named.configure(options, zones)
    assert [] != found(well, "named-conf"), "named would not take it"
    finding = one(well, "include-place")
    mend(well, finding)
    becomes_well(well, "include-place", "includes", "named-conf", "live")


def test_an_include_of_one_generation_is_told(well: Site) -> None:
    generation = (well.output / "current").resolve()
    text = well.named.conf.read_text()
    pinned = text.replace("current/options.conf", f"generations/{generation.name}/options.conf")
    well.named.conf.write_text(pinned)
    finding = one(well, "include-place")
    assert "from one generation" in finding.what
    assert f'write there: include "{well.output}/current/options.conf";' in finding.fix


def by_hand(site: Site, policy: str) -> None:
    """Write a response-policy by hand in the place of options.conf."""
    home = site.home
    (home / "other.zone").write_text("$TTL 60\n@ SOA . . 1 1 1 1 1\n@ NS .\nx.test CNAME .\n")
    site.named.configure(
        f"response-policy {policy};",
        f'include "{site.output}/current/zones.conf";\n'
        f'zone "other.rpz" {{ type primary; file "{home}/other.zone"; }};',
    )
    rndc(site, "reconfig")


TAIL = "break-dnssec yes qname-wait-recurse no min-update-interval 0"


@pytest.mark.parametrize(
    ("only", "state", "policy", "says", "mended"),
    [
        (
            "policy-order",
            "fault",
            f'{{ zone "other.rpz"; zone "local.rpz"; }} {TAIL}',
            "other.rpz stands in front of the operator's local.rpz",
            f'{{ zone "local.rpz"; zone "other.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "fault",
            f'{{ zone "local.rpz" policy disabled; }} {TAIL}',
            "'policy disabled' takes the place of what local.rpz says",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "warning",
            '{ zone "local.rpz"; } break-dnssec no qname-wait-recurse no min-update-interval 0',
            "break-dnssec is no; rpzctl.toml says yes",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "warning",
            '{ zone "local.rpz"; } break-dnssec yes min-update-interval 0',
            "qname-wait-recurse is yes; rpzctl.toml says no",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "update-interval",
            "fault",
            '{ zone "local.rpz"; }',
            "min-update-interval is 60 s",
            '{ zone "local.rpz"; } min-update-interval 0',
        ),
        (
            "update-interval",
            "fault",
            '{ zone "local.rpz" min-update-interval 2m; } min-update-interval 0',
            "min-update-interval is 120 s",
            '{ zone "local.rpz" min-update-interval 1; } min-update-interval 0',
        ),
    ],
)
def test_a_policy_that_named_takes_and_does_not_do(
    well: Site, only: str, state: str, policy: str, says: str, mended: str
) -> None:
    by_hand(well, policy)
    finding = one(well, only, state)
    assert says in finding.what
    assert finding.where.startswith(f"{well.named.conf}:")
    by_hand(well, mended)
    assert [] == found(well, only)


def test_two_policies_and_no_recursion(well: Site) -> None:
    well.include(options='response-policy { zone "x.rpz"; };')
    second = one(well, "policy-statements")
    lines = well.named.conf.read_text().splitlines()
    assert "x.rpz" in lines[int(second.where.removeprefix(f"{well.named.conf}:")) - 1]
    assert "'response-policy' redefined" in found(well, "named-conf")[0].what
    well.include(options='response-policy { zone "x.rpz"; };'.replace("response-policy", "//"))
    assert [] == found(well, "policy-statements")
    text = well.named.conf.read_text()
    well.named.conf.write_text(text.replace("recursion yes", "recursion no"))
    assert "the policy has no effect" in one(well, "recursion", "warning").what


def test_more_policy_zones_than_named_takes(well: Site) -> None:
    many = " ".join(f'zone "z{number}.rpz";' for number in range(64))
    well.named.configure(f'response-policy {{ zone "local.rpz"; {many} }};', "")
    assert "65 policy zones; named takes 64" in one(well, "policy-count").what
