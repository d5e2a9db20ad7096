"""What a command changed in the policy repo, told to git: one commit, with who, what and why.

It comes after the change is live and proved, so that it delays no effect. Whatever git says, the
change stays: that it is not committed is told.
"""

import os
import pwd
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rpzctl import git
from rpzctl.book import FILES, Book
from rpzctl.errors import RpzctlError
from rpzctl.git import Repo, Versions
from rpzctl.rule import Verb
from rpzctl.rules import parse_text
from rpzctl.run import Run

GIT_LOCK = "git.lock"
_VERBS: tuple[Verb, ...] = ("block", "allow")


class Recorded(NamedTuple):
    """What became of a commit."""

    commit: str = ""
    """empty: none was made"""
    fault: str | None = None
    """why not, or why it was not pushed"""
    details: tuple[str, ...] = ()

    def value(self) -> dict[str, object]:
        """Return it as a JSON-ready document."""
        return {"sha": self.commit or None, "error": self.fault}

    def lines(self) -> list[str]:
        """Return for people what is to be known."""
        if self.fault is None:
            return []
        what = "not pushed" if self.commit else "not committed"
        return [f"{what}: {self.fault}", *self.details]


Make = Callable[[Repo], dict[str, Versions]]
"""what the files that are committed are to be; those that stay are left out"""


def rules(run: Run, edit: Callable[[Book], Book], message: str) -> Recorded | None:
    """Commit a change of the rules: `edit`, carried out on what is committed and what is staged.

    None where nothing is to be committed.
    """

    def make(repo: Repo) -> dict[str, Versions]:
        folder = run.config.repo / "policy"
        paths = [repo.path(folder / name) for name in FILES]
        was = git.versions(repo, paths)
        if any(each.head is None for each in was.values()) and _ignored(repo, paths):
            return {}
        heads = _edited(paths, [was[path].head for path in paths], edit)
        staged = _edited(paths, [was[path].staged for path in paths], edit)
        return {
            path: Versions(head, stage)
            for path, head, stage in zip(paths, heads, staged, strict=True)
            if head != (was[path].head or b"")
        }

    return _record(run, make, message)


def file(run: Run, path: Path, before: bytes | None, message: str) -> Recorded | None:
    """Commit a change of one file, which said `before`; None where nothing is to be committed.

    A file of which people's own edits are not committed is left to them.
    """

    def make(repo: Repo) -> dict[str, Versions]:
        name = repo.path(path)
        was = git.versions(repo, [name])[name]
        now = path.read_bytes() if path.is_file() else None
        if now == was.head or (was.head is None and _ignored(repo, [name])):
            return {}
        if was.head != before or was.staged != before:
            raise RpzctlError(f"{path} has edits that are not committed")
        return {name: Versions(now, now)}

    return _record(run, make, message)


def _edited(
    paths: Sequence[str], texts: Sequence[bytes | None], edit: Callable[[Book], Book]
) -> list[bytes]:
    """Return the rule files, as one version of the repo has them, after `edit`.

    Raises `RpzctlError` for a version that cannot be read, or that the change contradicts.
    """
    parts = (
        parse_text((text or b"").decode("utf-8", "replace"), Path(path), verb)
        for path, text, verb in zip(paths, texts, _VERBS, strict=True)
    )
    return [part.text.encode() for part in edit(Book(*parts))]


def _ignored(repo: Repo, paths: Sequence[str]) -> bool:
    """Tell whether git ignores one of `paths`: then the policy repo is not its business."""
    return repo.run("check-ignore", "--", *paths).status == 0


def _record(run: Run, make: Make, message: str) -> Recorded | None:
    if not run.config.git.commit or not run.commit:
        return None
    try:
        repo = git.find(run.config.repo, run.config.git.timeout)
        sha = _committed(run, repo, make, message) if repo else ""
    except RpzctlError as fault:
        return Recorded(fault=fault.message, details=fault.details)
    except OSError as fault:
        return Recorded(fault=f"{fault.filename}: {fault.strerror}")
    return _pushed(run, repo, sha) if repo and sha else None


def _committed(run: Run, repo: Repo, make: Make, message: str) -> str:
    """Return the commit; nothing where nothing is to be committed."""
    # Two commands that commit at once would each lose what the other put into the index.
    with run.store.lock(run.config.git.timeout, GIT_LOCK):
        files = make(repo)
        return git.commit(repo, files, message, _author(run.cause.by)) if files else ""


def _pushed(run: Run, repo: Repo, sha: str) -> Recorded:
    if not run.config.git.push:
        return Recorded(sha)
    try:
        git.push(repo, run.config.git.remote)
    except RpzctlError as fault:
        return Recorded(sha, fault.message, fault.details)
    return Recorded(sha)


def _author(by: str) -> str | None:
    """Return the author for git, unless it is the one whose process this is: git knows that one."""
    try:
        mine = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        mine = ""
    plain = "".join(c for c in by if c.isprintable() and c not in "<>\n").strip()
    return None if not plain or by == mine else f"{plain} <{git.address(plain)}>"


def message(run: Run, names: Sequence[str], more: Sequence[tuple[str, str | None]] = ()) -> str:
    """Return what a commit says: the command, the names if they are many, why, and more."""
    lines = [run.cause.what, ""]
    lines += names if len(names) > 1 else []
    lines += [f"{key}: {value}" for key, value in more if value]
    return "\n".join(lines).strip() + "\n"
