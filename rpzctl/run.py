"""What a command wants of the one path."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rpzctl.config import Config
from rpzctl.progress import Progress, Silent
from rpzctl.resolvers import Resolver
from rpzctl.store import Store


class Run(NamedTuple):
    """What a command wants of the path."""

    config: Config
    now: datetime
    """UTC, read at the edge"""
    resolvers: Sequence[Resolver] = ()
    wait: float = 60.0
    """seconds to wait for the lock"""
    force: bool = False
    """the guards' objections are known and overruled"""
    reload: bool = True
    """False: publish only"""
    progress: Progress = Silent()
    """who is told how the work goes on"""

    def stage(self, what: str, **amounts: int) -> None:
        """Tell that a stage begins, in which so much (by unit: octets, names, rows) is to do."""
        self.progress.stage(what, **amounts)

    def did(self, **amounts: int) -> None:
        """Tell what more was done in this stage, by unit."""
        self.progress.did(**amounts)

    @property
    def store(self) -> Store:
        """The output and state folders."""
        return Store(self.config.output, self.config.state)
