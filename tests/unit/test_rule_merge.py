"""Two branches that each add rules merge without a hand, with the real git."""

import os
import subprocess
from pathlib import Path

import pytest

from rpzctl import initial
from rpzctl.names import Domain
from rpzctl.rule import Rule
from rpzctl.rules import RuleFile, read, with_rules, write

ENV = {
    **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example",
}


def git(repo: Path, *command: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(repo), *command], env=ENV, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def commit(repo: Path, file: RuleFile) -> None:
    write(file)
    git(repo, "commit", "--quiet", "--all", "--message", "rules")


def block(name: str, reason: str | None = None) -> Rule:
    return Rule("block", Domain(name), reason=reason)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = initial.init(
        tmp_path / "policy", {"output": tmp_path / "out", "state": tmp_path / "state"}, git=True
    )
    git(made.repo, "add", "--all")
    git(made.repo, "commit", "--quiet", "--message", "init")
    git(made.repo, "branch", "-m", "main")
    return made.repo


def block_list(repo: Path) -> RuleFile:
    return read(repo / "policy" / "block.list", "block")


def merge(repo: Path, start: list[Rule], ours: list[Rule], theirs: list[Rule]) -> RuleFile:
    if start:
        commit(repo, with_rules(block_list(repo), start))
    git(repo, "checkout", "--quiet", "-b", "theirs")
    commit(repo, with_rules(block_list(repo), theirs))
    git(repo, "checkout", "--quiet", "main")
    commit(repo, with_rules(block_list(repo), ours))
    git(repo, "merge", "--quiet", "--message", "both", "theirs")
    return block_list(repo)


SOME = [block(f"{letter}.example") for letter in "adgjmpsvy"]


@pytest.mark.parametrize("start", [[], SOME], ids=["empty", "some"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["b.example"], ["x.example"]),
        (["e.example"], ["f.example"]),
        (["e.example"], ["e.example"]),
        (["z1.example", "b.example"], ["z2.example", "c.example", "a.b.example"]),
    ],
)
def test_all_rules_of_both_branches_are_there(
    repo: Path, start: list[Rule], ours: list[str], theirs: list[str]
) -> None:
    merged = merge(repo, start, [block(name) for name in ours], [block(name) for name in theirs])
    expected = {*ours, *theirs, *(rule.name for rule in start)}
    assert expected == {name for name, _ in merged.rules}
    assert "<<<" not in merged.text


def test_the_same_name_with_two_reasons_keeps_one_rule_in_force(repo: Path) -> None:
    ours, theirs = block("e.example", "ours"), block("e.example", "theirs")
    merged = merge(repo, SOME, [ours], [theirs])
    standing = merged.rules[ours.subject]
    assert standing in {ours, theirs}
    settled = with_rules(merged, [block("e.example", "settled")])
    assert settled.text.count("e.example") == merged.text.count("e.example") - 1
    assert len(settled.rules) == len(merged.rules)
