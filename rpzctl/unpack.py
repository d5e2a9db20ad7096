"""Packed feeds, by content: gzip, bzip2, xz, zstd, zip, tar, and one of them inside another.

Octets in, octets out: nothing is written, and no name in an archive becomes a path. Each step
stops at the bound; the size that an archive claims is not believed.
"""

import io
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from rpzctl.names import printable

DEEPEST = 2
"""so many wrappings are taken off, as of a .tar.gz"""
_MEMORY = 256 << 20
"""octets that one decoder may use for its window"""
_PIECE = 1 << 20
_SMALL = 1 << 10
"""octets given to zstd at a time: each four of them may come to 128 KiB"""
_MOST_MEMBERS = 100_000
_SHOWN = 5
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_TAR_MAGIC = slice(257, 262)
_BLOCK = 512


class PackedFault(Exception):
    """What was packed cannot be unpacked; the message says why, safe to print."""


def unpack(data: bytes, bound: int, member: str = "") -> bytes:
    """Return what is packed in `data`, at most `bound` octets; `data` itself if it is not packed.

    Of an archive the file `member` is taken, or the only one. Raises `PackedFault`.
    """
    for _ in range(DEEPEST):
        kind = kind_of(data)
        if kind is None:
            return data
        data = (
            _ARCHIVES[kind](data, bound, member)
            if kind in _ARCHIVES
            else _STREAMS[kind](data, bound)
        )
    if kind_of(data):
        raise PackedFault(f"is packed more than {DEEPEST} times")
    return data


def kind_of(data: bytes) -> str | None:
    """Return how `data` is packed, by its first octets; None if it is not."""
    if data.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if _BZIP2.match(data):
        return "bzip2"
    if data.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return "tar" if _is_tar(data) else None


def gunzip(data: bytes, bound: int) -> bytes:
    """Return what is packed in `data` by gzip, in one member or more. Raises `PackedFault`."""
    import zlib

    return _streamed("gzip", data, bound, lambda: zlib.decompressobj(wbits=31))


def _bunzip2(data: bytes, bound: int) -> bytes:
    import bz2

    return _streamed("bzip2", data, bound, bz2.BZ2Decompressor)


def _unxz(data: bytes, bound: int) -> bytes:
    import lzma

    return _streamed(
        "xz", data, bound, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    )


def _streamed(kind: str, data: bytes, bound: int, make: Callable[[], Any]) -> bytes:
    """Decode one stream after another, as one such file may hold several."""
    import lzma
    import zlib

    out = bytearray()
    rest = data
    try:
        while rest:
            decoder = make()
            while not decoder.eof:
                piece = decoder.decompress(rest, min(bound - len(out) + 1, _PIECE))
                rest = getattr(decoder, "unconsumed_tail", b"")  # of zlib; the others keep it
                out += piece
                if len(out) > bound:
                    raise _too_large(bound)
                if not piece and not rest and not decoder.eof:
                    raise PackedFault(f"is packed by {kind}, and cut short")
            rest = decoder.unused_data.lstrip(b"\0")  # padding
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, MemoryError):
        raise PackedFault(f"is packed by {kind}, and damaged") from None
    return bytes(out)


