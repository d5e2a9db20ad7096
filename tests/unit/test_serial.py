"""Serial arithmetic of RFC 1982 and the next serial to publish."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from rpzctl.serial import HALF, SPACE, Style, following, is_newer

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CLOCK = 2026112400
UNIX = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("serial", "than", "newer"),
    [
        (1, 0, True),
        (0, 1, False),
        (5, 5, False),
        (0, SPACE - 1, True),
        (SPACE - 1, 0, False),
        (44, SPACE - 100, True),
        (HALF - 1, 0, True),
        (HALF, 0, False),
        (0, HALF, False),
        (HALF + 1, 0, False),
        (0, HALF + 1, True),
        (HALF, 1, True),
        (SPACE - 1, HALF - 1, False),
        (SPACE - 1, HALF, True),
    ],
)
def test_is_newer_is_the_order_of_rfc_1982(serial: int, than: int, newer: bool) -> None:
    assert newer == is_newer(serial, than)


@pytest.mark.parametrize(
    ("last", "style", "expected"),
    [
        (None, "date", CLOCK),
        (None, "unixtime", UNIX),
        (CLOCK - 100, "date", CLOCK),
        (CLOCK, "date", CLOCK + 1),
        (CLOCK + 7, "date", CLOCK + 8),
        (CLOCK + 99, "date", CLOCK + 100),
        (UNIX - 1, "unixtime", UNIX),
        (UNIX, "unixtime", UNIX + 1),
        # the clock went back by years
        (CLOCK + 10_000_00, "date", CLOCK + 10_000_01),
        # from seconds to dates the number rises; from dates to seconds it must not fall
        (UNIX, "date", CLOCK),
        (CLOCK, "unixtime", CLOCK + 1),
        # 2**31 ahead is not ordered, so the clock is not taken
        ((CLOCK - HALF) % SPACE, "date", (CLOCK - HALF) % SPACE + 1),
        ((CLOCK - HALF + 1) % SPACE, "date", CLOCK),
        # the end of the numbers: a date is newer than 4294967295, and 0 is passed over
        (SPACE - 1, "date", CLOCK),
        (SPACE - 2, "date", CLOCK),
        ((CLOCK + HALF - 1) % SPACE, "date", (CLOCK + HALF) % SPACE),
    ],
)
def test_following_takes_the_clock_or_one_more(
    last: int | None, style: Style, expected: int
) -> None:
    assert expected == following(last, NOW, style)


def test_zero_is_passed_over_at_the_wrap() -> None:
    before_wrap = datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)
    assert int(before_wrap.timestamp()) == SPACE - 1
    assert following(SPACE - 1, before_wrap, "unixtime") == 1


@pytest.mark.parametrize("last", [None, SPACE - 1])
def test_zero_is_passed_over_when_the_clock_says_zero(last: int | None) -> None:
    at_wrap = datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC)
    assert int(at_wrap.timestamp()) == SPACE
    assert following(last, at_wrap, "unixtime") == 1


def test_250_changes_a_day_rise_and_the_next_days_go_on_from_there() -> None:
    serials: list[int] = []
    for change in range(750):
        now = NOW + timedelta(days=change // 250)
        serials.append(following(serials[-1] if serials else None, now, "date"))
    assert all(is_newer(later, earlier) for earlier, later in pairwise(serials))
    assert CLOCK + 249 == serials[249]
    month_later = following(serials[-1], NOW + timedelta(days=37), "date")
    assert month_later == 2026123100


def test_style_may_change_to_and_fro_and_serials_rise() -> None:
    serials = [CLOCK]
    styles: list[Style] = ["unixtime", "date", "unixtime", "unixtime", "date"]
    for day, style in enumerate(styles):
        serials.append(following(serials[-1], NOW + timedelta(days=day), style))
    assert all(is_newer(later, earlier) for earlier, later in pairwise(serials))
