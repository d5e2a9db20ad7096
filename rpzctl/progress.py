"""How work goes on: what the path tells of it, for those who watch.

It is told from several threads, for fetches and readers work beside each other.
"""

from enum import StrEnum
from typing import Protocol


class Step(StrEnum):
    """How far a feed is on its way in."""

    WAITING = "waiting"
    FETCHING = "fetching"
    FETCHED = "fetched"
    """until a reader has time for it"""
    READING = "reading"
    DONE = "done"
    FAILED = "failed"
    """and its last good copy is kept"""


class Progress(Protocol):
    """Who is told."""

    def stage(self, what: str, names: int = 0) -> None:
        """Take note that a stage begins, which ends the one before.

        `names` are gone through in it; 0: that is not known.
        """

    def feed(self, name: str, step: Step, octets: int = 0, due: int = 0) -> None:
        """Take note of how far a feed is.

        `octets` more came; `due` more than was known are to come in all, fewer if it is negative.
        """


class Silent:
    """Nobody is told."""

    def stage(self, what: str, names: int = 0) -> None:
        """Tell nobody."""

    def feed(self, name: str, step: Step, octets: int = 0, due: int = 0) -> None:
        """Tell nobody."""
