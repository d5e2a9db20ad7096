"""What a fetch is given, and how it ends."""

import time
from typing import NamedTuple, Protocol

MEBIBYTE = 1 << 20


class Came(Protocol):
    """Who is told what comes, from any thread."""

    def __call__(self, octets: int = 0, *, due: int = 0) -> None:
        """Take note that `octets` came since it was told last.

        `due` is how many more than was known are to come in all, fewer if it is negative.
        """


def untold(octets: int = 0, *, due: int = 0) -> None:
    """Tell nobody."""


class Validators(NamedTuple):
    """What a server said of its last answer, to ask whether it holds (RFC 9110, section 8.8)."""

    etag: str | None = None
    """of a file: its inode, size and time"""
    last_modified: str | None = None
    serial: int | None = None
    """of a zone"""


class Fetched(NamedTuple):
    """How a fetch ended. Exactly one of: data, unchanged, fault."""

    data: bytes | None = None
    """unpacked"""
    unchanged: bool = False
    fault: str | None = None
    validators: Validators = Validators()
    served: bool = False
    """whether the publisher gave a whole answer, be it good or not"""
    wait: float | None = None
    """seconds for which the publisher does not want to be asked again"""
    asked: bool = True
    """whether the publisher was asked at all"""
    date: str | None = None
    """what the server's clock says (RFC 9110, section 6.6.1)"""


class Limits(NamedTuple):
    """Bounds of the fetches of one sync."""

    octets: int = 256 * MEBIBYTE
    """of one feed, as it comes"""
    unpacked: int = 512 * MEBIBYTE
    """octets of one feed, unpacked"""
    seconds: float = 300.0
    """for one feed, all its tries and redirects together"""
    redirects: int = 5
    retries: int = 2
    """further tries after what may pass"""
    backoff: float = 0.5
    """seconds before the first further try; doubled for each"""
    parallel: int = 8
    """fetches at a time"""
    per_host: int = 2
    """fetches from one host at a time"""


class Broken(Exception):
    """A try that brought nothing; the message says why, safe to print and without secrets."""

    def __init__(
        self,
        reason: str,
        *,
        passing: bool = False,
        served: bool = False,
        wait: float | None = None,
        asked: bool = True,
    ) -> None:
        super().__init__(reason)
        self.passing = passing
        """whether another try may do better"""
        self.served = served
        self.wait = wait
        self.asked = asked

    def saying(self, reason: str) -> "Broken":
        """Return the same fault with another message."""
        return Broken(
            reason, passing=self.passing, served=self.served, wait=self.wait, asked=self.asked
        )


def left(deadline: float, limits: Limits) -> float:
    """Return the seconds until `deadline` (monotonic). Raises `Broken` when it has passed."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise too_late(limits)
    return seconds


def too_late(limits: Limits) -> Broken:
    """Return the fault of a feed that took all its time."""
    return Broken(f"not done within {limits.seconds:g} s")


def too_much(octets: int) -> Broken:
    """Return the fault of a feed that has more than `octets` octets."""
    return Broken(f"more than {octets} octets", served=True)
