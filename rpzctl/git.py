"""The policy repo as a git repository: what it is at, and commits of what a command changed.

A commit holds the one change of the command, whatever else is going on in the repo: edits of people
stay as they were, staged or not, in other files and in the same one. So the change is made to three
versions of a file: HEAD's, the index's, and the working tree's, which is the one that rpzctl reads.
The commit itself is `git commit` with an index of its own: hooks, signing and identities are git's.
"""

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rpzctl import process
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.names import printable

_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
"""in the folder of git: something is going on that a commit would become part of"""
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": ":", "GIT_PAGER": "cat", "GIT_ASKPASS": ""}
_NOBODY = ("tell me who you are", "unable to auto-detect email", "empty ident name")


class Head(NamedTuple):
    """What a working tree is at."""

    commit: str
    """empty before the first"""
    dirty: bool
    """files of the policy repo say something that is not committed"""


class Versions(NamedTuple):
    """What a file is to be after a change; None: not there."""

    head: bytes | None
    staged: bytes | None
    """in the index"""


class Repo(NamedTuple):
    """A policy repo that is under git's control."""

    folder: Path
    """of the policy repo, absolute, perhaps below the top of the working tree"""
    top: Path
    git: Path
    """git's own folder"""
    timeout: float
    """seconds for each command"""

    def run(
        self, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> process.Finished:
        """Run git in the working tree. Raises `RpzctlError` when it takes too long.

        As the owner of the repo, if root runs rpzctl: hooks of somebody else are not for root, and
        that one could not change what root made.
        """
        owner = self.git.stat().st_uid
        child = process.start(
            ["git", "-C", str(self.top), *words],
            takes_input=stdin is not None,
            env={**_QUIET, **(env or {})},
            owner=owner if os.geteuid() == 0 and owner != 0 else None,
        )
        return child.wait(stdin=stdin, timeout=self.timeout)

    def path(self, file: Path) -> str:
        """Return the path of a file of the policy repo as git has it."""
        return file.resolve().relative_to(self.top).as_posix()

    def busy(self) -> str | None:
        """Return what is going on in the repo that no commit must become part of."""
        found = next((name for name in _BUSY if (self.git / name).exists()), None)
        return found and found.removesuffix("_HEAD").replace("_", "-").lower().split("-merge")[0]


def find(folder: Path, timeout: float) -> Repo | None:
    """Return the repo that `folder` is in; None without git, or where it has nothing to say.

    Raises `RpzctlError` for a repo that git refuses to work in.
    """
    if process.find("git") is None:
        return None
    above = (folder.resolve(), *folder.resolve().parents)
    if not any((each / ".git").exists() for each in above) and "GIT_DIR" not in os.environ:
        return None  # what most who have no repo pay
    asked = ["git", "-C", str(folder), "rev-parse", "--show-toplevel", "--absolute-git-dir"]
    holder = next((each / ".git" for each in above if (each / ".git").exists()), folder)
    owner = holder.stat().st_uid
    as_owner = owner if os.geteuid() == 0 and owner != 0 else None
    done = process.start(asked, env=_QUIET, owner=as_owner).wait(timeout=timeout)
    if done.status != 0:
        raise RpzctlError(f"git does not work in {folder}: {printable(done.said, 300)}")
    top, git = done.out.splitlines()[:2]
    return Repo(folder.resolve(), Path(top).resolve(), Path(git), timeout)


def head(repo: Repo) -> Head:
    """Return what the working tree is at. Raises `RpzctlError`."""
    done = repo.run("rev-parse", "--verify", "--quiet", "HEAD")
    commit = done.out.strip() if done.status == 0 else ""
    place = str(repo.folder)
    changed = repo.run("status", "--porcelain", "--untracked-files=all", "--", place)
    return Head(commit, bool(changed.out.strip()))


def merge_base(repo: Repo, ref: str) -> str:
    """Return the commit at which the working tree and `ref` parted.

    Raises `UsageFault` for what is no commit, and where they have none in common.
    """
    asked = repo.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if asked.status != 0:
        raise UsageFault(
            f"{printable(ref, 100)} is no commit of {repo.top}",
            fix="fetch it first: git fetch origin",
        )
    done = repo.run("merge-base", asked.out.strip(), "HEAD")
    if done.status != 0 or not done.out.strip():
        raise UsageFault(
            f"{printable(ref, 100)} and the working tree have no commit in common",
            fix="fetch the whole history: git fetch --unshallow (in CI: fetch-depth: 0)",
        )
    return done.out.split()[0]


def check_out(repo: Repo, commit: str, folder: Path) -> Path:
    """Write the policy repo as it is in `commit` below `folder`, and return where.

    The working tree and its index stay as they are. Raises `RpzctlError`.
    """
    if os.geteuid() == 0:
        owner = repo.git.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
    own = {"GIT_INDEX_FILE": str(folder / "index")}
    place = repo.folder.relative_to(repo.top)
    _must(repo, "read-tree", commit, env=own)
    literal = {**own, "GIT_LITERAL_PATHSPECS": "1"}
    inside = _must(repo, "ls-files", "-z", "--", str(place), env=literal).raw
    tree = folder / "tree"
    _must(
        repo,
        "checkout-index",
        "-z",
        "--stdin",
        f"--prefix={tree}/",
        stdin=inside,
        env=own,
    )
    return tree / place


def versions(repo: Repo, paths: list[str]) -> dict[str, Versions]:
    """Return what HEAD and the index have of each of `paths`. Raises `RpzctlError`."""
    wanted = [f"{where}:{path}" for path in paths for where in ("HEAD", "")]
    asked = "".join(f"{name}\n" for name in wanted).encode()
    done = repo.run("cat-file", "--batch", stdin=asked)
    if done.status != 0:
        raise RpzctlError(f"git cat-file failed: {printable(done.said, 300)}")
    found = _blobs(done.raw, len(wanted))
    return {path: Versions(found[2 * n], found[2 * n + 1]) for n, path in enumerate(paths)}


def _blobs(text: bytes, count: int) -> list[bytes | None]:
    """Return the blobs in what ``git cat-file --batch`` wrote."""
    found: list[bytes | None] = []
    at = 0
    for _ in range(count):
        end = text.index(b"\n", at)
        words = text[at:end].rsplit(b" ", 2)
        at = end + 1
        if words[-1] == b"missing" or words[-2:-1] != [b"blob"]:
            found.append(None)
            continue
        size = int(words[-1])
        found.append(text[at : at + size])
        at += size + 1
    return found


def commit(repo: Repo, files: Mapping[str, Versions], message: str, author: str | None) -> str:
    """Commit `files`, by their paths, and nothing else; return the commit.

    `author` is ``NAME <ADDRESS>``; None: who git says. Raises `RpzctlError` if git, or one of its
    hooks, does not.
    """
    busy = repo.busy()
    if busy:
        raise RpzctlError(f"a {busy} is going on in {repo.top}", fix="commit by hand after it")
    aside = repo.git / f"rpzctl-index-{os.getpid()}"
    own = {"GIT_INDEX_FILE": str(aside)}
    try:
        born = repo.run("rev-parse", "--verify", "--quiet", "HEAD").status == 0
        _must(repo, "read-tree", *(("HEAD",) if born else ("--empty",)), env=own)
        _staged(repo, {path: each.head for path, each in files.items()}, own)
        _committed(repo, message, author, own)
    finally:
        for left in (aside, aside.with_name(aside.name + ".lock")):
            left.unlink(missing_ok=True)
    _staged(repo, {path: each.staged for path, each in files.items()}, {})
    return _must(repo, "rev-parse", "HEAD").out.strip()


def _staged(repo: Repo, contents: Mapping[str, bytes | None], env: Mapping[str, str]) -> None:
    lines = []
    for path, content in contents.items():
        if content is None:
            lines.append(f"0 {'0' * 40}\t{path}")
            continue
        blob = _must(repo, "hash-object", "-w", "--stdin", stdin=content).out.strip()
        lines.append(f"100644 {blob}\t{path}")
    text = "".join(line + "\0" for line in lines).encode()
    _must(repo, "update-index", "-z", "--index-info", stdin=text, env=env)


def _committed(repo: Repo, message: str, author: str | None, env: Mapping[str, str]) -> None:
    words = ["commit", "--quiet", "--message", message]
    words += ["--author", author] if author else []
    done = repo.run(*words, env=env)
    if done.status != 0 and any(said in done.err for said in _NOBODY):
        done = repo.run(*words, env={**_somebody(author), **env})
    if done.status != 0:
        raise RpzctlError(
            f"git commit failed: {printable(done.said.splitlines()[0] if done.said else '', 300)}",
            details=[printable(line, 300) for line in done.said.splitlines()[1:10]],
        )


def _somebody(author: str | None) -> dict[str, str]:
    """Return an identity for one who has none."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    name, _, rest = (author or f"{user} <{address(user)}>").partition(" <")
    return {
        "GIT_COMMITTER_NAME": "rpzctl",
        "GIT_COMMITTER_EMAIL": address("rpzctl"),
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": rest.rstrip(">"),
    }


def address(name: str) -> str:
    """Return an address for one of whom only the name is known."""
    plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
    return f"{plain}@{socket.gethostname()}"


def push(repo: Repo, remote: str) -> None:
    """Push the branch that is checked out. Raises `RpzctlError` if it is rejected."""
    done = repo.run("push", "--quiet", *((remote, "HEAD") if remote else ()))
    if done.status != 0:
        raise RpzctlError(f"git push failed: {printable(done.said, 300)}", fix="git pull --rebase")


def _must(
    repo: Repo, *words: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> process.Finished:
    done = repo.run(*words, stdin=stdin, env=env)
    if done.status != 0:
        raise RpzctlError(f"git {words[0]} failed: {printable(done.said, 300)}")
    return done
