"""Changes of feed definitions in the policy repo: add, enable, disable, remove.

A definition is a file that people read and commit: comments stay, and nothing is written that does
not read back.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from rpzctl import catalogue, feed_groups, recording, shipped
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.files import write_aside
from rpzctl.names import printable
from rpzctl.run import Run
from rpzctl.store import SYNC_LOCK
from rpzctl.typed import NO_TEXT, Fault, Faults


class Added(NamedTuple):
    """A definition that was written."""

    feed: Feed
    guessed: str | None
    """the format, where it was not said, and what speaks for it"""


class Removed(NamedTuple):
    """What went with a definition."""

    feed: Feed
    snapshot: bool
    """whether there was a last good copy"""
    shipped: Feed | None
    """the shipped definition of the same name, which shows again"""


_NOT_SET = MappingProxyType(
    {"name": "a feed has the name of its file", "file": "it is where the definition is"}
)


def own(config: Config, name: str) -> Path:
    """Return where the policy repo's own definition of the feed `name` is, or would be."""
    return config.repo / "feeds" / f"{name}.toml"


def is_shipped(feed: Feed) -> bool:
    """Tell whether a definition is one that comes with rpzctl."""
    return feed.file.parent == shipped.folder("feeds").resolve()


def terms(feed: Feed) -> str:
    """Return for people whether a feed may be used commercially."""
    if feed.commercial is None:
        return "not known" + (f": see {feed.homepage}" if feed.homepage else "")
    if feed.commercial:
        return "commercial use is allowed"
    return "no commercial use" + (f" ({feed.licence})" if feed.licence else "")


def source(text: str) -> str:
    """Return the URL that a person means: a path of this machine is a ``file:`` URL."""
    known = any(text.startswith(f"{scheme}:") for scheme in catalogue.SCHEMES)
    return text if known or "://" in text else Path(text).absolute().as_uri()


def setting(text: str) -> tuple[str, Any]:
    """Return the key and the value of ``KEY=VALUE``; a value is as in TOML, or else plain text.

    Raises `UsageFault`.
    """
    import tomllib

    key, given, value = text.partition("=")
    if not given or not key.strip():
        raise UsageFault(f"--set {text!r} is not KEY=VALUE")
    if key.strip() in _NOT_SET:
        raise UsageFault(f"--set {key.strip()}: is no key to set: {_NOT_SET[key.strip()]}")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except RecursionError:
        raise UsageFault(f"--set {key.strip()}: the value is nested too deep") from None
    except ValueError:  # no TOML
        return key.strip(), value


def find(config: Config, name: str) -> Feed:
    """Return the definition of the feed `name`. Raises `UsageFault`."""
    feeds = catalogue.load(config)
    if name not in feeds:
        raise UsageFault(f"there is no feed {name}", fix="'rpzctl feeds list' shows them")
    return feeds[name]


def add(
    config: Config,
    name: str,
    keys: Mapping[str, Any],
    stage: Callable[[str], None] = lambda _: None,
) -> Added:
    """Write the definition of a feed `name` that says `keys`; `stage` is told of what takes long.

    Without a format the list is read once, and its format guessed. Raises `UsageFault` with all
    faults, and what reading raises; nothing is written then.
    """
    path = own(config, name)
    taken = catalogue.load(config).get(name)
    if taken is not None:
        raise UsageFault(
            f"there is a feed {name}: {taken.file}",
            fix=f"give another name, or change it: 'rpzctl feeds enable {name}' copies it into the "
            "policy repo"
            if taken.file != path.resolve()
            else "give another name, or edit it",
        )
    if str(keys.get("url")).startswith("axfr:"):
        keys = {"format": "rpz", **keys}
    plain = {key: value for key, value in keys.items() if key not in catalogue.READING}
    feed = _valid(path, name, keys if "format" in keys else {"format": "domains", **plain})
    if config.origin(feed.zone) == config.policy.operator_zone:
        raise UsageFault(f"zone: {feed.zone} would have the zone of the operator's own rules")
    guessed = None
    if "format" not in keys:
        from rpzctl import reading

        stage(f"reading {feed.url}")  # a definition's URL holds no password
        found = reading.guessed(feed)
        keys = {**keys, "format": found.format}
        guessed = f"{found.format} ({found.guesses[0].share:.0%} of the lines)"
        feed = _valid(path, name, keys)
    write_aside(path, _text(keys).encode(), mode=0o644)
    return Added(feed, guessed)


def _valid(path: Path, name: str, keys: Mapping[str, Any]) -> Feed:
    try:
        return Feed.of({**keys, "name": name, "file": path.resolve()})
    except Faults as found:
        odd = next((_quoted(fault) for fault in found.faults if fault.said == NO_TEXT), "")
        raise UsageFault(
            f"not a definition of a feed: {name}",
            details=found.lines(),
            fix="nothing was written; the keys are in docs/reference/feeds.md"
            + (f"; text that looks like a number or a date needs quotes: {odd}" if odd else ""),
        ) from None


def _quoted(fault: Fault) -> str:
    """Return how the option would say a text that TOML takes for something else."""
    return f"""--set '{fault.key[0]}="{printable(str(fault.given))}"'"""


def _text(keys: Mapping[str, Any]) -> str:
    """Return the definition as TOML: its title, then keys in the order of the reference."""
    import tomlkit

    document = tomlkit.document()
    for key in ("title", *(key for key in Feed.fields if key != "title")):
        if key in keys:
            document[key] = keys[key]
    return tomlkit.dumps(document)


def commit(run: Run, name: str, before: bytes | None) -> recording.Recorded | None:
    """Commit the change of a feed's definition in the policy repo, which said `before`."""
    message = recording.message(run, [name])
    return recording.file(run, own(run.config, name), before, message)


def text_of(config: Config, name: str) -> bytes | None:
    """Return what the policy repo's own definition of a feed says; None: there is none."""
    try:
        return own(config, name).read_bytes()
    except OSError:
        return None


def set_enabled(config: Config, name: str, *, enabled: bool) -> Feed:
    """Enable or disable a feed in the policy repo; return it as it is now.

    A shipped definition is copied there first; comments stay. Raises `UsageFault`.
    """
    import tomlkit

    feed = find(config, name)
    try:
        document = tomlkit.parse(feed.file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # gone by now, or the libraries do not agree
        raise UsageFault(f"cannot edit {feed.file}", fix="set its key enabled by hand") from None
    document["enabled"] = enabled
    path = own(config, name)
    write_aside(path, tomlkit.dumps(document).encode(), mode=0o644)
    return feed.but(enabled=enabled, file=path.resolve())


def remove(run: Run, name: str) -> Removed:
    """Remove the policy repo's own definition of a feed, and its last good copy.

    Raises `UsageFault` if there is none, `Locked` while a sync is at work.
    """
    path = own(run.config, name)
    feed = find(run.config, name)
    if feed.file != path.resolve():
        raise UsageFault(
            f"{name} is a shipped feed and has no definition in the policy repo",
            fix=f"it is not used: there is nothing to remove; "
            f"'rpzctl feeds enable {name}' would use it",
        )
    with run.store.lock(run.wait, SYNC_LOCK):
        try:
            path.unlink()
        except OSError as fault:
            raise RpzctlError(f"cannot remove {path}: {fault.strerror}") from None
        snapshot = feed_groups.snapshots(run.config).forget(name)
    beneath = shipped.folder("feeds") / f"{name}.toml"
    return Removed(feed, snapshot, catalogue.read(beneath) if beneath.is_file() else None)
