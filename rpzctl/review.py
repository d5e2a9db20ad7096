"""What would merging do: the policy in the working tree, held against that of a commit.

Both are made as `apply` would make them, from the same moment and without a resolver, into folders
of their own, so that it can be done wherever the policy repo is checked out. Copies of feeds are
not where CI runs: of feeds, it tells which definitions differ.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rpzctl import build, catalogue, config, git, planning
from rpzctl.book import read_book
from rpzctl.catalogue import Feed
from rpzctl.config import Config, Paths
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.git import Head, Repo
from rpzctl.plan import Plan
from rpzctl.run import Run
from rpzctl.store import Store

_OWN = {"file", "paths"}
"""settings that say where, not what"""


class FeedChange(NamedTuple):
    """A feed whose definition differs."""

    feed: str
    zone: str
    status: Literal["enabled", "disabled", "changed", "new", "removed"]
    keys: tuple[str, ...] = ()
    """of the definition, that differ"""

    def text(self) -> str:
        """Return it for people."""
        keys = f" ({', '.join(self.keys)})" if self.keys else ""
        return f"{self.feed}, group {self.zone}: {self.status}{keys}"


class SettingChange(NamedTuple):
    """A setting that differs."""

    key: str
    old: str | None
    """None: not said, or not there"""
    new: str | None

    def text(self) -> str:
        """Return it for people."""
        return f"{self.key}: {self.old or 'not set'}, then {self.new or 'not set'}"


class Review(NamedTuple):
    """What merging would do."""

    base: str
    """the commit that it is held against"""
    head: Head
    """what the working tree is at"""
    plan: Plan
    """of the operator's rules, templates and fragments"""
    settings: tuple[SettingChange, ...]
    feeds: tuple[FeedChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether merging would do nothing."""
        return self.plan.is_empty and not self.settings and not self.feeds

    def value(self, limit: int | None) -> dict[str, Any]:
        """Return it as a JSON-ready document; `limit` bounds the rows, not the counts."""
        return {
            "base_commit": self.base,
            "head_commit": self.head.commit or None,
            "uncommitted": self.head.dirty,
            **self.plan.value(limit),
            "empty": self.is_empty,
            "settings": [each._asdict() for each in self.settings],
            "feeds": [{**each._asdict(), "keys": list(each.keys)} for each in self.feeds],
        }


def review(run: Run, ref: str) -> Review:
    """Return what merging the working tree into `ref` would do.

    It is held against the commit at which both parted (``git merge-base``). Raises `UsageFault`
    without git or for an unknown `ref`, and what reading and planning a policy does.
    """
    repo = git.find(run.config.repo, run.config.git.timeout)
    if repo is None:
        raise UsageFault(
            f"{run.config.repo} is not under git's control", fix="leave --base out, or 'git init'"
        )
    base = git.merge_base(repo, ref)
    with _checked_out(repo, base, run.config) as old, tempfile.TemporaryDirectory() as aside:
        place = Path(aside)
        before, after = (_moved(each, place) for each in (old, run.config))
        try:
            _publish(run._replace(config=before))
            old_feeds = catalogue.load(before)
        except RpzctlError as fault:
            raise _at(ref, fault) from None
        plan = planning.plan_only(run._replace(config=after), None)
        return Review(
            base,
            git.head(repo),
            plan,
            tuple(_settings(old.value(), run.config.value(), "")),
            tuple(_feeds(old_feeds, catalogue.load(run.config))),
        )


@contextmanager
def _checked_out(repo: Repo, commit: str, now: Config) -> Iterator[Config]:
    """Give the settings of `commit`, its policy repo beside them, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="rpzctl-base-") as name:
        folder = git.check_out(repo, commit, Path(name))
        try:
            found = config.load(folder / now.file.name)
        except RpzctlError as fault:
            raise _at(commit[:10], fault) from None
        yield found


def _at(ref: str, fault: RpzctlError) -> UsageFault:
    return UsageFault(
        f"the policy at {ref} cannot be read: {fault.message}",
        details=fault.details,
        fix="'rpzctl check --repo' holds the working tree by itself",
    )


def _moved(settings: Config, place: Path) -> Config:
    """Return the settings with output and state below `place`, and no expectations to hold."""
    paths = Paths(output=place / "output", state=place / "state")
    return settings.but(paths=paths)


def _publish(run: Run) -> None:
    """Publish the operator's policy to the folders of `run`; no resolver is told."""
    store = Store(run.config.output, run.config.state)
    book = read_book(run.config.repo)
    with store.lock(0), store.aside() as folder:
        target, _ = planning.make_target(run, book, None, None)
        step = build.Step(run.config, store, None, target, run.now, {}, book)
        store.publish(folder, build.build(step, folder))


def _settings(old: Any, new: Any, key: str) -> Iterator[SettingChange]:  # noqa: ANN401 - JSON
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            if key or name not in _OWN:
                below = f"{key}.{name}" if key else name
                yield from _settings(old.get(name), new.get(name), below)
    elif old != new:
        yield SettingChange(key, *(None if each is None else str(each) for each in (old, new)))


def _feeds(old: Mapping[str, Feed], new: Mapping[str, Feed]) -> Iterator[FeedChange]:
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            there = now or was
            if there is not None and there.enabled:
                yield FeedChange(name, there.zone, "new" if now else "removed")
            continue
        values = was.value(), now.value()
        keys = tuple(key for key in values[1] if key != "file" and values[0][key] != values[1][key])
        if was.enabled != now.enabled:
            rest = tuple(key for key in keys if key != "enabled")
            yield FeedChange(name, now.zone, "enabled" if now.enabled else "disabled", rest)
        elif keys and now.enabled:
            yield FeedChange(name, now.zone, "changed", keys)
