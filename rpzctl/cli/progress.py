"""How work goes on, for people: on a terminal only, and only where it lasts."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rpzctl.progress import Progress, Silent, Step

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_PATIENCE = 0.3
"""seconds that people wait without being told"""
_LASTING = 1.0
"""seconds of a stage that is told of when it is over"""
_MOST_FEEDS = 12
"""that are shown at a time"""


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Give whom the path tells how it goes on, until the block ends."""
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    shown = Terminal()
    try:
        yield shown
    finally:
        shown.close()


class _Coming(NamedTuple):
    """A feed on its way in."""

    step: Step
    octets: int
    due: int
    """octets in all; 0: nobody knows"""
    since: float
    """monotonic: when its fetch began"""
    seconds: float = 0.0
    """that the fetch took, when it is over"""


class Terminal:
    """The terminal: a few lines that change, and a line for each stage that lasted."""

    def __init__(self) -> None:
        # Drawing asks for it while it holds one of its own: nothing is drawn under this one.
        self._lock = threading.Lock()
        self._closed = False
        self._what = ""
        self._names = 0
        self._since = time.monotonic()
        self._feeds: dict[str, _Coming] = {}
        self._live: Live | None = None
        # Most commands are done before: those never import what draws.
        self._wake = threading.Timer(_PATIENCE, self._open)
        self._wake.daemon = True
        self._wake.start()

    def stage(self, what: str, names: int = 0) -> None:
        """Show that a stage begins; tell what the one before took, if it lasted."""
        with self._lock:
            live, line = self._live, self._over()
            self._what, self._names = what, names
            self._since = time.monotonic()
            self._feeds = {}
        _print(live, line)

    def feed(self, name: str, step: Step, octets: int = 0, due: int = 0) -> None:
        """Show how far a feed is."""
        with self._lock:
            was = self._feeds.get(name)
            now = time.monotonic()
            if was is None or (step is Step.FETCHING and was.step is Step.WAITING):
                was = _Coming(step, 0, 0, now)
            seconds = now - was.since if step is Step.FETCHED else was.seconds
            self._feeds[name] = _Coming(
                step, was.octets + octets, was.due + due, was.since, seconds
            )

    def close(self) -> None:
        """Take away what is shown."""
        self._wake.cancel()
        with self._lock:
            self._closed = True
            live, line = self._live, self._over()
        _print(live, line)
        if live is not None:
            live.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live

        live = Live(
            get_renderable=self._drawn,
            console=Console(stderr=True, highlight=False),
            refresh_per_second=8,
            transient=True,
        )
        live.start()
        with self._lock:
            self._live, closed = live, self._closed
        if closed:  # the command ended just now
            live.stop()

    def _over(self) -> str:
        """Return what is told of the stage that ends; nothing of a short one."""
        seconds = time.monotonic() - self._since
        if not self._what or seconds < _LASTING:
            return ""
        names = ""
        if self._names:
            names = f" ({self._names:,} names, {self._names / seconds:,.0f} a second)"
        return f"{seconds:6.1f} s  {self._what}{names}"

    def _drawn(self) -> "Text":
        from rich.text import Text

        from rpzctl.names import printable

        with self._lock:
            now = time.monotonic()
            count = f" ({self._names:,} names)" if self._names else ""
            lines = [f"{printable(self._what, 300)}{count}  {now - self._since:.0f} s"]
            busy = {
                name: coming
                for name, coming in self._feeds.items()
                if coming.step not in {Step.WAITING, Step.DONE, Step.FAILED}
            }
            for name, coming in list(busy.items())[:_MOST_FEEDS]:
                lines.append(f"  {printable(name, 40):20} {_told(coming, now)}")
            steps = [coming.step for coming in self._feeds.values()]
            if steps:
                more = len(busy) - _MOST_FEEDS
                ahead = f", {more} more at work" if more > 0 else ""
                failed = steps.count(Step.FAILED)
                done = f"{steps.count(Step.DONE)} done" + (f", {failed} failed" if failed else "")
                lines.append(f"  {done}{ahead}, {steps.count(Step.WAITING)} to come")
        # Text, not markup: names and stages have no say in how they look.
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def _print(live: "Live | None", line: str) -> None:
    if live is not None and line:
        from rich.text import Text

        from rpzctl.names import printable

        live.console.print(Text(printable(line, 400), style="dim"))


def _told(coming: _Coming, now: float) -> str:
    from rich import filesize

    seconds = coming.seconds or now - coming.since
    rate = int(coming.octets / seconds) if seconds > 0 else 0
    size = ""
    if coming.octets:
        whole = f" of {filesize.decimal(coming.due)}" if coming.due > coming.octets else ""
        size = f"{filesize.decimal(coming.octets)}{whole}, {filesize.decimal(rate)}/s"
    return f"{coming.step:9} {size}".rstrip()


class Timings:
    """How long each stage of a command took; told on to `progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun: list[tuple[str, float]] = [("starting", time.monotonic())]

    def stage(self, what: str, names: int = 0) -> None:
        """Begin a stage."""
        self._begun.append((what, time.monotonic()))
        self._progress.stage(what, names)

    def feed(self, name: str, step: Step, octets: int = 0, due: int = 0) -> None:
        """Take note of how far a feed is."""
        self._progress.feed(name, step, octets, due)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage until now, those of the same name together."""
        spent: dict[str, float] = {}
        ends = [*(at for _, at in self._begun[1:]), time.monotonic()]
        for (stage, begun), end in zip(self._begun, ends, strict=True):
            spent[stage] = spent.get(stage, 0.0) + end - begun
        return {stage: round(seconds, 3) for stage, seconds in spent.items()}
