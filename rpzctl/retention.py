"""How long generations are kept: the newest few, and of those the ones that served not long ago."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from rpzctl import times


def too_many(numbers: Sequence[int], keep: int) -> Sequence[int]:
    """Return the generations that are too many, of `numbers` from the oldest; `keep` is 1 or more.

    The caller holds on to those that are in use.
    """
    return numbers[:-keep]


def too_old(made: Sequence[tuple[int, str | None]], days: int, now: datetime) -> Iterator[int]:
    """Give the generations that were replaced more than `days` ago; 0 days: none is too old.

    `made` has the number of each and when it was made (RFC 3339; None: not known), from the oldest.
    One served until the next was made, so a policy that stood for a year can still be gone back to
    when it has been replaced. What the clock cannot tell is not too old: a moment that is not known
    or, since the clock was set back, to come.
    """
    if not days:
        return
    for (number, _), (_, replaced) in pairwise(made):
        try:
            if replaced is not None and now - times.parse(replaced) > timedelta(days=days):
                yield number
        except ValueError:
            continue
