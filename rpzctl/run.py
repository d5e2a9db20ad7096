"""What a command wants of the one path."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rpzctl.agreed import Agreed
from rpzctl.config import Config
from rpzctl.manifest import Cause, Hold
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
    cause: Cause = Cause()
    """who wants it, and why"""
    commit: bool = True
    """changes of the policy repo may be committed"""
    fronts: bool = False
    """the small zones in front of large ones may come and go now: `rpzctl.fronts`"""
    agreed: Agreed | None = None
    """the plan that people have seen: nothing else may be carried out"""
    release: Hold | None = None
    """the hold that may end: one that a person set meanwhile stays"""

    def stage(self, what: str, names: int = 0) -> None:
        """Tell that a stage begins, in which so many names are gone through, if it is known."""
        self.progress.stage(what, names)

    @property
    def store(self) -> Store:
        """The output and state folders."""
        return Store(self.config.output, self.config.state)
