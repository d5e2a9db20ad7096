"""`rpzctl init`: a policy repo, and a first, complete, empty generation to include."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rpzctl import config, pipeline, process
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.files import write_aside
from rpzctl.manifest import Cause
from rpzctl.pipeline import Outcome
from rpzctl.run import Run

_RULES_HEAD = {
    "block": """\
# Names that are blocked, one a line: NAME [exact] [key=value ...]   (*.NAME: only what is below)
# Keys: action via reason ticket by at expires. Edit by hand, or use 'rpzctl block' and 'unblock'.

""",
    "allow": """\
# Names that resolve whatever feeds and wider blocks say: NAME [exact] [key=value ...]
# Keys: reason ticket by at expires. Edit by hand, or use 'rpzctl allow' and 'unallow'.

""",
}
_ATTRIBUTES = """\
# Rules are one a line: two branches that each add some keep all of them.
policy/*.list merge=union
"""
_SETTINGS = """\
# rpzctl settings. Everything else has a default: docs/reference/configuration.md.

[paths]
output = {output}
state = {state}

[guards]
# Your own domains and the names of your resolvers: never blocked without --force.
protect = []

[[resolver]]
"""
_RESOLVER_KEYS = {
    "bind": ("kind", "server", "port", "rndc_port", "rndc_key", "named_conf"),
    "unbound": ("kind", "server", "port", "unbound_conf"),
    "pdns-recursor": ("kind", "server", "port", "config_dir", "socket_dir"),
    "knot": ("kind", "server", "port", "control"),
}
OUTPUTS = {
    "bind": config.Paths().output,
    "unbound": Path("/var/lib/unbound/rpzctl"),
    "pdns-recursor": Path("/var/lib/rpzctl-published"),
    "knot": Path("/var/lib/rpzctl-published"),
}
"""where each kind of resolver may read, as Debian has it: AppArmor confines BIND and Unbound"""


class Include(NamedTuple):
    """A line for a resolver's own configuration."""

    name: str
    where: str
    line: str


class Made(NamedTuple):
    """What `init` did."""

    repo: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    git: bool
    generation: int
    includes: tuple[Include, ...]
    then: tuple[str, ...]
    """how the resolvers take them in"""
    outcome: Outcome | None = None
    """of the first publish; None: there was a policy already"""

    def value(self) -> dict[str, object]:
        """Return it as a JSON-ready document."""
        return {
            "repo": str(self.repo),
            "written": [str(path) for path in self.written],
            "kept": [str(path) for path in self.kept],
            "git": self.git,
            "generation": self.generation,
            "includes": {include.name: include.line for include in self.includes},
        }


def init(
    folder: Path,
    overrides: Mapping[str, object],
    *,
    git: bool,
    cause: Cause | None = None,
    wait: float = 60.0,
) -> Made:
    """Write the policy repo in `folder` and publish an empty generation.

    `overrides` are values of rpzctl.toml that differ from the defaults, by key. What is there
    already stays as it is, rpzctl.toml included. Raises `RpzctlError`, `UsageFault`.
    """
    folder = folder.resolve()
    settings = folder / config.FILE_NAME
    wanted = {
        folder / "policy" / "block.list": _RULES_HEAD["block"],
        folder / "policy" / "allow.list": _RULES_HEAD["allow"],
        folder / ".gitattributes": _ATTRIBUTES,
        settings: _settings(overrides),
    }
    kept = [path for path in wanted if path.exists()]
    if folder.exists() and not folder.is_dir():
        raise UsageFault(f"{folder} is not a folder")
    for path, text in wanted.items():
        if path not in kept:
            write_aside(path, text.encode(), mode=0o644)
    for name in ("feeds", "templates"):
        try:
            (folder / name).mkdir(exist_ok=True)
        except OSError as fault:
            raise RpzctlError(f"cannot make {folder / name}: {fault.strerror}") from None
    loaded = config.load(settings)
    made_git = git and _git_init(folder)
    run = Run(loaded, datetime.now(UTC), wait=wait, reload=False, cause=cause or Cause())
    current = run.store.current()
    outcome = None if current else pipeline.apply(run)
    generation = current.generation if current else outcome.generation if outcome else 0
    kinds = dict.fromkeys(resolver.kind for resolver in loaded.resolver) or ("bind",)
    return Made(
        repo=folder,
        written=tuple(path for path in wanted if path not in kept),
        kept=tuple(kept),
        git=made_git,
        generation=generation,
        includes=tuple(each for kind in kinds for each in includes(kind, run.store.current_link)),
        then=tuple(_THEN[kind] for kind in kinds),
        outcome=outcome,
    )


_THEN = {
    "bind": "rndc reconfig",
    "unbound": "unbound-control reload",
    "pdns-recursor": "a restart of pdns-recursor",
    "knot": "a restart of kresd",
}


def includes(kind: str, published: Path) -> list[Include]:
    """Return the lines by which a resolver of a kind takes in what is published."""
    match kind:
        case "bind":
            return [
                Include(
                    "options",
                    "Inside options { } of named.conf (Debian: /etc/bind/named.conf.options):",
                    f'include "{published}/options.conf";',
                ),
                Include(
                    "zones",
                    "At its top level (Debian: /etc/bind/named.conf.local):",
                    f'include "{published}/zones.conf";',
                ),
            ]
        case "unbound":
            return [
                Include(
                    "modules",
                    "In the server section of unbound.conf, respip in front of what is there:",
                    'module-config: "respip validator iterator"',
                ),
                Include(
                    "zones",
                    "At its top level (Debian: a file in /etc/unbound/unbound.conf.d/):",
                    f'include: "{published}/unbound.conf"',
                ),
            ]
        case "pdns-recursor":
            return [
                Include(
                    "zones",
                    "In recursor.conf (or dofile() it in the file that it says there):",
                    f"lua-config-file={published}/pdns-recursor.lua",
                ),
                Include(
                    "proof",
                    "Also there, so that answers tell their policy zone:",
                    "extended-resolution-errors=yes",
                ),
            ]
        case _:
            return [
                Include(
                    "zones",
                    "In kresd.conf (Debian: /etc/knot-resolver/kresd.conf):",
                    f'dofile("{published}/knot.lua")',
                )
            ]


def _settings(overrides: Mapping[str, object]) -> str:
    kind = str(overrides.get("kind", "bind"))
    keys = _RESOLVER_KEYS[kind]
    known = {"output", "state", *keys}
    for key in overrides:
        if key not in known:
            owners = [other for other, own in _RESOLVER_KEYS.items() if key in own]
            option = key.replace("_", "-")
            raise UsageFault(
                f"--{option} is for a resolver of the kind {' or '.join(owners)}, not {kind}"
            )
    [resolver] = config.Config.of({"file": Path(), "resolver": [{"kind": kind}]}).resolver
    values: dict[str, object] = {
        "output": OUTPUTS[kind],
        "state": config.Paths().state,
        **{key: getattr(resolver, key) for key in keys},
        **overrides,
    }
    told = {key: _toml(value) for key, value in values.items()}
    return _SETTINGS.format_map(told) + "".join(f"{key} = {told[key]}\n" for key in keys)


def _toml(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if not text.isprintable():
        raise UsageFault(f"{text!r} has a control character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _git_init(folder: Path) -> bool:
    """Make `folder` a git repository unless it is inside one; tell whether it was made."""
    if process.find("git") is None:
        return False
    inside = process.run(["git", "-C", str(folder), "rev-parse", "--is-inside-work-tree"])
    if inside.status == 0:
        return False
    done = process.run(["git", "-C", str(folder), "init", "--quiet"])
    if done.status != 0:
        raise RpzctlError(f"git init in {folder} failed: {done.said}", fix="or say --no-git")
    return True
