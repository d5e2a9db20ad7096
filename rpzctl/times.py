"""UTC times: how they are written (RFC 3339) and how people give an expiry."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""gives the present moment, UTC"""
LONGEST = timedelta(days=3660)
"""of an interval: ten years"""
_SPAN = re.compile(r"([1-9][0-9]{0,5})\s*(m|min|h|d|w)\Z", re.IGNORECASE)
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def show(moment: datetime) -> str:
    """Return `moment` as RFC 3339 text in UTC, to the second: ``2026-12-31T23:59:59Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Return the moment that RFC 3339 text or a date names.

    A date alone is the last second of that day, in UTC; a time without an offset is UTC.
    Raises ValueError.
    """
    if _DATE.match(text):
        return datetime.fromisoformat(text + "T23:59:59+00:00")
    if not _TIME.match(text):
        raise ValueError(f"{text!r} is no RFC 3339 time")
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond what UTC can say") from None


def age(moment: str, now: datetime) -> str:
    """Return how long ago an RFC 3339 `moment` was: ``5 min``, ``3 h``, ``12 d``."""
    seconds = (now - parse(moment)).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def span(text: str) -> timedelta:
    """Return the span that ``30m``, ``12h``, ``7d`` or ``2w`` names. Raises ValueError."""
    found = _SPAN.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no span of time; give 30m, 12h, 7d or 2w")
    return timedelta(**{_UNITS[found[2].lower()]: int(found[1])})


def expiry(text: str, now: datetime) -> datetime:
    """Return the moment that ``--expires`` names: ``30m``, ``12h``, ``7d``, a date or a time.

    Raises ValueError when it cannot be read or has passed.
    """
    if _SPAN.match(text.strip()):
        try:
            moment = now + span(text)
        except OverflowError:
            raise ValueError(f"{text!r} is further away than dates go") from None
    else:
        try:
            moment = parse(text.strip())
        except ValueError:
            raise ValueError(
                f"{text!r} is no expiry; give 30m, 12h, 7d, 2w, 2026-12-31 or 2026-12-31T18:00Z"
            ) from None
    if moment <= now:
        raise ValueError(f"{text!r} has passed (it is {show(now)})")
    return moment.replace(microsecond=0)


def since(text: str, now: datetime) -> datetime:
    """Return the moment that ``--since`` names: a span ago, the begin of a date (UTC), or a time.

    Raises ValueError.
    """
    text = text.strip()
    if _SPAN.match(text):
        try:
            return now - span(text)
        except OverflowError:
            raise ValueError(f"{text!r} is further away than dates go") from None
    try:
        return parse(f"{text}T00:00Z" if _DATE.match(text) else text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; give 30m, 12h, 7d or 2026-12-31T18:00Z") from None
