"""What a feed group's zones are to be made from, and what became of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import render
from rpzctl.changes import Changes
from rpzctl.config import Config
from rpzctl.feed_groups import Group
from rpzctl.guards import LeftOut
from rpzctl.ledger import Head, Line, Page
from rpzctl.manifest import Manifest, digest_of
from rpzctl.names import Domain
from rpzctl.plan import Candidate
from rpzctl.rpz import Action
from rpzctl.run import Run

if TYPE_CHECKING:
    from rpzctl.fronts import Fronts


class FreshPage(NamedTuple):
    """What is to be written down of a fresh zone."""

    origin: str
    """of the settled zone"""
    head: Head
    lines: tuple[Line, ...]
    changes: tuple[Changes, ...]


class Report(NamedTuple):
    """What happened to the names of one zone on their way in."""

    origin: str
    names: int
    left: LeftOut
    held: tuple[str, ...] = ()
    """feeds whose copy makes no sense in the format that the definition now says, and why"""


class Work(NamedTuple):
    """What all groups' zones are made with."""

    run: Run
    base: Manifest | None
    env: render.Templates
    excepted: Mapping[str, bytes]
    """the exceptions of feeds"""
    fronts: "Fronts"
    """which groups have a small zone in front"""

    @property
    def ledgers(self) -> Path:
        """The folder of the ledgers."""
        return ledgers(self.run.config)


class Wanted(NamedTuple):
    """What one group's zones are to be made from."""

    group: Group
    origin: Domain
    action: Action
    drawn: render.Drawn
    settings: str
    """digest of all but the copies"""
    copies: Mapping[str, str]
    """of which copy of each feed"""
    behind: tuple[Candidate, ...]
    """the feed zones that follow"""

    @property
    def front(self) -> Domain:
        """The origin of the fresh zone, if there is one."""
        return front_of(self.origin)

    @property
    def inputs(self) -> str:
        """Digest of all."""
        return digest_of(self.settings, dict(self.copies))

    @property
    def behind_digest(self) -> str:
        """Digest of what the zones that follow say."""
        return digest_of([(each.origin, each.digest) for each in self.behind])

    def head(self, zones: Sequence[Candidate]) -> Head:
        """Return the head of the ledger for the group's `zones`, if nothing can be added later."""
        return Head(
            inputs=self.inputs,
            zones={zone.origin: zone.digest for zone in zones},
            feeds=tuple(feed.name for feed, _ in self.group.feeds),
            copies=self.copies,
        )


class Became(NamedTuple):
    """What became of one group's zones."""

    candidates: tuple[Candidate, ...]
    page: Page | FreshPage | None = None
    reports: tuple[Report, ...] = ()
    warnings: tuple[str, ...] = ()
    answers: tuple[Candidate, ...] = ()
    """a zone that stands behind those of all groups"""


def ledgers(config: Config) -> Path:
    """Return the folder of the ledgers of feed zones."""
    return config.state / "ledger"


def front_of(origin: str) -> Domain:
    """Return the origin of the fresh zone in front of the zone `origin`."""
    return Domain(f"fresh.{origin}")
