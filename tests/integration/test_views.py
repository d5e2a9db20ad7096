"""Views of BIND: other clients get other policies, each proved from an address of its clients."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.asking import ask
from tests.integration.test_feeds import local
from tests.servers import REAL, Site

CLIENTS = {"staff": "127.0.0.1", "guests": "127.0.0.2", "servers": "127.0.0.3"}
VIEWS = """
[[view]]
name = "staff"
groups = ["malware"]

[[view]]
name = "guests"
groups = ["games", "malware"]

[[view]]
name = "servers"
groups = []
operator = false
sinkholes = false
"""


def answer(site: Site, view: str, name: str) -> str:
    return ask(site.named.port, name, source=CLIENTS[view])


def answers(site: Site, name: str) -> list[str]:
    """Return what the clients of each view get, in the order of `CLIENTS`."""
    return [answer(site, view, name) for view in CLIENTS]


def say(site: Site, views: str = VIEWS) -> None:
    """Write views into rpzctl.toml, each with a resolver."""
    text = site.config.read_text()
    [resolver] = re.findall(r"\[\[resolver\]\]\n(?:.+\n)*", text)
    several = "".join(
        f'{resolver}view = "{name}"\nsource = "{CLIENTS[name]}"\n\n'
        for name in re.findall(r'name = "(.*)"', views)
    )
    site.config.write_text(text.replace(resolver, several) + views)


def write_named_conf(site: Site) -> None:
    """Write a named.conf with the three views, which include what is published for them."""
    site.named.configure("", "")
    text = re.sub(r'(?m)^zone "\."[^\n]*\n', "", site.named.conf.read_text())
    current = site.output / "current"
    for view, address in CLIENTS.items():
        text += (
            f'view "{view}" {{ match-clients {{ {address}; }};\n'
            'zone "." { type primary; file "internet.zone"; };\n'
            f'include "{current}/options.{view}.conf"; include "{current}/zones.{view}.conf"; }};\n'
        )
    site.named.conf.write_text(text)


def rndc(site: Site, *command: str) -> None:
    argv = ["rndc", "-s", "127.0.0.1", "-p", str(site.named.rndc_port), "-k", str(site.named.key)]
    subprocess.run([*argv, *command], check=True, capture_output=True)


@pytest.fixture
def viewed(site: Site) -> Site:
    """A site whose named has three views, live."""
    local(site, "bad", b"0.0.0.0 c2.bad.example\n0.0.0.0 both.example\n")
    local(site, "play", b"0.0.0.0 games.example\n0.0.0.0 both.example\n", zone="games")
    site.config.write_text(site.config.read_text() + '\n[group.games]\naction = "nodata"\n')
    say(site)
    site.ok("sync", "--no-reload")
    write_named_conf(site)
    rndc(site, "reconfig")
    site.ok("apply")
    return site


def test_each_view_has_its_policy_in_its_order(viewed: Site) -> None:
    assert answers(viewed, "c2.bad.example") == ["NXDOMAIN", "NXDOMAIN", REAL]
    assert answers(viewed, "games.example") == [REAL, "nodata", REAL]
    assert answers(viewed, "both.example") == ["NXDOMAIN", "nodata", REAL], "games comes first"
    done = viewed.ok("block", "evil.example", "--json").json()
    assert done["applied"]["proven"]
    assert answers(viewed, "evil.example") == ["NXDOMAIN", "NXDOMAIN", REAL]
    viewed.ok("unblock", "evil.example")
    assert answers(viewed, "evil.example") == [REAL] * 3
    status = viewed.ok("status", "--json").json()
    assert status["live"]
    live = {zone["origin"]: len(zone["live"]) for zone in status["zones"]}
    assert live == {"local.rpz": 2, "games.rpz": 1, "malware.rpz": 2}
    assert "view guests" in viewed.ok("block", "evil.example").stdout
    assert viewed.cli("check").status == 0
    assert viewed.ok("doctor").status == 0


def test_a_sync_is_proved_in_each_view(viewed: Site) -> None:
    local(viewed, "bad", b"0.0.0.0 new.bad.example\n0.0.0.0 both.example\n", max_change=0)
    done = viewed.ok("sync", "--json").json()
    assert done["applied"]["proven"]
    assert answers(viewed, "new.bad.example") == ["NXDOMAIN", "NXDOMAIN", REAL]
    viewed.ok("rollback")
    assert answers(viewed, "c2.bad.example") == ["NXDOMAIN", "NXDOMAIN", REAL]


def test_sinkhole_zones_are_shared_where_a_view_has_them(viewed: Site) -> None:
    viewed.ok("block", "sunk.example", "--via", "zone")
    assert answers(viewed, "www.sunk.example") == ["127.0.0.1", "127.0.0.1", REAL]
    current = viewed.output / "current"
    told = {view: (current / f"zones.{view}.conf").read_text() for view in CLIENTS}
    assert 'zone "sunk.example" { type primary;' in told["staff"]
    assert 'zone "sunk.example" { in-view "staff"; };' in told["guests"]
    assert "sunk.example" not in told["servers"]
    text = viewed.config.read_text()
    viewed.config.write_text(text + '\n[sinkhole]\nipv4 = "192.0.2.99"\n')
    viewed.ok("apply")
    assert answers(viewed, "www.sunk.example") == ["192.0.2.99", "192.0.2.99", REAL]
    viewed.ok("unblock", "sunk.example")
    assert answers(viewed, "www.sunk.example") == [REAL] * 3


def test_what_does_not_come_true_in_one_view_is_undone_in_all(viewed: Site) -> None:
    conf = viewed.named.conf.read_text()
    file = viewed.named.home / "other.zone"
    file.write_text("$TTL 60\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\nother.example CNAME rpz-passthru.\n")
    own = (viewed.output / "current" / "options.guests.conf").read_text()
    own = own.replace("response-policy {", 'response-policy {\n zone "other.rpz";', 1)
    other = f'zone "other.rpz" {{ type primary; file "{file}"; }};'
    include = f'include "{viewed.output}/current/options.guests.conf";'
    viewed.named.conf.write_text(conf.replace(include, own + other))
    rndc(viewed, "reconfig")
    done = viewed.cli("block", "other.example", "--json")
    assert done.status == 5
    assert "view guests" in done.json()["error"]["message"]
    assert answers(viewed, "other.example") == [REAL] * 3
    assert "other.example" not in viewed.block_list.read_text()


def test_what_a_query_meets_in_each_view(viewed: Site) -> None:
    told = viewed.ok("test", "both.example", "--live", "--json").json()
    outcomes = {view: verdict["outcome"] for view, verdict in told["views"].items()}
    assert outcomes == {"staff": "nxdomain", "guests": "nodata", "servers": "not rewritten"}
    assert [each["agrees"] for each in told["live"]] == [True] * 3
    one = viewed.ok("test", "both.example", "--view", "guests", "--live", "--json").json()
    assert one["match"]["zone"] == "games.rpz"
    assert len(one["live"]) == 1
    assert "in servers: not rewritten" in viewed.ok("test", "both.example").stdout
    why = viewed.ok("why", "both.example")
    assert "in guests: nodata by games.rpz: both.example" in why.stdout
    assert "in servers: not rewritten" in why.stdout
    nobody = viewed.cli("test", "both.example", "--view", "nobody")
    assert nobody.status == 2
    assert "there is guests" in nobody.stderr


def test_expectations_are_of_a_view_or_of_all(viewed: Site, tmp_path: Path) -> None:
    case = '[[case]]\nname = "games.example"\nexpect = "resolves"\n'
    file = tmp_path / "cases.toml"
    file.write_text(case + 'view = "staff"\n' + case)
    done = viewed.cli("test", "--file", str(file), "--json")
    assert done.status == 4
    [fault] = [each["fault"] for each in done.json()["cases"] if each["fault"]]
    assert fault.startswith("games.example A in the view guests: expected resolves, is nodata by ")
    cases = viewed.repo / "policy" / "cases.toml"
    cases.write_text('[[case]]\nname = "pay.example"\nexpect = "resolves"\nview = "staff"\n')
    assert viewed.cli("block", "pay.example").status == 4
    cases.write_text('[[case]]\nname = "pay.example"\nexpect = "resolves"\nview = "staf"\n')
    assert viewed.cli("block", "other.example").status == 2


def test_a_group_in_no_view_is_told(viewed: Site) -> None:
    local(viewed, "more", b"0.0.0.0 ads.example\n", zone="ads")
    viewed.ok("sync")
    assert answers(viewed, "ads.example") == [REAL] * 3
    assert "in no view" in viewed.ok("status").stdout
    assert "ads.rpz is in no view" in viewed.ok("check").stdout


def test_a_view_goes_when_named_includes_it_no_more(viewed: Site) -> None:
    text = viewed.config.read_text()
    fewer = text.replace(VIEWS.split("\n\n")[1] + "\n", "")
    parts = [part for part in fewer.split("[[resolver]]") if 'view = "guests"' not in part]
    viewed.config.write_text("[[resolver]]".join(parts))
    for words in (("apply",), ("block", "evil.example")):
        done = viewed.cli(*words)
        assert done.status == 4, done
        assert "options.guests.conf, and rpzctl.toml has no such view any more" in done.stderr
    assert answer(viewed, "guests", "c2.bad.example") == "NXDOMAIN"
    conf = viewed.named.conf.read_text()
    viewed.named.conf.write_text(re.sub(r"include [^;]*(options|zones)\.guests\.conf\";", "", conf))
    rndc(viewed, "reconfig")
    viewed.ok("apply")
    assert not (viewed.output / "current" / "zones.guests.conf").exists()
    assert viewed.ok("block", "evil.example").status == 0


def test_one_view_does_not_answer_for_another(viewed: Site) -> None:
    text = viewed.config.read_text().replace('source = "127.0.0.2"', 'source = "127.0.0.1"')
    viewed.config.write_text(text)
    done = viewed.cli("block", "evil.example")
    assert done.status == 2
    assert "from one source" in done.stderr


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ('\n[[view]]\nname = "other"\n', "no [[resolver]] has view = 'other'"),
        ('\n[[view]]\nname = "staff"\n', "two [[view]] of the name 'staff'"),
        ('\n[[view]]\nname = "a;b"\n', "view.3.name"),
        ('\n[[view]]\nname = "x"\ngroup = ["malware"]\n', "did you mean 'groups'"),
    ],
)
def test_views_that_make_no_sense_are_refused(viewed: Site, views: str, told: str) -> None:
    viewed.config.write_text(viewed.config.read_text() + views)
    done = viewed.cli("status")
    assert done.status == 2
    assert told in done.stderr


def test_views_that_nothing_names_are_told(viewed: Site) -> None:
    text = viewed.config.read_text()
    one = text[text.index("[[resolver]]") : text.index("view =")]
    viewed.config.write_text(text[: text.index("[[resolver]]")] + one)
    conf = viewed.named.conf.read_text()
    viewed.named.conf.write_text(re.sub(r"(options|zones)\.[a-z]+\.conf", r"\1.conf", conf))
    viewed.ok("apply", "--no-reload")
    rndc(viewed, "reconfig")
    done = viewed.cli("block", "evil.example")
    assert done.status == 5
    assert "name the views by [[view]]" in done.stderr
    found = viewed.cli("doctor", "--only", "view-policy", "--json").json()["findings"]
    [wrong] = [each for each in found if each["state"] == "fault"]
    assert "3 views have the policy, and rpzctl.toml names none" in wrong["what"]


def test_doctor_tells_where_the_fragments_of_a_view_go(viewed: Site) -> None:
    conf = viewed.named.conf.read_text()
    lines = (
        f'include "{viewed.output}/current/options.guests.conf"; '
        f'include "{viewed.output}/current/zones.guests.conf";'
    )
    viewed.named.conf.write_text(conf.replace(lines, ""))
    rndc(viewed, "reconfig")
    found = viewed.cli("doctor", "--only", "includes", "--json").json()["findings"]
    wrong = [each for each in found if each["state"] == "fault"]
    assert len(wrong) == 2
    assert 'inside view "guests"' in wrong[0]["fix"]
    assert "options.guests.conf" in wrong[0]["fix"]
    assert not viewed.ok("status", "--json").json()["live"]
    wrong_place = conf.replace("options.guests.conf", "options.staff.conf")
    viewed.named.conf.write_text(wrong_place)
    found = viewed.cli("doctor", "--only", "include-place", "--json").json()["findings"]
    assert any("it is for the view" in each["what"] for each in found)
