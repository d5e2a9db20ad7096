"""rpzctl.toml: every fault is told at once, by file and key, with the nearest known key."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from rpzctl import config
from rpzctl.config import SYSTEM_FILE, Config, Group
from rpzctl.errors import UsageFault
from rpzctl.resolver_settings import BindSettings
from rpzctl.rpz import Action, Kind


def write(folder: Path, text: str) -> Path:
    path = folder / "rpzctl.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Config:
    return config.load(write(folder, text))


def faults(folder: Path, text: str) -> list[str]:
    path = write(folder, text)
    with pytest.raises(UsageFault) as caught:
        config.load(path)
    assert str(path) in caught.value.message
    assert all(line.startswith(f"{path}: ") for line in caught.value.details)
    return [line.removeprefix(f"{path}: ") for line in caught.value.details]


def test_an_empty_file_has_the_defaults_of_debian(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert Path("/var/lib/bind/rpzctl") == found.output
    assert Path("/var/lib/rpzctl") == found.state
    assert tmp_path == found.repo
    assert Action(Kind.NXDOMAIN) == found.action
    assert found.policy.operator_zone == "local.rpz"
    assert found.origin("malware") == "malware.rpz"
    assert Action(Kind.NXDOMAIN) == found.group_action("malware")
    assert found.policy.serial == "date"
    assert () == found.resolver
    assert (ip_address("127.0.0.1"), ip_address("::1")) == (
        found.sinkhole.ipv4,
        found.sinkhole.ipv6,
    )
    resolver = BindSettings()
    assert (53, 953, Path("/etc/bind/rndc.key"), ip_address("127.0.0.1")) == (
        resolver.port,
        resolver.rndc_port,
        resolver.rndc_key,
        resolver.server,
    )


def test_what_is_written_is_taken(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """
        [policy]
        action = "cname:Garden.Example"
        suffix = "policy.example"
        order = ["malware", "ads"]
        [guards]
        protect = ["B\u00fccher.example."]
        [group.ads]
        action = "nodata"
        [[resolver]]
        server = "::1"
        port = 5353
        """,
    )
    assert str(found.action) == "cname:garden.example"
    assert found.origin("ads") == "ads.policy.example"
    assert Action(Kind.NODATA) == found.group_action("ads")
    assert ("malware", "ads") == found.policy.order
    assert ("xn--bcher-kva.example",) == found.guards.protect
    assert [(ip_address("::1"), 5353)] == [(r.server, r.port) for r in found.resolver]
    assert {"ads": Group(action="nodata")} == found.group


def test_relative_paths_are_relative_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    write(repo, '[paths]\noutput = "out"\nstate = "../state"\n')
    monkeypatch.chdir(tmp_path)
    found = config.load(Path("repo/rpzctl.toml"))
    assert repo / "out" == found.output
    assert tmp_path / "state" == found.state.resolve()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[polcy]\n", "unknown key 'polcy'; did you mean 'policy'?"),
        ("[policy]\nserail = 'date'", "unknown key 'policy.serail'; did you mean 'serial'?"),
        ("[soa]\nreferesh = 5", "unknown key 'soa.referesh'; did you mean 'refresh'?"),
        ("[guards]\nprotected = []", "unknown key 'guards.protected'; did you mean 'protect'?"),
        ("[[resolver]]\nprot = 5", "unknown key 'resolver.0.prot'; did you mean 'port'?"),
        (
            "[[resolver]]\nkind = 'unbound'\nrndc_port = 953",
            "resolver.0.rndc_port: is a key of the kind bind; this one is unbound",
        ),
        (
            "[[resolver]]\nkind = 'knot'\nunbound_conf = 'x'\n",
            "resolver.0.unbound_conf: is a key of the kind unbound; this one is knot",
        ),
        (
            "[[resolver]]\nkind = 'unbound'\nsocket_dir = '/run'",
            "resolver.0.socket_dir: is a key of the kind pdns-recursor; this one is unbound",
        ),
        (
            "[[resolver]]\nkind = 'knot'\ncontorl = 'x'\n",
            "unknown key 'resolver.0.contorl'; did you mean 'control'?",
        ),
        (
            "[[resolver]]\n[[resolver]]\nrndckey = 'x'",
            "unknown key 'resolver.1.rndckey'; did you mean 'rndc_key'?",
        ),
        ("[group.ads]\nactoin = 'drop'", "unknown key 'group.ads.actoin'; did you mean 'action'?"),
        (
            "[group.policy]\nactoin = 'drop'",
            "unknown key 'group.policy.actoin'; did you mean 'action'?",
        ),
        (
            "[group.action]\nactoin = 'drop'",
            "unknown key 'group.action.actoin'; did you mean 'action'?",
        ),
        ("zzz = 1", "unknown key 'zzz'"),
        ("[policy]\nqqqq = 1", "unknown key 'policy.qqqq'"),
        ("[policy.action]\nx = 1", "policy.action: is no text"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert [expected] == faults(tmp_path, text)


def test_file_is_no_key_for_people(tmp_path: Path) -> None:
    path = write(tmp_path, 'file = "x"')
    with pytest.raises(UsageFault, match="unknown key 'file'"):
        config.load(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[policy]\naction = 'blok'", "policy.action: 'blok' is not one of nxdomain"),
        ("[policy]\naction = 'passthru'", "policy.action: 'passthru' is not one of"),
        ("[policy]\noperator_zone = 'a b'", "policy.operator_zone: has a space"),
        ("[policy]\noperator_zone = ''", "policy.operator_zone: is empty"),
        ("[policy]\noperator_zone = 'sinkhole'", "policy.operator_zone: "),
        ("[policy]\nsuffix = '192.0.2.1'", "policy.suffix: is an IP address"),
        ("[policy]\nserial = 'epoch'", "policy.serial: "),
        ("[policy]\nkeep = 1", "policy.keep: "),
        ("[policy]\norder = ['Bad Group']", "policy.order.0: "),
        ("[group.'Bad']\naction = 'drop'", "group.Bad"),
        ("[soa]\nrname = 'me@example.net'", "soa.rname: has the character '@'"),
        ("[soa]\nttl = -1", "soa.ttl: "),
        ("[soa]\nttl = 2147483648", "soa.ttl: "),
        ("[sinkhole]\nipv4 = '::1'", "sinkhole.ipv4: "),
        ('[sinkhole]\ncontact = "a\\nb"', "sinkhole.contact: has a control character"),
        ("[guards]\nprotect = ['ok.example', '1.2.3.4']", "guards.protect.1: is an IP address"),
        ("[[resolver]]\nport = 0", "resolver.0.port: "),
        ("[[resolver]]\nserver = 'localhost'", "resolver.0.server"),
        ("[[resolver]]\nkind = 'dnsmasq'", "resolver.0.kind: "),
        ("[[resolver]]\ntimeout = 0", "resolver.0.timeout: "),
        ("[[resolver]]\ntimeout = nan", "resolver.0.timeout: "),
        ("[resolver]\nport = 53", "resolver: "),
    ],
)
def test_a_bad_value_is_told_by_its_key(tmp_path: Path, text: str, key: str) -> None:
    assert faults(tmp_path, text)[0].startswith(key)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = "[policy]\nkeep = 0\nserail = 'x'\n[soa]\nttl = 'x'\n[[resolver]]\nport = 99999\n"
    assert ["policy.keep", "unknown key 'policy.serail'", "soa.ttl", "resolver.0.port"] == [
        line.partition(": ")[0].partition(";")[0] for line in faults(tmp_path, text)
    ]


@pytest.mark.parametrize("content", [b"[policy", b"a = 1\na = 2", b"\xff\xfe", b"a = \x00"])
def test_what_is_no_toml_is_told_with_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rpzctl.toml"
    path.write_bytes(content)
    with pytest.raises(UsageFault, match=f"{path} is not valid TOML"):
        config.load(path)


def test_find_takes_what_is_given_then_the_environment_then_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, env, given = (tmp_path / name for name in ("here", "env", "given"))
    for folder in (here, env, given):
        folder.mkdir()
        write(folder, "")
    monkeypatch.chdir(here)
    monkeypatch.setenv("RPZCTL_CONFIG", str(env / "rpzctl.toml"))
    assert given / "rpzctl.toml" == config.find(given / "rpzctl.toml")
    assert given / "rpzctl.toml" == config.find(given)
    assert env / "rpzctl.toml" == config.find(None)
    monkeypatch.setenv("RPZCTL_CONFIG", "")
    assert here / "rpzctl.toml" == config.find(None)
    monkeypatch.delenv("RPZCTL_CONFIG")
    assert here / "rpzctl.toml" == config.find(None)


def test_a_file_that_was_named_and_is_not_there_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RPZCTL_CONFIG", str(tmp_path / "other.toml"))
    with pytest.raises(UsageFault, match=r"there is no configuration file .*other\.toml"):
        config.find(None)
    with pytest.raises(UsageFault, match=r"there is no configuration file .*third\.toml"):
        config.find(tmp_path / "third.toml")


@pytest.mark.skipif(SYSTEM_FILE.exists(), reason=f"{SYSTEM_FILE} is on this machine")
def test_where_there_is_none_the_places_and_init_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RPZCTL_CONFIG", raising=False)
    with pytest.raises(UsageFault, match=f"no rpzctl.toml here, and no {SYSTEM_FILE}") as caught:
        config.find(None)
    assert "rpzctl init" in (caught.value.fix or "")
