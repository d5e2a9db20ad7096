"""rpzctl init: what it writes, and that named can include it at once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers import REAL, RPZCTL, Named, Site


@pytest.fixture
def fresh(tmp_path: Path) -> Site:
    """Return a place where `init` was not run yet."""
    return Site(tmp_path, Named(tmp_path))


def git(folder: Path, *arguments: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_writes_a_policy_repo_and_a_complete_empty_generation(fresh: Site) -> None:
    made = fresh.init()
    assert made.status == 0, made
    assert set(contents(fresh.repo)) >= {
        "rpzctl.toml",
        "policy/block.list",
        "policy/allow.list",
        ".gitattributes",
    }
    published = fresh.output / "current"
    assert published.is_symlink()
    assert (published / "options.conf").is_file()
    assert (published / "zones.conf").is_file()
    assert fresh.ok("list", "--json").json() == {"rules": []}


def test_prints_the_two_includes_and_where_they_go(fresh: Site) -> None:
    made = fresh.init()
    assert f'include "{fresh.output}/current/options.conf";' in made.stdout
    assert f'include "{fresh.output}/current/zones.conf";' in made.stdout
    assert "named.conf" in made.stdout
    assert "options" in made.stdout


def test_is_idempotent_and_keeps_what_was_edited(fresh: Site) -> None:
    fresh.init("--no-git")
    fresh.setting("timeout = 7.0")
    fresh.block_list.write_text("# ours\nevil.example\n")
    (fresh.repo / ".gitattributes").unlink()
    before, generation = contents(fresh.repo), fresh.current
    again = fresh.init("--no-git", "--json")
    assert again.status == 0
    after = contents(fresh.repo)
    assert after.pop(".gitattributes")
    assert after == before
    assert fresh.current == generation
    assert [Path(path).name for path in again.json()["written"]] == [".gitattributes"]


def test_makes_a_git_repo(fresh: Site) -> None:
    fresh.init()
    assert git(fresh.repo, "rev-parse", "--show-toplevel") == str(fresh.repo.resolve())


def test_makes_no_git_repo_if_told_not_to(fresh: Site) -> None:
    assert fresh.init("--no-git").status == 0
    assert not (fresh.repo / ".git").exists()


def test_makes_no_git_repo_inside_one(fresh: Site) -> None:
    git(fresh.home, "init", "--quiet")
    made = fresh.init("--json")
    assert made.json()["git"] is False
    assert not (fresh.repo / ".git").exists()
    assert git(fresh.repo, "rev-parse", "--show-toplevel") == str(fresh.home.resolve())


def test_a_broken_server_address_is_refused(fresh: Site) -> None:
    made = fresh.init("--server", "nowhere.example")
    assert made.status == 2
    assert "nowhere.example" in made.stderr
    assert not fresh.repo.exists()


def test_a_file_in_the_place_of_the_folder_is_told(fresh: Site) -> None:
    fresh.repo.write_text("a file")
    made = fresh.init()
    assert made.status in {1, 2}
    assert "Traceback" not in made.stderr
    assert str(fresh.repo) in made.stderr
    assert fresh.repo.read_text() == "a file"


def test_a_file_in_the_place_of_an_inner_folder_is_told(fresh: Site) -> None:
    fresh.repo.mkdir()
    (fresh.repo / "feeds").write_text("a file")
    made = fresh.init("--no-git")
    assert made.status in {1, 2}
    assert "Traceback" not in made.stderr
    assert str(fresh.repo / "feeds") in made.stderr


def test_named_starts_with_the_includes_and_changes_no_answer(site: Site) -> None:
    assert site.answer("any.example") == REAL
    status = site.ok("status", "--json").json()
    assert status["live"] is True
    assert status["pending"] is False
    assert status["blocked"] == 0


@pytest.mark.parametrize(
    ("kind", "option", "line"),
    [
        ("unbound", "--unbound-conf", 'include: "{current}/unbound.conf"'),
        ("pdns-recursor", "--config-dir", "lua-config-file={current}/pdns-recursor.lua"),
        ("knot", "--control", 'dofile("{current}/knot.lua")'),
    ],
)
def test_each_kind_of_resolver_has_its_lines_and_settings(
    tmp_path: Path, kind: str, option: str, line: str
) -> None:
    folders = ["--output", f"{tmp_path}/out", "--state", f"{tmp_path}/state", "--no-git"]
    done = subprocess.run(
        [
            *(*RPZCTL, "init", str(tmp_path / "repo"), *folders),
            *("--resolver-kind", kind, option, f"{tmp_path}/theirs"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert line.format(current=tmp_path / "out" / "current") in done.stdout
    assert "rndc" not in done.stdout
    settings = (tmp_path / "repo" / "rpzctl.toml").read_text()
    assert f'kind = "{kind}"' in settings
    assert f'{option[2:].replace("-", "_")} = "{tmp_path}/theirs"' in settings
    assert "rndc" not in settings
    assert not (tmp_path / "out" / "current" / "options.conf").exists()


def test_an_option_of_another_kind_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [*RPZCTL, "init", str(tmp_path / "r"), "--resolver-kind", "knot", "--rndc-port", "9"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--rndc-port is for a resolver of the kind bind, not knot" in done.stderr
