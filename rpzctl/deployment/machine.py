"""A machine as the templates see it: where things are, and who runs them."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from rpzctl import config, process
from rpzctl.audit import file_of
from rpzctl.config import Config
from rpzctl.errors import UsageFault
from rpzctl.resolver_settings import BindSettings

USER = "rpzctl"
_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bind": ("bind", "named"),
        "unbound": ("unbound",),
        "pdns-recursor": ("pdns", "pdns-recursor"),
        "knot": ("knot-resolver",),
    }
)
"""the groups that a resolver's files are of: Debian, the others"""
_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "bind": "named.service",
        "unbound": "unbound.service",
        "pdns-recursor": "pdns-recursor.service",
        "knot": "kresd.target",
    }
)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - looked for, not used
_CONFINED = ("/etc/bind", "/var/lib/bind", "/var/cache/bind")
"""where named may read under Debian's AppArmor profile"""
_KEY_NAME = re.compile(r'^\s*key\s+"?([A-Za-z0-9._-]+)"?\s*\{', re.MULTILINE)


class Machine(NamedTuple):
    """A machine, or a tree that will be one."""

    config: Config
    program: tuple[str, ...]
    """how rpzctl is started there"""
    user: str
    groups: tuple[str, ...]
    """of the resolvers: they read what is published"""
    root: Path | None = None
    """a tree that files are put into in place of /"""

    @property
    def named(self) -> BindSettings:
        """The first BIND, or one as it usually is."""
        found = (each for each in self.config.resolver if isinstance(each, BindSettings))
        return next(found, BindSettings())

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of resolvers, each once."""
        return tuple(dict.fromkeys(each.kind for each in self.config.resolver)) or ("bind",)

    @property
    def places(self) -> dict[str, str]:
        """Folders that files go to, by what `parts` calls them."""
        return {
            "repo": str(self.config.repo),
            "named": str(self.named.named_conf.parent),
            "hooks": str(_git(self.config.repo).common / "hooks"),
            "user": self.user,
            "group": self.groups[0],
        }

    def values(self) -> dict[str, Any]:
        """Return what the templates may speak of."""
        config, named = self.config, self.named
        state = _below_var_lib(config.state)
        default_zones = named.named_conf.parent / "named.conf.default-zones"
        git = _git(config.repo)
        needed = (
            *(Path(self.program[0]), config.file, config.output, config.state),
            *(named.rndc_key, named.named_conf),
        )
        return {
            "rpzctl": [*self.program, "--config", str(config.file)],
            "git": process.find("git") or "/usr/bin/git",
            "user": self.user,
            "groups": list(self.groups),
            "services": [_UNITS[kind] for kind in self.kinds],
            "repo": str(config.repo),
            "output": str(config.output),
            # A folder has one group; what is published is no secret to the resolvers of others.
            "output_mode": "2750" if len(self.groups) == 1 else "2755",
            "state": str(config.state),
            "state_directory": state,
            "audit_log": str(file_of(config)),
            "writable": _writable(config, own_state=state is None),
            "git_writable": sorted({str(git.top), str(git.common)}),
            "watched": [
                str(config.repo / name)
                for name in (config.file.name, "policy", "feeds", "templates/bind")
            ],
            "in_home": _any_below(needed, _HOMES),
            "in_tmp": _any_below(needed, _TEMPORARY),
            "output_granted": _any_below([config.output], _CONFINED),
            "port": named.port,
            "rndc_port": named.rndc_port,
            "rndc_key": str(named.rndc_key),
            "rndc_key_name": _key_name(named.rndc_key),
            "named_folder": str(named.named_conf.parent),
            "default_zones": str(default_zones) if default_zones.is_file() else None,
        }

    def in_the_way(self) -> list[str]:
        """Return what would keep the user from running rpzctl and reading the policy repo."""
        if self.root is not None:
            return []
        found = []
        for path in (Path(self.program[0]), self.config.file):
            closed = [p for p in reversed(path.resolve().parents) if _closed(p)]
            if closed:
                found.append(
                    f"{path}: {closed[0]} is closed to others: can {self.user} pass through it?"
                )
        return found


def describe(
    given: Path | None,
    *,
    user: str | None = None,
    group: str | None = None,
    program: Path | None = None,
    root: Path | None = None,
) -> Machine:
    """Return this machine, or what is to be in the tree `root`.

    `given` is the configuration, as for `config.find`; where none is named and none is found, it is
    one at ``/etc/rpzctl`` that says nothing. Raises `UsageFault`.
    """
    for account in (user, group):
        if account is not None and not _ACCOUNT.fullmatch(account):
            raise UsageFault(f"{account!r} is no name of a user or group")
    if program is not None and not program.is_absolute():
        raise UsageFault(f"--program is an absolute path, not {str(program)!r}")
    if root is not None and not root.is_dir():
        raise UsageFault(f"there is no folder {root}")
    settings = _settings(given)
    return Machine(
        config=settings,
        program=(str(program),) if program else _program(),
        user=user or USER,
        groups=(group,) if group else _groups(root or Path("/"), settings),
        root=root,
    )


def _settings(given: Path | None) -> Config:
    try:
        file = config.find(given)
    except UsageFault:
        if given is not None or os.environ.get("RPZCTL_CONFIG"):
            raise
        return Config.of({"file": config.SYSTEM_FILE})
    return config.load(file)


def _program() -> tuple[str, ...]:
    """Return how this rpzctl is started: the program on whose behalf Python runs, or Python."""
    started = Path(sys.argv[0])
    beside = Path(sys.executable).parent / "rpzctl"
    for path in (started, beside):
        if path.name == "rpzctl" and path.is_absolute() and os.access(path, os.X_OK):
            return (str(path),)
    return (sys.executable, "-m", "rpzctl")


def _groups(root: Path, settings: Config) -> tuple[str, ...]:
    """Return the groups of the resolvers; Debian's where the tree does not know any."""
    try:
        lines = (root / "etc/group").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    there = {line.partition(":")[0] for line in lines}
    names = [_GROUPS[each.kind] for each in settings.resolver] or [_GROUPS["bind"]]
    found = (next((name for name in known if name in there), known[0]) for known in names)
    return tuple(dict.fromkeys(found))


