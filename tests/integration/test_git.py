"""Rules under git's control: one commit for one change, and nothing of people's own edits in it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.servers import Site, bare_site

EDIT = 'people.example reason="by hand"\n'


class Repo:
    """The policy repo of a site, and git on it."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.site.repo), *words], check=True, capture_output=True, text=True
        )
        return done.stdout

    def shown(self) -> str:
        """Return what the last commit changed: lines with + or -."""
        lines = self.git("show", "--format=", "--unified=0", "HEAD").splitlines()
        return "\n".join(x for x in lines if x[0] in "+-" and not x.startswith(("+++", "---")))


def identified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give git an identity, and no other settings."""
    settings = folder / "gitconfig"
    settings.write_text("[user]\n\tname = Anna\n\temail = anna@example.net\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Give a policy repo that is committed, without a resolver."""
    identified(tmp_path, monkeypatch)
    site = bare_site(tmp_path / "site")
    site.config.write_text(site.config.read_text().partition("[[resolver]]")[0])
    made = Repo(site)
    made.git("init", "--quiet")
    made.git("add", "-A")
    made.git("commit", "--quiet", "-m", "begin")
    return made


def test_a_block_is_one_commit_with_who_and_why(repo: Repo) -> None:
    words = ("--reason", "C2", "--ticket", "INC-7", "--by", "bob", "--json")
    done = repo.site.ok("block", "evil.example", *words).json()
    assert done["commit"] == {"sha": repo.git("rev-parse", "HEAD").strip(), "error": None}
    assert repo.shown().startswith("+evil.example reason=C2 ticket=INC-7 by=bob at=")
    log = repo.git("log", "-1", "--format=%an|%cn|%B")
    assert log.startswith("bob|Anna|block evil.example\n\nReason: C2\nTicket: INC-7\n")
    assert repo.git("status", "--porcelain") == ""
    newest = repo.site.ok("history", "--json").json()["generations"][0]
    assert newest["commit"] == done["commit"]["sha"]
    repo.site.ok("unblock", "evil.example")
    assert repo.shown().startswith("-evil.example")
    before = repo.git("rev-parse", "HEAD")
    repo.site.ok("unblock", "evil.example")
    assert repo.git("rev-parse", "HEAD") == before, "no change, no commit"


def test_what_people_edit_stays_theirs(repo: Repo) -> None:
    block, allow = repo.site.block_list, repo.site.allow_list
    block.write_text(block.read_text() + EDIT)
    repo.git("add", "policy/block.list")
    block.write_text(block.read_text() + "later.example\n")
    allow.write_text(allow.read_text() + "mine.example\n")
    (repo.site.repo / "note").write_text("x")
    repo.git("add", "note")
    repo.site.ok("block", "evil.example", "--by", "bob")
    assert repo.shown().splitlines()[0].startswith("+evil.example by=bob")
    assert len(repo.shown().splitlines()) == 1
    staged = repo.git("diff", "--cached", "--unified=0")
    assert '+people.example reason="by hand"' in staged
    assert "+evil.example" not in staged
    assert "note" in repo.git("diff", "--cached", "--name-only")
    unstaged = repo.git("diff", "--unified=0")
    assert "+later.example" in unstaged
    assert "+mine.example" in unstaged
    assert "+evil.example" not in unstaged


def test_definitions_of_feeds_are_committed(repo: Repo) -> None:
    site = repo.site
    url = (site.home / "list.txt").as_uri()
    keys = ("--zone", "malware", "--format", "domains")
    done = site.ok("feeds", "add", "acme", url, *keys, "--json").json()
    assert done["commit"]["sha"] == repo.git("rev-parse", "HEAD").strip()
    assert repo.git("log", "-1", "--format=%B").strip() == "feeds add acme"
    site.ok("feeds", "enable", "acme")
    assert repo.shown() == "-enabled = false\n+enabled = true"
    site.ok("feeds", "enable", "acme")
    assert repo.git("rev-list", "--count", "HEAD").strip() == "3", "no change, no commit"
    site.ok("feeds", "disable", "acme", "--no-commit")
    done = site.ok("feeds", "enable", "acme", "--json").json()
    assert done["commit"] is None, "back to what is committed"
    definition = site.repo / "feeds/acme.toml"
    definition.write_text(definition.read_text() + "# mine\n")
    done = site.ok("feeds", "disable", "acme", "--json").json()
    assert "not committed" in done["commit"]["error"]
    repo.git("checkout", "--quiet", "feeds/acme.toml")
    site.ok("feeds", "remove", "acme")
    assert "feeds remove acme" in repo.git("log", "-1", "--format=%B")
    assert repo.git("status", "--porcelain") == ""
    audited = site.ok("audit", "--json").json()["entries"]
    assert audited[-1]["commit"] == repo.git("rev-parse", "HEAD").strip()


