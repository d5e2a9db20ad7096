"""Packed feeds: what is in them comes out, within the bound, and anything else is told."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from rpzctl.unpack import PackedFault, gunzip, kind_of, unpack

SAMPLES = Path(__file__).parents[3] / "shared" / "feeds" / "compressed"
LIST = b"".join(b"0.0.0.0 n%d.bad.example\n" % n for n in range(1000))
BOUND = 1 << 20


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def packers() -> dict[str, Callable[[bytes], bytes]]:
    return {
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
        "zip": lambda data: zipped({"list.txt": data}),
        "tar": lambda data: tarred({"list.txt": data}),
    }


def said(data: bytes, bound: int = BOUND, member: str = "") -> str:
    with pytest.raises(PackedFault) as fault:
        unpack(data, bound, member)
    return str(fault.value)


def test_what_is_not_packed_is_left_alone() -> None:
    assert LIST == unpack(LIST, 10)
    assert b"" == unpack(b"", 10)


@pytest.mark.parametrize("kind", packers())
def test_each_kind_is_known_by_its_content_and_unpacked(kind: str) -> None:
    packed = packers()[kind](LIST)
    assert (kind, LIST) == (kind_of(packed), unpack(packed, BOUND))


@pytest.mark.parametrize("outer", ["gzip", "bzip2", "xz", "zstd", "zip"])
def test_a_tar_may_be_packed_itself(outer: str) -> None:
    packed = packers()[outer](tarred({"./lists/one.txt": LIST}))
    assert LIST == unpack(packed, BOUND)
    if outer != "zip":  # where the outer archive has members, too
        assert LIST == unpack(packed, BOUND, "lists/one.txt")


def test_old_and_gnu_tars_are_known_too() -> None:
    long = "x" * 150 + ".txt"
    assert LIST == unpack(tarred({long: LIST}, tarfile.GNU_FORMAT), BOUND, long)
    old = bytearray(tarred({"one.txt": LIST}, tarfile.USTAR_FORMAT))
    old[257:265] = bytes(8)  # as before POSIX: no magic
    old[148:156] = b"%06o\0 " % (sum(old[:148]) + 8 * 32 + sum(old[156:512]))
    assert LIST == unpack(bytes(old), BOUND)


def test_no_more_than_two_wrappings_are_taken_off() -> None:
    twice = gzip.compress(gzip.compress(LIST))
    assert LIST == unpack(twice, BOUND)
    assert "is packed more than 2 times" == said(gzip.compress(twice))


def test_files_of_several_streams_are_read_to_their_end() -> None:
    for kind in ("gzip", "bzip2", "xz", "zstd"):
        pack = packers()[kind]
        assert 3 * LIST == unpack(pack(LIST) * 3, BOUND), kind
    assert LIST == unpack(gzip.compress(LIST) + bytes(512), BOUND), "padding"


@pytest.mark.parametrize("kind", packers())
def test_what_unpacks_to_more_than_the_bound_is_refused(kind: str) -> None:
    bomb = packers()[kind](bytes(64 << 20)) if kind != "tar" else tarred({"x": bytes(2 * BOUND)})
    assert f"unpacks to more than {BOUND} octets" == said(bomb)


def test_a_bomb_in_a_wrapping_is_refused() -> None:
    bomb = tarred({"x": gzip.compress(bytes(64 << 20), 9)})
    assert f"unpacks to more than {BOUND} octets" == said(bomb)
    many = gzip.compress(bytes(BOUND // 4)) * 5
    assert f"unpacks to more than {BOUND} octets" == said(many)


def test_a_dense_zstd_bomb_is_stopped_early() -> None:
    frame = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 30))
    assert len(frame) < 100_000
    assert f"unpacks to more than {BOUND} octets" == said(frame)


def test_the_size_that_a_zip_claims_is_not_believed() -> None:
    packed = zipped({"list.txt": bytes(4 << 20)})
    claimed = packed.replace((4 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert packed != claimed
    assert "is a zip archive, and damaged" == said(claimed)


@pytest.mark.parametrize("kind", packers())
def test_what_is_cut_short_or_damaged_is_refused(kind: str) -> None:
    packed = packers()[kind](LIST)
    for end in (len(packed) // 2, len(packed) - 3):
        if kind == "tar" and end > 512 + len(LIST):
            continue  # only padding is missing
        assert ("cut short" in said(packed[:end])) or ("damaged" in said(packed[:end])), end
    middle = len(packed) // 2
    if kind != "tar":  # which has no sums of its content
        broken = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
        assert "damaged" in said(broken) or "cut short" in said(broken)


def test_a_wrong_sum_is_told() -> None:
    packed = bytearray(gzip.compress(LIST))
    packed[-8] ^= 1
    assert "is packed by gzip, and damaged" == said(bytes(packed))
    with pytest.raises(PackedFault, match="damaged"):
        gunzip(b"no gzip", 100)


def test_an_archive_of_several_files_needs_the_name_of_one() -> None:
    members = {f"lists/{n}\x1b[2J.txt": b"%d.example\n" % n for n in range(9)}
    for packed in (zipped(members), tarred(members)):
        told = said(packed)
        assert "is an archive of 9 files; say which by member: it holds " in told
        assert told.endswith(", ...")
        assert "\x1b" not in told
        assert b"3.example\n" == unpack(packed, BOUND, "lists/3\x1b[2J.txt")
        assert "is an archive without 'x'; it holds 'lists/0" in said(packed, member="x")


def test_folders_and_links_are_no_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert "is an archive without a file in it" == said(out.getvalue())
    assert "is an archive without a file in it" == said(zipped({}))


def test_an_encrypted_zip_is_told() -> None:
    packed = bytearray(zipped({"list.txt": LIST}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert "'list.txt' in the zip archive is encrypted" == said(bytes(packed))


def test_a_tar_with_a_size_below_zero_ends() -> None:
    """What sends `tarfile` round and round in older Pythons (CVE-2025-8194)."""
    data = bytearray(tarred({"a": b"x", "b": b"y"}, tarfile.GNU_FORMAT))
    data[124:136] = b"\xff" * 9 + b"\xff\xfc\x00"  # base 256: -1024
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    assert "is a tar archive, and damaged" == said(bytes(data))


def test_xz_may_not_ask_for_more_memory_than_there_is() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    packed = lzma.compress(b"x", lzma.FORMAT_XZ, filters=filters)
    assert "is packed by xz, and damaged" == said(packed)


def test_zlib_alone_is_not_taken_for_a_packing() -> None:
    assert kind_of(zlib.compress(LIST)) is None


@pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the field's real feeds are not beside the checkout"
)
def test_real_packed_feeds_all_hold_the_same_list() -> None:
    lists = {path.name: unpack(path.read_bytes(), BOUND) for path in sorted(SAMPLES.iterdir())}
    assert 5 == len(lists)
    assert 1 == len(set(lists.values()))
    assert all(data.startswith(b"#") for data in lists.values())
