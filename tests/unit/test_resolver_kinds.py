"""What the kinds of resolvers share: fragments, names, what they cannot do, includes."""

from pathlib import Path

import pytest

from rpzctl import abilities, config, fragments, includes, process
from rpzctl.errors import RpzctlError
from rpzctl.names import Domain
from rpzctl.plan import Candidate
from rpzctl.render import environment
from rpzctl.resolver_settings import RESOLVERS, PdnsRecursorSettings, UnboundSettings
from rpzctl.resolvers import Answer, Marks, Question
from rpzctl.resolvers.verify import Expectation, mismatch
from rpzctl.rows import QuickRows
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope, parse_action
from rpzctl.triggers import Trigger, owner_of

PUBLISHED = Path("/srv/out/current")


def house(folder: Path, *kinds: str) -> config.Config:
    path = folder / "rpzctl.toml"
    resolvers = "".join(f'[[resolver]]\nkind = "{kind}"\n' for kind in kinds)
    path.write_text(f'[paths]\noutput = "out"\nstate = "state"\n{resolvers}')
    return config.load(path)


def drawn(folder: Path, *kinds: str) -> dict[str, str]:
    made = house(folder, *kinds)
    zones = ["local.rpz", "ads.rpz"]
    return fragments.drawn(environment(made), made, PUBLISHED, zones, ["victim.example"], [])


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ((), {"options.conf", "zones.conf"}),
        (("bind",), {"options.conf", "zones.conf"}),
        (("unbound",), {"unbound.conf", "sinkholes.rpz"}),
        (("knot", "pdns-recursor"), {"knot.lua", "pdns-recursor.lua", "sinkholes.rpz"}),
        (("bind", "unbound"), {"options.conf", "zones.conf", "unbound.conf", "sinkholes.rpz"}),
    ],
)
def test_only_configured_kinds_have_fragments(
    tmp_path: Path, kinds: tuple[str, ...], names: set[str]
) -> None:
    assert names == set(drawn(tmp_path, *kinds))


def test_zones_stand_in_order_of_precedence_with_sinkholes_first(tmp_path: Path) -> None:
    made = drawn(tmp_path, "unbound", "pdns-recursor", "knot")
    for name in ("unbound.conf", "pdns-recursor.lua"):
        places = [made[name].index(f"{PUBLISHED}/{file}") for file in ("sinkholes.rpz",)]
        places += [made[name].index(f"{PUBLISHED}/{z}.zone") for z in ("local.rpz", "ads.rpz")]
        assert sorted(places) == places, name
    assert 'local order = { "sink", "local.rpz", "ads.rpz" }' in made["knot.lua"]
    assert "victim.example 60 A 127.0.0.1\n" in made["sinkholes.rpz"]
    assert "*.victim.example 60 AAAA ::1\n" in made["sinkholes.rpz"]


def test_another_set_or_order_of_zones_gives_unbound_all_new_names() -> None:
    sets = (["local.rpz"], ["local.rpz", "ads.rpz"], ["ads.rpz", "local.rpz"])
    names = [fragments.unbound_names(each) for each in sets]
    assert names[0] == fragments.unbound_names(["local.rpz"])
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert set() == set(names[one].values()) & set(names[other].values())
    assert max(len(name) for each in names for name in each.values()) < len("local.rpz")


def test_a_fragment_that_is_gone_is_told_and_another_kinds_is_not_missed(tmp_path: Path) -> None:
    for name, text in drawn(tmp_path, "unbound").items():
        (tmp_path / name).write_text(text)
    assert {"unbound.conf", "sinkholes.rpz"} == set(fragments.published(tmp_path))
    (tmp_path / "sinkholes.rpz").unlink()
    with pytest.raises(RpzctlError, match=r"sinkholes\.rpz: it is gone"):
        fragments.published(tmp_path)


def test_the_table_speaks_of_each_kind_action_and_trigger() -> None:
    assert list(RESOLVERS) == list(abilities.ABILITIES) == list(fragments.FILES)
    for able in abilities.ABILITIES.values():
        assert set(Kind) == set(able.actions)
        assert set(Trigger) == set(able.triggers)


def test_what_a_kind_cannot_do_is_found_in_a_zone_file(tmp_path: Path) -> None:
    path = tmp_path / "x.zone"
    path.write_text(
        "$TTL 60\na.example CNAME .\na.example CNAME garden.example.\nb.example CNAME .\n"
        "b.example CNAME .\n24.0.2.0.192.rpz-client-ip CNAME rpz-drop.\n"
    )

    def messages(kind: str) -> list[str]:
        return [finding.message for finding in abilities.of_zone_file(kind, "x.rpz", path)]

    assert [] == messages("bind") == messages("unbound")
    twice, shared = messages("pdns-recursor")
    assert "disable-packetcache" in shared
    assert "stands twice" in twice
    assert "first: b.example CNAME ." in twice
    garden, client = messages("knot")
    assert "action cname: left out" in garden
    assert "first: a.example CNAME garden.example." in garden
    assert "trigger client-ip: never matches" in client


