"""rpzctl.toml: where it is found, and all its faults at once."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.servers import RPZCTL, Site


def rpzctl(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key != "RPZCTL_CONFIG"}
    return subprocess.run(
        [*RPZCTL, *arguments],
        cwd=cwd,
        env={**kept, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_configuration_is_found_in_this_order(repo: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", repo.named)
    other.home.mkdir()
    other.init("--no-git")
    repo.block_list.write_text("here.example\n")
    other.block_list.write_text("there.example\n")
    assert "here.example" in rpzctl("list", cwd=repo.repo).stdout
    told = rpzctl("list", cwd=repo.repo, RPZCTL_CONFIG=str(other.config)).stdout
    assert "there.example" in told
    given = ("--config", str(repo.config), "list")
    told = rpzctl(*given, cwd=other.repo, RPZCTL_CONFIG=str(other.config)).stdout
    assert "here.example" in told


def test_without_a_configuration_it_says_what_to_do(tmp_path: Path) -> None:
    if Path("/etc/rpzctl/rpzctl.toml").exists():
        pytest.skip("this machine has a system-wide rpzctl.toml")
    done = rpzctl("list", cwd=tmp_path)
    assert done.returncode == 2
    assert "rpzctl init" in done.stderr


@pytest.mark.parametrize(
    ("section", "key", "near"),
    [
        ("policy", "acton", "action"),
        ("guards", "protekt", "protect"),
        ("paths", "outputs", "output"),
        ("soa", "refesh", "refresh"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(
    repo: Site, section: str, key: str, near: str
) -> None:
    kept = repo.config.read_text().replace("[guards]", "[old]").split("[old]")[0].split("[paths]")
    repo.config.write_text(f"{kept[0]}[{section}]\n{key} = 1\n")
    done = repo.cli("list")
    assert done.status == 2
    assert f"{section}.{key}" in done.stderr
    assert f"did you mean '{near}'" in done.stderr


def test_an_unknown_key_of_a_resolver_is_refused_with_the_nearest(repo: Site) -> None:
    repo.setting("rndc_prot = 1")
    done = repo.cli("block", "evil.example")
    assert done.status == 2
    assert "did you mean 'rndc_port'" in done.stderr


def test_all_faults_are_told_at_once(repo: Site) -> None:
    repo.config.write_text(
        repo.config.read_text()
        + 'timeout = 0\nserver_port = 1\n[policy]\naction = "explode"\nkeep = 1\n'
        + 'operator_zone = "two words"\n[sinkhole]\nipv4 = "::1"\n[soa]\nttl = -1\n'
    )
    before = repo.files()
    done = repo.cli("block", "evil.example")
    assert done.status == 2
    for key in (
        "resolver.0.timeout",
        "resolver.0.server_port",
        "policy.action",
        "policy.keep",
        "policy.operator_zone",
        "sinkhole.ipv4",
        "soa.ttl",
    ):
        assert key in done.stderr
    assert done.stderr.count(str(repo.config)) >= 7
    assert repo.files() == before


@pytest.mark.parametrize("text", ["[policy\n", "x = \n", "\x00", 'file = "x"\n', "[[paths]]\n"])
def test_a_file_that_cannot_be_read_is_told(repo: Site, text: str) -> None:
    repo.config.write_text(text)
    done = repo.cli("list")
    assert done.status == 2
    assert str(repo.config) in done.stderr
    assert "Traceback" not in done.stderr


def test_relative_paths_are_of_the_policy_repo(repo: Site, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    text = repo.config.read_text().replace(f'"{repo.output}"', '"published"')
    repo.config.write_text(text)
    done = rpzctl("--config", str(repo.config), "apply", "--no-reload", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert (repo.repo / "published" / "current" / "zones.conf").is_file()
    assert list(elsewhere.iterdir()) == []


def test_two_resolvers_are_both_told_and_proved(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = Site(tmp_path_factory.mktemp("second"), type(site.named)(tmp_path_factory.mktemp("n")))
    named = second.named
    named.prepare()
    current = site.output / "current"
    named.configure(f'include "{current}/options.conf";', f'include "{current}/zones.conf";')
    named.start()
    try:
        site.setting(
            f'[[resolver]]\nserver = "127.0.0.1"\nport = {named.port}\n'
            f'rndc_port = {named.rndc_port}\nrndc_key = "{named.key}"\n'
            f'named_conf = "{named.conf}"\n'
        )
        site.ok("block", "evil.example")
        assert site.answer("evil.example") == "NXDOMAIN"
        assert second.answer("evil.example") == "NXDOMAIN"
        rules = site.block_list.read_bytes()
        named.stop()
        done = site.cli("block", "new.example")
        assert done.status == 1
        assert str(named.rndc_port) in done.stderr
        assert site.block_list.read_bytes() == rules
        assert site.answer("new.example") == "192.0.2.1"
    finally:
        named.stop()
