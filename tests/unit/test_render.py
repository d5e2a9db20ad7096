"""Templates to text: shapes of records, frames of zones, and what a template may not do."""

from pathlib import Path

import pytest

from rpzctl import check, config, render
from rpzctl.config import Config
from rpzctl.errors import CheckFailed
from rpzctl.names import Domain
from rpzctl.render import SERIAL_MARK, Drawn, character_strings, named_string
from rpzctl.rows import expand
from rpzctl.rpz import PASSTHRU, RECORDS, Action, Kind, parse_action

_ALONE = set(Kind) - {Kind.PASSTHRU, Kind.CNAME, Kind.DATA}
ACTIONS = [PASSTHRU, *(Action(kind) for kind in sorted(_ALONE))]
GARDEN = parse_action("cname:garden.example")
EXTENDS = '{% extends "shipped/bind/rpz.zone.j2" %}\n'


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    path = tmp_path / "rpzctl.toml"
    path.write_text(
        '[paths]\nstate = "state"\n[sinkhole]\nipv4 = "192.0.2.7"\nipv6 = "2001:db8::7"\n'
        'contact = "ask \\"us\\"; b\u00fccher"\nttl = 5\n[soa]\nttl = 60\n',
        encoding="utf-8",
    )
    return config.load(path)


def override(settings: Config, text: str, name: str = "rpz.zone.j2") -> Path:
    path = settings.repo / "templates" / "bind" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def draw(settings: Config, *actions: Action) -> Drawn:
    env = render.environment(settings)
    return render.zone(env, "bind/rpz.zone.j2", settings, "local.rpz", actions)


def failure(settings: Config, text: str, *actions: Action) -> CheckFailed:
    override(settings, text)
    with pytest.raises(CheckFailed) as caught:
        draw(settings, *(actions or (Action(Kind.NXDOMAIN),)))
    return caught.value


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("nxdomain", "x CNAME .\n"),
        ("nodata", "x CNAME *.\n"),
        ("drop", "x CNAME rpz-drop.\n"),
        ("tcp-only", "x CNAME rpz-tcp-only.\n"),
        ("passthru", "x CNAME rpz-passthru.\n"),
        ("cname:garden.example", "x CNAME garden.example.\n"),
        (
            "sinkhole",
            'x 5 A 192.0.2.7\nx 5 AAAA 2001:db8::7\nx 5 TXT "ask \\"us\\"\\; b\\195\\188cher"\n',
        ),
    ],
)
def test_each_action_has_its_records(settings: Config, action: str, expected: str) -> None:
    made = PASSTHRU if action == "passthru" else parse_action(action)
    shapes = draw(settings, made).shapes
    assert [made] == list(shapes)
    assert expected == expand(shapes[made], "x")


def test_every_shape_has_the_form_of_records_for_any_name(settings: Config) -> None:
    shapes = draw(settings, *ACTIONS, GARDEN).shapes
    assert {*ACTIONS, GARDEN} == set(shapes)
    for shape in shapes.values():
        for owner in ("a.b", "*.xn--p1ai.example", "_x.-y-.example"):
            assert RECORDS.fullmatch(expand(shape, owner))


def test_the_frame_has_all_that_a_policy_zone_needs(settings: Config) -> None:
    frame = draw(settings, *ACTIONS).frame
    assert [] == check.frame_whole("local.rpz", frame, canary=True)
    head, tail = frame.stamped(2026112401)
    assert b"2026112401" in head
    assert b's2026112401.local-rpz.rpzctl-canary.invalid 1 IN TXT "2026112401"\n' in head
    assert SERIAL_MARK.encode() not in head + tail


def test_a_zone_without_rows_has_a_frame(settings: Config) -> None:
    drawn = draw(settings)
    assert {} == drawn.shapes
    assert [] == check.frame_whole("local.rpz", drawn.frame, canary=True)


def test_an_operator_replaces_one_block_of_the_shipped_template(settings: Config) -> None:
    before = draw(settings, *ACTIONS)
    override(
        settings,
        EXTENDS + "{% block records %}{% call(owner, action) records() %}\n"
        "{{ owner }} 7 CNAME walled.garden.example.\n{% endcall %}{% endblock %}\n",
    )
    after = draw(settings, *ACTIONS)
    assert before.frame.head.split() == after.frame.head.split()
    assert {("", " 7 CNAME walled.garden.example.\n")} == set(after.shapes.values())