class _Git(NamedTuple):
    """Where a git repository keeps its files: its working tree, and what worktrees share."""

    top: Path
    common: Path


def _git(folder: Path) -> _Git:
    """Return the repository that `folder` is in; git is not asked: it refuses folders of others."""
    for top in (folder, *folder.parents):
        place = top / ".git"
        if place.is_dir():
            return _Git(top, place)
        if place.is_file():  # a worktree: "gitdir: PATH", and in there the file commondir
            _, _, pointed = place.read_text(encoding="utf-8").strip().partition("gitdir: ")
            own = top / pointed
            shared = own / "commondir"
            if shared.is_file():
                own = own / shared.read_text(encoding="utf-8").strip()
            return _Git(top, own.resolve())
    return _Git(folder, folder / ".git")


def _key_name(key: Path) -> str:
    """Return the name of the key in a file; Debian's where it cannot be read."""
    try:
        found = _KEY_NAME.search(key.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return found.group(1) if found else "rndc-key"


def _writable(config: Config, *, own_state: bool) -> list[str]:
    """Return the folders that rpzctl writes to, but for a state folder that systemd makes."""
    found = [config.output, *([config.state] if own_state else [])]
    more = [config.repo / config.metrics.file] if config.metrics.file else []
    more += [file_of(config)] if config.audit.file else []
    return list(dict.fromkeys(map(str, [*found, *(path.parent for path in more)])))


def _below_var_lib(state: Path) -> str | None:
    """Return the state folder as StateDirectory= names it; None where it cannot."""
    if not state.is_relative_to("/var/lib") or ":" in str(state):
        return None
    return str(state.relative_to("/var/lib"))


def _any_below(paths: Iterable[Path], folders: Iterable[str]) -> bool:
    both = [each for path in paths for each in (path, path.resolve())]
    return any(path.is_relative_to(folder) for path in both for folder in folders)


def _closed(folder: Path) -> bool:
    try:
        return not folder.stat().st_mode & 0o001
    except OSError:
        return False
