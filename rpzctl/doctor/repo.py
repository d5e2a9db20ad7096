"""git: is the policy repo one, whose is it, who commits, is all committed and up to date."""

import os
from collections.abc import Iterator

from rpzctl import process
from rpzctl.doctor.finding import Finding, NotLooked, ok, warning
from rpzctl.doctor.scene import Scene

_RULES = ("rpzctl.toml", "policy", "feeds", "templates")


def _git(scene: Scene, *command: str, most: float = 4.0) -> process.Finished:
    if process.find("git") is None:
        raise NotLooked("git is not installed: see 'tools'")
    # Nothing asks for a password: there is no terminal, and no helper to ask in its place.
    quiet = ("-c", "core.askPass=true", "-c", "core.fsmonitor=false")
    return scene.run(["git", "-C", str(scene.config.repo), *quiet, *command], most)


def _inside(scene: Scene) -> None:
    """Raise `NotLooked` unless the policy repo is in git and may be used."""
    if _git(scene, "rev-parse", "--is-inside-work-tree").out.strip() != "true":
        raise NotLooked("the policy repo cannot be used with git: see 'git-repo'")


def git_repo(scene: Scene) -> Iterator[Finding]:
    """Look whether the policy repo is in git, and whether git lets us use it.

    Harm: nobody can tell who changed the policy, or take a change back.
    Example: a repo of the user deploy, used by root: git refuses it ("dubious ownership").
    Reference: git-config(1), safe.directory
    """
    repo = scene.config.repo
    done = _git(scene, "rev-parse", "--is-inside-work-tree")
    if done.out.strip() == "true":
        yield ok("the policy repo is in git", repo)
    elif "dubious ownership" in done.said:
        top = done.said.partition("repository at '")[2].partition("'")[0] or str(repo)
        yield warning(
            f"belongs to another user, so git does not let us (uid {os.geteuid()}) use it",
            repo,
            f"git config --global --add safe.directory {top}",
        )
    else:
        yield warning(
            "the policy repo is not in git: nothing records who changed what",
            repo,
            f"git -C {repo} init; git -C {repo} add .; git -C {repo} commit -m 'The policy'",
        )


def git_identity(scene: Scene) -> Iterator[Finding]:
    """Look whether git knows who commits.

    Harm: commits fail, or bear a name that git made up.
    Example: a service's user, without a ~/.gitconfig.
    Reference: git-config(1), user.name, user.email
    """
    _inside(scene)
    repo = scene.config.repo
    missing = []
    for key, named in (("user.name", "NAME"), ("user.email", "EMAIL")):
        given = os.environ.get(f"GIT_AUTHOR_{named}") and os.environ.get(f"GIT_COMMITTER_{named}")
        if not given and not _git(scene, "config", "--get", key).out.strip():
            missing.append((key, "Your Name" if named == "NAME" else "you@your.example"))
    if not missing:
        yield ok("git knows who commits", repo)
        return
    lines = "\n".join(f'git -C {repo} config {key} "{value}"' for key, value in missing)
    yield warning(f"git does not know {' and '.join(key for key, _ in missing)}", repo, lines)


def git_changes(scene: Scene) -> Iterator[Finding]:
    """Look for rules, definitions and settings that are not committed.

    Harm: what is live is not what the repo says; the next pull may fail on it.
    Example: a line added to policy/block.list with an editor, and forgotten.
    Reference: git-status(1)
    """
    _inside(scene)
    repo = scene.config.repo
    done = _git(scene, "status", "--porcelain", "-z", "--", *_RULES)
    if done.status != 0:
        raise NotLooked(done.said[:200])
    changed = [line[3:] for line in done.out.split("\0") if line]
    if changed:
        names = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")  # noqa: PLR2004 - as shown
        yield warning(
            f"not committed: {names}",
            repo,
            f"git -C {repo} diff; then: git -C {repo} add -A . && git -C {repo} commit",
        )
    else:
        yield ok("all rules, definitions and settings are committed", repo)


def git_remote(scene: Scene) -> Iterator[Finding]:
    """Compare the branch with the one that it follows; with --online as that is there now.

    Harm: what colleagues merged is not applied here, or what was blocked here is not known there.
    Example: the pull of a timer fails since the key of the machine expired.
    Reference: git-rev-list(1), git-ls-remote(1)
    """
    _inside(scene)
    repo = scene.config.repo
    upstream = _git(scene, "rev-parse", "--abbrev-ref", "@{upstream}").out.strip()
    if not upstream:
        yield ok("follows no remote branch", repo)
        return
    counts = _git(scene, "rev-list", "--left-right", "--count", "HEAD...@{upstream}").out.split()
    ahead, behind = (int(count) for count in counts) if len(counts) == 2 else (0, 0)  # noqa: PLR2004 - left and right
    where = f"{repo} {upstream}"
    if behind:
        yield warning(
            f"{behind} commits behind", where, f"git -C {repo} pull --ff-only && rpzctl apply"
        )
    if ahead:
        yield warning(f"{ahead} commits are not pushed", where, f"git -C {repo} push")
    if scene.online and not behind:
        moved = _moved(scene, upstream)
        if moved:
            yield moved
            return
    if not ahead and not behind:
        yield ok("up to date" if scene.online else "up to date, as last fetched", where)


def _moved(scene: Scene, upstream: str) -> Finding | None:
    """Ask the remote where its branch is; return what to tell if it moved or does not answer."""
    repo = scene.config.repo
    remote = _git(scene, "config", "--get", f"branch.{_branch(scene)}.remote").out.strip()
    ref = _git(scene, "config", "--get", f"branch.{_branch(scene)}.merge").out.strip()
    done = _git(scene, "ls-remote", "--exit-code", "--", remote, ref, most=8.0)
    if done.status != 0:
        why = " ".join(done.said.split())[:200] or "no such branch"
        return warning(f"{remote} does not answer: {why}", repo, f"git -C {repo} fetch")
    there = done.out.split()[0] if done.out.split() else ""
    if _git(scene, "cat-file", "-e", f"{there}^{{commit}}").status == 0:
        return None
    return warning(
        f"{upstream} has commits that were not fetched",
        repo,
        f"git -C {repo} pull --ff-only && rpzctl apply",
    )


def _branch(scene: Scene) -> str:
    return _git(scene, "symbolic-ref", "--short", "HEAD").out.strip()