def test_what_a_kind_cannot_do_is_an_error_before_it_is_published() -> None:
    garden = parse_action("cname:garden.example")
    shapes = {garden: ("", " CNAME garden.example.\n")}
    wild = {parse_action("cname:*.garden.example"): ("", " CNAME *.garden.example.\n")}
    [told] = abilities.of_shapes("unbound", "x.rpz", wild)
    assert ("error", True) == (told.severity, "begins with an asterisk" in told.message)
    assert [] == abilities.of_shapes("unbound", "x.rpz", shapes)
    assert [] == abilities.of_shapes("pdns-recursor", "x.rpz", wild)
    [found] = abilities.of_shapes("knot", "x.rpz", shapes)
    assert ("error", "x.rpz") == (found.severity, found.where)
    assert [] == abilities.of_shapes("bind", "x.rpz", shapes)


def test_a_rule_that_ends_a_resolver_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.zone"
    path.write_text("a.example.rpz-nsdname CNAME rpz-tcp-only.\nb.example CNAME rpz-tcp-only.\n")
    cut = Action(Kind.TCP_ONLY)
    rows = QuickRows(
        tuple(
            Row(owner_of(text, trigger), Scope.EXACT, cut)
            for text, trigger in (("192.0.2.1", Trigger.NSIP), ("b.example", Trigger.QNAME))
        )
    )
    for kind in RESOLVERS:
        found = [
            *abilities.of_zone_file(kind, "x.rpz", path),
            *abilities.of_candidate(kind, Candidate(Domain("x.rpz"), rows=rows)),
        ]
        said = [each.message for each in found if each.severity == "error"]
        if kind == "unbound":
            assert len(said) == 2
            assert "tcp-only by trigger nsdname ends it (unbound)" in said[0]
            assert "tcp-only by trigger ns-ip ends it (unbound)" in said[1]
        else:
            assert said == []


LOCAL, ADS = "local.rpz", "ads.rpz"
ASKED = Question("evil.example")
NXDOMAIN = Answer(ASKED, "NXDOMAIN", bare=True)
REAL = Answer(ASKED, "NOERROR", (("A", "192.0.2.1"),))
NONE = Answer(ASKED)


@pytest.mark.parametrize(
    ("marks", "action", "zones", "got", "fits"),
    [
        (Marks.AUTHORITATIVE, "nxdomain", (LOCAL,), NXDOMAIN._replace(authoritative=True), True),
        (Marks.AUTHORITATIVE, "nxdomain", (LOCAL,), NXDOMAIN, False),
        (Marks.AUTHORITATIVE, "nxdomain", (LOCAL,), REAL, False),
        (Marks.AUTHORITATIVE, "nxdomain", (LOCAL, ADS), REAL._replace(authoritative=True), True),
        (Marks.AUTHORITATIVE, "nxdomain", (LOCAL, ADS), REAL, False),
        (Marks.AUTHORITATIVE, "passthru", (LOCAL,), REAL, True),
        (Marks.AUTHORITATIVE, "passthru", (LOCAL,), REAL._replace(authoritative=True), False),
        (Marks.AUTHORITATIVE, "drop", (LOCAL,), NONE, True),
        (Marks.AUTHORITATIVE, None, (LOCAL,), REAL._replace(authoritative=True), True),
        (Marks.MATCH, "nxdomain", (LOCAL,), NXDOMAIN._replace(policy_zone=LOCAL), True),
        (Marks.MATCH, "nxdomain", (LOCAL,), NXDOMAIN, False),
        (Marks.MATCH, "passthru", (LOCAL,), REAL._replace(policy_zone=LOCAL), True),
        (Marks.MATCH, "passthru", (LOCAL,), NXDOMAIN._replace(policy_zone=LOCAL), False),
        (Marks.MATCH, "passthru", (LOCAL,), REAL._replace(policy_zone=ADS), False),
        (Marks.ZONE, "passthru", (LOCAL,), REAL._replace(policy_zone=LOCAL), False),
        (Marks.MATCH, None, (LOCAL,), REAL._replace(policy_zone=LOCAL), False),
        (Marks.NONE, "nxdomain", (LOCAL,), NXDOMAIN, True),
        (Marks.NONE, "nxdomain", (LOCAL,), REAL, False),
        (Marks.NONE, "nxdomain", (LOCAL, ADS), REAL, True),
        (Marks.NONE, "passthru", (LOCAL,), REAL, True),
        (Marks.NONE, "passthru", (LOCAL,), REAL._replace(truncated=True), False),
        (Marks.NONE, "drop", (LOCAL,), NONE, True),
        (Marks.NONE, None, (LOCAL,), REAL, True),
    ],
)
def test_an_answer_proves_as_much_as_its_kind_tells(
    marks: Marks, action: str | None, zones: tuple[str, ...], got: Answer, fits: bool
) -> None:
    planned: Action | None = PASSTHRU if action == "passthru" else None
    if planned is None and action is not None:
        planned = parse_action(action)
    told = mismatch(Expectation(ASKED, planned, zones), got, config.Sinkhole(), marks)
    assert fits == (told is None), told


