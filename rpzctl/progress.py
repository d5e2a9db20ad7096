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


class Progress(Protocol):
    """Who is told. Amounts are given by their unit (octets, names, rows), and add up."""

    def stage(self, what: str, **amounts: int) -> None:
        """Take note that a stage begins, in which so much is to be done; it ends the one before."""

    def did(self, **amounts: int) -> None:
        """Take note of what more was done in this stage."""

    def feed(self, name: str, step: Step, **amounts: int) -> None:
        """Take note of how far a feed is, and of what more came in or was read of it."""


class Silent:
    """Nobody is told."""

    def stage(self, what: str, **amounts: int) -> None:
        """Tell nobody."""

    def did(self, **amounts: int) -> None:
        """Tell nobody."""

    def feed(self, name: str, step: Step, **amounts: int) -> None:
        """Tell nobody."""