def test_an_operator_adds_to_the_head_and_keeps_the_rest(settings: Config) -> None:
    override(
        settings,
        EXTENDS + "{% block head %}{{ super() }}@ IN NS ns2.example.\n{% endblock %}\n",
    )
    drawn = draw(settings, *ACTIONS)
    assert "@ IN NS ns2.example.\n" in drawn.frame.head
    assert [] == check.frame_whole("local.rpz", drawn.frame, canary=True)


HEAD = '@ IN SOA a. b. {{ serial }} 1 1 1 1\n@ IN NS a.\n{{ canary }} TXT "{{ serial }}"\n'
CALL = HEAD + "{% call(owner, action) records() %}{}{% endcall %}\n"


@pytest.mark.parametrize(
    "body",
    [
        "{{ owner | length }}.x CNAME .",
        "{{ owner }} CNAME {% if 'xn--' in owner %}.{% else %}*.{% endif %}",
        "{{ owner | upper }} CNAME .",
        "{{ owner.split('.')[0] }} CNAME .",
        "{{ owner | reverse }} CNAME .",
        "{% if not owner.startswith('*') %}{{ owner }} CNAME .{% endif %}",
    ],
)
def test_records_that_depend_on_the_name_are_refused(settings: Config, body: str) -> None:
    fault = failure(settings, CALL.replace("{}", body))
    assert "depend on the name" in fault.message


def test_a_template_that_writes_no_record_is_refused(settings: Config) -> None:
    assert (
        "writes no record for the action nxdomain"
        in failure(settings, CALL.replace("{}", "{# nothing #}")).message
    )
    assert (
        "writes no record for the action"
        in failure(settings, CALL.replace("{}", "fixed.example CNAME .")).message
    )


def test_a_template_that_leaves_the_records_out_is_refused(settings: Config) -> None:
    assert "leaves out the records" in failure(settings, HEAD).message
    assert (
        "leaves out the records"
        in failure(settings, EXTENDS + "{% block records %}{% endblock %}").message
    )


def test_a_template_that_leaves_the_serial_out_is_refused(settings: Config) -> None:
    fault = failure(
        settings, EXTENDS + "{% block head %}{% endblock %}{% block canary %}{% endblock %}"
    )
    assert "leaves out the serial" in fault.message


@pytest.mark.parametrize(
    ("block", "missing"),
    [
        ("{% block canary %}{% endblock %}", "canary"),
        ("{% block head %}@ IN SOA a. b. {{ serial }} 1 1 1 1\n{% endblock %}", "NS"),
        ("{% block head %}; {{ serial }}\n@ IN NS a.\n{% endblock %}", "SOA"),
    ],
)
def test_a_frame_that_lacks_a_record_is_found(settings: Config, block: str, missing: str) -> None:
    override(settings, EXTENDS + block)
    found = check.frame_whole("local.rpz", draw(settings).frame, canary=True)
    assert [f"the template writes no {missing} record"] == [finding.message for finding in found]


def test_text_outside_ascii_is_refused(settings: Config) -> None:
    fault = failure(settings, EXTENDS + "{% block head %}{{ super() }}; \u00fc\n{% endblock %}")
    assert "outside ASCII" in fault.message


def test_a_misspelt_variable_is_told_with_file_and_line(settings: Config) -> None:
    fault = failure(settings, EXTENDS + "{% block head %}\n@ SOA {{ sao.mname }}.\n{% endblock %}")
    place = settings.repo / "templates" / "bind" / "rpz.zone.j2"
    assert f"the template {place}:3: 'sao' is undefined" == fault.message
    again = failure(settings, place.read_text())
    assert fault.message == again.message, "also from the cache of compiled templates"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (EXTENDS + "{% block head %}\n{{ soa.nname }}\n{% endblock %}", "rpz.zone.j2:3: "),
        (EXTENDS + "{% block head %}\n{% if %}\n{% endblock %}", "rpz.zone.j2:3: "),
        (EXTENDS + "\n\n{% blok head %}", "rpz.zone.j2:4: "),
        ("{{ 1 / 0 }}", "rpz.zone.j2:1: division by zero"),
        ("\n{{ serial | nofilter }}", "rpz.zone.j2:2: "),
        ('{% include "bind/none.j2" %}', "bind/none.j2"),
        ("{{ soa.mname() }}", "rpz.zone.j2:1: "),
        ('{% extends "shipped/bind/none.j2" %}', "shipped/bind/none.j2"),
    ],
)
def test_a_fault_in_a_template_is_told_with_its_place(
    settings: Config, text: str, told: str
) -> None:
    assert told in failure(settings, text).message