def test_a_hook_that_says_no_undoes_nothing(repo: Repo) -> None:
    hook = repo.site.repo / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
    hook.chmod(0o755)
    done = repo.site.ok("block", "evil.example")
    assert "not committed: git commit failed: not on a Friday" in done.stderr
    assert "evil.example" in repo.site.block_list.read_text()
    assert "evil.example" in (repo.site.output / "current" / "local.rpz.zone").read_text()
    assert "evil.example" in repo.git("diff")
    assert not list((repo.site.repo / ".git").glob("rpzctl-index*"))


def test_no_commit_where_it_is_not_wanted_or_not_possible(repo: Repo) -> None:
    before = repo.git("rev-parse", "HEAD")
    repo.site.ok("block", "a.example", "--no-commit")
    (repo.site.repo / ".git" / "MERGE_HEAD").write_text(before)
    merging = repo.site.ok("block", "b.example")
    assert "not committed: a merge is going on" in merging.stderr
    (repo.site.repo / ".git" / "MERGE_HEAD").unlink()
    repo.site.setting("[git]\ncommit = false")
    repo.site.ok("block", "c.example")
    assert repo.git("rev-parse", "HEAD") == before


def test_a_policy_repo_that_git_ignores_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identified(tmp_path, monkeypatch)
    above = tmp_path / "above"
    above.mkdir()
    for words in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "-m", "begin")):
        subprocess.run(["git", *words], cwd=above, check=True, capture_output=True)
    (above / ".gitignore").write_text("/scratch/\n")
    site = bare_site(above / "scratch")
    site.config.write_text(site.config.read_text().partition("[[resolver]]")[0])
    assert site.ok("block", "evil.example", "--json").json()["commit"] is None
    url = (site.home / "list.txt").as_uri()
    site.ok("feeds", "add", "acme", url, "--zone", "malware", "--format", "domains")
    log = subprocess.run(["git", "log", "--format=%s"], cwd=above, check=True, capture_output=True)
    assert log.stdout == b"begin\n"


def test_blocks_at_once_are_commits_of_their_own(repo: Repo) -> None:
    children = [repo.site.start("block", f"n{n}.example") for n in range(6)]
    for child in children:
        _, told = child.communicate(timeout=60)
        assert child.returncode == 0, told
        assert b"not committed" not in told
    subjects = repo.git("log", "--format=%s").split("\n")
    assert {f"block n{n}.example" for n in range(6)} <= set(subjects)
    assert repo.git("status", "--porcelain") == ""


def test_a_repo_without_commits_and_without_an_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    site = bare_site(tmp_path / "site")
    site.config.write_text(site.config.read_text().partition("[[resolver]]")[0])
    repo = Repo(site)
    repo.git("init", "--quiet")
    site.ok("block", "evil.example", "--by", "bob")
    assert repo.git("log", "--format=%an|%cn").strip() == "bob|rpzctl"
    assert repo.shown().startswith("+evil.example by=bob")


def test_a_rejected_push_is_told_and_undoes_nothing(repo: Repo, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    repo.git("remote", "add", "origin", str(remote))
    repo.site.setting('[git]\npush = true\nremote = "origin"')
    repo.site.ok("block", "a.example")
    subject = subprocess.run(
        ["git", "-C", str(remote), "log", "-1", "--format=%s", "--all"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert subject == "block a.example\n"
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = repo.site.ok("block", "b.example")
    assert "not pushed: git push failed" in done.stderr
    assert repo.git("log", "-1", "--format=%s") == "block b.example\n"
