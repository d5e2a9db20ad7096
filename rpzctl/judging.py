"""What came from a publisher, judged: whether it is believed, and what it holds.

Pure. `sync` keeps what is judged good; `feeds check` only tells.
"""

from typing import TYPE_CHECKING, NamedTuple

from rpzctl import network_guards, shape, snapshots
from rpzctl.catalogue import Feed
from rpzctl.shape import Size
from rpzctl.snapshots import Record

if TYPE_CHECKING:
    from rpzctl.formats import Parsed


class Judged(NamedTuple):
    """What was made of a copy."""

    parsed: "Parsed | None" = None
    """None: it was no list"""
    fault: str | None = None
    """why it is not believed"""
    size: Size = Size()
    rejected: int = 0
    """lines or items that give nothing though they should"""
    announced: int | None = None
    """how many entries it says that it has"""
    refused: int = 0
    """networks that the guards leave out"""
    reasons: tuple[tuple[str, int], ...] = ()
    """why, and how many networks of each"""


def judge(
    feed: Feed,
    record: Record,
    data: bytes,
    now: int,
    known: network_guards.Ranges,
    *,
    accept: bool = False,
) -> Judged:
    """Judge `data`, a copy of `feed` whose last good copy is that of `record`.

    `now` is in seconds since 1970: what has expired by then does not count. `known` are the
    networks that no feed may take. With `accept` its size is believed, whatever it is. What is
    missing of the last good copy itself has expired: no size of it is a fault.
    """
    from rpzctl import formats

    fault = shape.fault_of_octets(data)
    if fault is not None:
        return Judged(fault=fault)
    parsed = formats.read(data, feed.format, formats.Options(**feed.reading, now=now))
    found = shape.size(parsed)
    fault = shape.fault_of_names(feed, parsed, found)
    if fault is None and not accept:
        fault = shape.fault_of_count(feed, parsed)
        fault = fault or shape.fault_of_swing(feed, record.size, found)
    if fault is not None and snapshots.is_copy(feed, record, data):
        fault = None
    guarded = network_guards.guard(parsed.networks, known)
    return Judged(
        parsed,
        fault,
        found,
        parsed.rejected,
        parsed.announced,
        len(guarded.stops),
        guarded.reasons,
    )


def told(size: Size, rejected: int, refused: int) -> str:
    """Return for people what a copy holds."""
    parts = [f"{size.names} names"] if size.names or not size.entries else []
    if rejected:
        parts.append(f"{rejected} lines rejected")
    if size.exceptions:
        parts.append(f"{size.exceptions} exceptions")
    if size.networks:
        parts.append(f"{size.networks - refused} networks")
    if refused:
        parts.append(f"{refused} networks refused by guards")
    return ", ".join(parts)
