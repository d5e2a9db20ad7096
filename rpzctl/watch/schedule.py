"""When the watcher runs next. Pure: moments come in, a moment goes out; nothing is waited for.

Moments are of a monotonic clock, in seconds, so that a clock that is set neither stops it nor makes
it spin. What is due at a time of the day is looked at anew at each poll.
"""

from typing import NamedTuple

FIRST_RETRY = 2.0
"""seconds after a run that failed; doubled for each further one, up to the longest"""
LONGEST_RETRY = 300.0
LEAST = 5.0
"""seconds between two runs that no change of a file asks for"""


class Pace(NamedTuple):
    """How patient it is, in seconds."""

    quiet: float = 0.5
    """so long nothing may change before a run: an editor or a pull may be at it"""
    most: float = 5.0
    """after this a run begins though things go on changing"""
    poll: float = 30.0
    """so often it looks without being woken"""
    every: float = 300.0
    """a run comes at least so often: it also finds what another hand did to the resolvers"""


class Schedule(NamedTuple):
    """What there is to wait for."""

    first: float | None = None
    """when the first change was seen that no run has taken up"""
    last: float | None = None
    """when the last one was"""
    retry: float | None = None
    """when a run that failed is made again"""
    failures: int = 0
    ran: float | None = None
    """when the last run ended"""
    due: float | None = None
    """when a feed is due, a rule expires, or the last run is long enough ago"""

    def changed(self, now: float) -> "Schedule":
        """Return the schedule after a change was seen `now`."""
        return self._replace(first=self.first if self.first is not None else now, last=now)

    def began(self) -> "Schedule":
        """Return the schedule when a run begins: it takes up what was seen until now."""
        return self._replace(first=None, last=None, retry=None, due=None)

    def ended(self, now: float, pace: Pace, *, good: bool, wait: float | None = None) -> "Schedule":
        """Return the schedule after a run that ended `now`.

        `wait` seconds from then on something is due; None: nothing is known to be.
        """
        if good:
            due = now + (pace.every if wait is None else max(min(wait, pace.every), LEAST))
            return self._replace(failures=0, retry=None, ran=now, due=due)
        pause = min(FIRST_RETRY * 2 ** min(self.failures, 20), LONGEST_RETRY)
        return self._replace(failures=self.failures + 1, retry=now + pause, ran=now)

    def at(self, pace: Pace) -> float | None:
        """Return when to run next; None: nothing is to be done."""
        moments = [moment for moment in (self.retry, self.due) if moment is not None]
        if self.first is not None and self.last is not None:
            moments.append(min(self.last + pace.quiet, self.first + pace.most))
        return min(moments, default=None)