def _unzstd(data: bytes, bound: int) -> bytes:
    """Decode zstd, whose library knows no bound: in pieces so small that each is harmless."""
    try:
        import zstandard
    except ImportError:
        raise PackedFault(
            "is packed by zstd, and the Python package zstandard is missing"
        ) from None
    made = zstandard.ZstdDecompressor(max_window_size=_MEMORY // 2)
    out = bytearray()
    decoder = made.decompressobj()
    rest = memoryview(data)
    try:
        while rest:
            if decoder.eof:
                decoder = made.decompressobj()
            piece = rest[:_SMALL]
            out += decoder.decompress(piece)
            rest = rest[len(piece) - len(decoder.unused_data) :]
            if len(out) > bound:
                raise _too_large(bound)
    except zstandard.ZstdError:
        raise PackedFault("is packed by zstd, and damaged") from None
    if not decoder.eof:
        raise PackedFault("is packed by zstd, and cut short")
    return bytes(out)


def _unzip(data: bytes, bound: int, member: str) -> bytes:
    import struct
    import zipfile
    import zlib

    readable = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [info for info in archive.infolist() if not info.is_dir()]
            by_name = {info.filename: info for info in found}
            name = _choose([info.filename for info in found], member)
            info = by_name[name]
            if info.flag_bits & 1:
                raise PackedFault(f"{_shown(name)} in the zip archive is encrypted")
            if info.compress_type not in readable:
                raise PackedFault(f"{_shown(name)} is packed in a way that is not read")
            with archive.open(info) as opened:
                return _read(opened, bound)
    except (
        *(zipfile.BadZipFile, zlib.error, struct.error),
        *(NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError),
    ):
        raise PackedFault("is a zip archive, and damaged") from None


def _is_tar(data: bytes) -> bool:
    """Tell whether `data` begins with the header of a tar archive, whose sum must be right."""
    head = data[:_BLOCK]
    if len(head) < _BLOCK or b"\0" not in head:
        return False
    text = head[148:156].strip(b" \0")
    if not text or not all(octet in b"01234567" for octet in text):
        return False
    return int(text, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:])


def _untar(data: bytes, bound: int, member: str) -> bytes:
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            found: dict[str, tarfile.TarInfo] = {}
            for info in _members(archive):
                found.setdefault(info.name.removeprefix("./"), info)
            name = _choose(list(found), member)
            opened = archive.extractfile(found[name])
            if opened is None:
                raise PackedFault(f"{_shown(name)} in the tar archive is not a file")
            content = _read(opened, bound)
            if len(content) < found[name].size:
                raise PackedFault("is a tar archive, and cut short")
            return content
    except (
        *(tarfile.TarError, EOFError, OSError, ValueError, OverflowError),
        *(RecursionError, IndexError, KeyError, TypeError, AttributeError),
    ):
        raise PackedFault("is a tar archive, and damaged") from None


def _members(archive: Any) -> Iterator[Any]:  # noqa: ANN401 - tarfile is imported where it is used
    """Give the regular files; an archive whose members do not follow one another is damaged."""
    last = -1
    count = 0
    while (info := archive.next()) is not None:
        count += 1
        if info.size < 0 or info.offset <= last or count > _MOST_MEMBERS:
            raise PackedFault("is a tar archive, and damaged")
        last = info.offset
        archive.members = []  # tarfile would keep them all
        if info.isreg() and not info.issparse():
            yield info


def _choose(names: list[str], member: str) -> str:
    """Return the name of the file to read among those in an archive. Raises `PackedFault`."""
    if member in names:
        return member
    if len(names) == 1 and not member:
        return names[0]
    shown = ", ".join(_shown(name) for name in names[:_SHOWN])
    listed = f"it holds {shown}" + (", ..." if len(names) > _SHOWN else "")
    if not names:
        raise PackedFault("is an archive without a file in it")
    if member:
        raise PackedFault(f"is an archive without {_shown(member)}; {listed}")
    raise PackedFault(f"is an archive of {len(names)} files; say which by member: {listed}")


def _read(opened: IO[bytes], bound: int) -> bytes:
    out = bytearray()
    while piece := opened.read(_PIECE):
        out += piece
        if len(out) > bound:
            raise _too_large(bound)
    return bytes(out)


def _shown(name: str) -> str:
    return repr(printable(name, 80))


def _too_large(bound: int) -> PackedFault:
    return PackedFault(f"unpacks to more than {bound} octets")


_STREAMS = {"gzip": gunzip, "bzip2": _bunzip2, "xz": _unxz, "zstd": _unzstd}
_ARCHIVES = {"zip": _unzip, "tar": _untar}