def unbound(folder: Path, text: str) -> UnboundSettings:
    path = folder / "unbound.conf"
    path.write_text(text.replace("OUT", str(PUBLISHED)))
    return UnboundSettings(kind="unbound", unbound_conf=path)


@pytest.mark.parametrize(
    "text",
    [
        'server:\n module-config: "respip iterator"\ninclude: "OUT/unbound.conf"\n',
        "server:\n module-config: respip iterator\ninclude: OUT/unbound.conf # ours\n",
        "server:\n module-config: 'respip iterator'\ninclude: \"OUT/unbound.conf\"\n",
        'server:\n module-config: "respip iterator"\ninclude-toplevel: "OUT/unbound.conf"\n',
    ],
)
def test_an_include_of_unbound_is_seen(tmp_path: Path, text: str) -> None:
    assert [] == includes.not_included(unbound(tmp_path, text), PUBLISHED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('# include: "OUT/unbound.conf"\n', "does not include"),
        ('include: "OUT/unbound.conf"\n', "does not begin with respip"),
        (
            'server:\n module-config: "iterator"\ninclude: "OUT/unbound.conf"\n',
            "does not begin with respip",
        ),
    ],
)
def test_what_unbound_lacks_is_told(tmp_path: Path, text: str, told: str) -> None:
    [found] = includes.not_included(unbound(tmp_path, text), PUBLISHED)
    assert told in found.message


@pytest.mark.skipif(process.find("unbound-checkconf") is None, reason="make engines")
def test_a_broken_fragment_or_configuration_of_unbound_is_found(tmp_path: Path) -> None:
    whole = 'server:\n module-config: "respip iterator"\ninclude: "OUT/unbound.conf"\n'
    settings = unbound(tmp_path, whole)
    good = drawn(tmp_path, "unbound")
    assert [] == includes.configuration(settings, good, PUBLISHED)
    found = includes.configuration(settings, {**good, "unbound.conf": "bogus: 1\n"}, PUBLISHED)
    assert "bogus" in found[0].message
    found = includes.configuration(unbound(tmp_path, whole + "nonsense: 2\n"), good, PUBLISHED)
    assert "nonsense" in found[0].message
    none = UnboundSettings(kind="unbound", unbound_conf=tmp_path / "none.conf")
    assert [] == includes.configuration(none, good, PUBLISHED)


@pytest.mark.parametrize(
    ("conf", "lua", "told"),
    [
        ("lua-config-file=OUT/pdns-recursor.lua\nextended-resolution-errors=yes\n", "", None),
        ("lua-config-file=HERE\nextended-resolution-errors=yes\n", 'dofile("OUT")', None),
        ("include-dir=HERE.d\n", "", None),
        ("lua-config-file=HERE\nextended-resolution-errors=yes\n", "-- none", "does not include"),
        ("extended-resolution-errors=yes\n", "", "does not include"),
        ("lua-config-file=OUT/pdns-recursor.lua\n", "", "extended-resolution-errors is not on"),
    ],
)
def test_what_pdns_recursor_lacks_is_told(
    tmp_path: Path, conf: str, lua: str, told: str | None
) -> None:
    fragment = str(PUBLISHED / "pdns-recursor.lua")
    text = conf.replace("OUT/pdns-recursor.lua", fragment).replace("HERE", f"{tmp_path}/x.lua")
    (tmp_path / "recursor.conf").write_text(text)
    (tmp_path / "x.lua").write_text(lua.replace("OUT", fragment))
    more = tmp_path / "x.lua.d"
    more.mkdir()
    (more / "10.conf").write_text(f"lua-config-file={fragment}\nextended-resolution-errors=yes\n")
    found = includes.not_included(
        PdnsRecursorSettings(kind="pdns-recursor", config_dir=tmp_path), PUBLISHED
    )
    assert told is None or told in found[0].message
    assert (told is None) == (not found)
