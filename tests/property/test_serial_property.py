"""Serials only rise, whatever the last one and whatever the clock."""

from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rpzctl.serial import SPACE, Style, following, is_newer

_serials = st.one_of(
    st.integers(0, SPACE - 1),
    st.integers(0, 3),
    st.integers(SPACE - 3, SPACE - 1),
    st.integers(2**31 - 2, 2**31 + 2),
)
_clocks = st.integers(0, 253370764800).map(lambda second: datetime.fromtimestamp(second, UTC))
_styles: st.SearchStrategy[Style] = st.sampled_from(["date", "unixtime"])


@settings(deadline=None, max_examples=500)
@given(_serials, _clocks, _styles)
@example(SPACE - 1, datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC), "unixtime")
def test_following_is_newer_fits_and_is_not_zero(last: int, now: datetime, style: Style) -> None:
    serial = following(last, now, style)
    assert is_newer(serial, last)
    assert 0 < serial < SPACE


@settings(deadline=None, max_examples=300)
@given(_serials, _serials)
def test_of_two_serials_at_most_one_is_newer(one: int, other: int) -> None:
    assert not (is_newer(one, other) and is_newer(other, one))
    if (one - other) % SPACE not in {0, 2**31}:
        assert is_newer(one, other) or is_newer(other, one)
