"""No octets make unpacking raise anything but its own fault, or give more than the bound."""

import contextlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpzctl.unpack import PackedFault, unpack
from tests.unit.test_unpack import LIST, packers, tarred

BOUND = 1 << 16


def harmless(data: bytes, member: str = "") -> None:
    with contextlib.suppress(PackedFault):
        out = unpack(data, BOUND, member)
        assert len(out) <= BOUND or out == data


@pytest.mark.parametrize("kind", packers())
@given(seed=st.integers(0, 2**32), edits=st.integers(1, 6))
def test_damaged_packings_are_harmless(kind: str, seed: int, edits: int) -> None:
    chance = random.Random(seed)
    data = bytearray(packers()[kind](LIST))
    for _ in range(edits):
        data[chance.randrange(len(data))] = chance.randrange(256)
    harmless(bytes(data))
    harmless(bytes(data[: chance.randrange(len(data))]), "list.txt")


@given(seed=st.integers(0, 2**32))
def test_tar_headers_of_any_make_are_harmless(seed: int) -> None:
    """Each header's sum is made right, so that what is in it is believed."""
    chance = random.Random(seed)
    data = bytearray(tarred({"a": LIST[:700], "b" * 200: b"y", "c": b""}))
    for start in range(0, len(data) - 512, 512):
        if data[start + 257 : start + 262] != b"ustar":
            continue
        for _ in range(chance.randrange(3)):
            place = chance.choice([*range(100, 148), 156, *range(124, 136), *range(345, 500)])
            data[start + place] = chance.choice([0, 0x80, 0xFF, *b"01234567xgLKS"])
        total = sum(data[start : start + 512]) - sum(data[start + 148 : start + 156]) + 8 * 32
        data[start + 148 : start + 156] = b"%06o\0 " % total
    harmless(bytes(data))


@pytest.mark.parametrize("kind", packers())
@given(data=st.binary(max_size=3000))
def test_what_was_packed_comes_back(kind: str, data: bytes) -> None:
    pack: Callable[[bytes], bytes] = packers()[kind]
    data = b"n" + data  # not itself packed
    assert data == unpack(pack(data), BOUND)