def test_a_template_that_is_no_text_is_told(settings: Config) -> None:
    override(settings, "").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckFailed, match=r"rpz\.zone\.j2"):
        draw(settings)


def test_a_template_that_extends_itself_is_told(settings: Config) -> None:
    fault = failure(settings, '{% extends "bind/rpz.zone.j2" %}')
    assert "rpz.zone.j2" in fault.message


def test_a_change_of_a_template_is_seen_in_spite_of_the_cache(settings: Config) -> None:
    settings.state.mkdir()
    override(settings, HEAD + "; one\n")
    assert "; one" in draw(settings).frame.head + draw(settings).frame.tail
    override(settings, HEAD + "; two\n")
    assert "; two" in draw(settings).frame.head


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\\b", "a\x00b", "a\u202eb"])
def test_what_cannot_be_quoted_for_named_is_refused(text: str) -> None:
    with pytest.raises(CheckFailed, match=r"cannot stand in named\.conf"):
        named_string(text)


def test_what_can_be_quoted_for_named_is_quoted() -> None:
    assert named_string("local.rpz") == '"local.rpz"'
    assert named_string(Path("/var/lib/b i;nd#/x")) == '"/var/lib/b i;nd#/x"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '""'),
        ("ask us", '"ask us"'),
        ('"quoted"; \\', '"\\"quoted\\"\\; \\\\"'),
        ("\u00fc", '"\\195\\188"'),
        ("\t\x7f", '"\\009\\127"'),
        ("a" * 256, '"' + "a" * 255 + '" "a"'),
    ],
)
def test_text_becomes_character_strings(text: str, expected: str) -> None:
    assert expected == character_strings(text)


def fragment(settings: Config, name: str, **values: object) -> str:
    return render.fragment(render.environment(settings), name, **values)


def options(settings: Config, *zones: str) -> str:
    own = {zone: settings.group_of(zone) for zone in zones}
    return fragment(
        settings, "bind/options.conf.j2", zones=zones, policy=settings.policy, options=own
    )


def test_options_name_the_policy_zones_in_their_order(settings: Config) -> None:
    text = options(settings, "local.rpz", "ads.rpz")
    assert text.index('zone "local.rpz"') < text.index('zone "ads.rpz"')
    assert "qname-wait-recurse no break-dnssec yes min-update-interval 0;" in text
    quiet = settings.but(policy=settings.policy.but(log=False))
    assert 'zone "ads.rpz" log no;' in options(quiet, "ads.rpz")


def test_named_is_spared_the_scans_of_a_policy_zone_that_keep_its_clients_waiting(
    settings: Config,
) -> None:
    text = fragment(
        settings,
        "bind/zones.conf.j2",
        zones=["local.rpz", "ads.rpz"],
        sinkholes=[],
        file=lambda zone: f"/x/{zone}",
    )
    assert 2 == text.count("\tcheck-integrity no;\n\tcheck-dup-records ignore;\n")


def test_a_path_that_cannot_be_quoted_stops_the_fragment(settings: Config) -> None:
    with pytest.raises(CheckFailed, match="cannot stand"):
        fragment(
            settings,
            "bind/zones.conf.j2",
            zones=[Domain("local.rpz")],
            sinkholes=[],
            file=lambda _: 'a"b',
        )


@pytest.mark.parametrize(
    "garbage", [b"", b"null", b"[]", b"{}", b'"x"', b"[1, 2, 3]", b'["a", "b", [["c"]]]', b"\xff{"]
)
def test_a_damaged_memory_of_templates_is_not_believed(settings: Config, garbage: bytes) -> None:
    settings.state.mkdir()
    before = draw(settings, *ACTIONS)
    drawn = options(settings, "a.rpz")
    remembered = [path for path in settings.state.rglob("*") if path.is_file()]
    for path in remembered:
        path.write_bytes(garbage)
    assert before == draw(settings, *ACTIONS)
    assert drawn == options(settings, "a.rpz")


def test_a_remembered_zone_is_the_same_as_a_drawn_one(settings: Config) -> None:
    without = draw(settings, *ACTIONS, GARDEN)
    settings.state.mkdir()
    assert [without, without] == [draw(settings, *ACTIONS, GARDEN) for _ in range(2)]
    other = settings.but(soa=settings.soa.but(ttl=61))
    assert "$TTL 61" in draw(other, *ACTIONS).frame.head
    assert {GARDEN} == set(draw(settings, GARDEN).shapes)
