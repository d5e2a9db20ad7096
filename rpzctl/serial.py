"""SOA serial numbers: serial arithmetic of RFC 1982, and the next serial to publish."""

from datetime import datetime
from typing import Literal

SPACE = 2**32
HALF = 2**31

Style = Literal["date", "unixtime"]


def is_newer(serial: int, than: int) -> bool:
    """Tell whether `serial` is greater than `than` in serial arithmetic (RFC 1982, section 3.2).

    Two serials exactly 2**31 apart are not ordered by the RFC; neither counts as newer.
    """
    return 0 < (serial - than) % SPACE < HALF


def following(last: int | None, now: datetime, style: Style) -> int:
    """Return the serial to publish after `last`, at `now` (UTC).

    The clock's value is taken where it is newer than `last`; otherwise `last` + 1, so the
    serial rises through more than a hundred changes a day and through a clock that was set
    back. Zero is passed over: some software takes it for "no serial".
    """
    clock = int(now.strftime("%Y%m%d00")) if style == "date" else int(now.timestamp())
    clock = clock % SPACE or 1
    if last is None or is_newer(clock, last):
        return clock
    return (last + 1) % SPACE or 1
