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
kind = "bind"
server = {server}
port = {port}
rndc_port = {rndc_port}
rndc_key = {rndc_key}
named_conf = {named_conf}
"""


class Made(NamedTuple):
    """What `init` did."""

    repo: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    git: bool
    generation: int
    options_include: str
    zones_include: str
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
            "includes": {"options": self.options_include, "zones": self.zones_include},
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
    link = run.store.current_link
    return Made(
        repo=folder,
        written=tuple(path for path in wanted if path not in kept),
        kept=tuple(kept),
        git=made_git,
        generation=generation,
        options_include=f'include "{link}/options.conf";',
        zones_include=f'include "{link}/zones.conf";',
        outcome=outcome,
    )


def _settings(overrides: Mapping[str, object]) -> str:
    paths, resolver = config.Paths(), config.ResolverSettings()
    values: dict[str, object] = {
        "output": paths.output,
        "state": paths.state,
        **{
            k: getattr(resolver, k)
            for k in ("server", "port", "rndc_port", "rndc_key", "named_conf")
        },
        **overrides,
    }
    return _SETTINGS.format_map({key: _toml(value) for key, value in values.items()})


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
