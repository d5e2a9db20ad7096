"""Where a name stands in the last good copy of a feed. Nothing is parsed: the text is searched."""

import mmap
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rpzctl.names import Domain, printable, to_unicode

_NAME_OCTET = rb"[A-Za-z0-9_-]"
_LONGEST_LINE = 4096
_LED_IN = 40
"""octets shown before the name on a line that is too long to be shown"""
_MOST_HITS = 1000
"""so many places of a name are looked at, in each of two passes"""
_PART = 1 << 18
"""octets that are searched at a time"""
_COMMENT = re.compile(rb"[ \t\xef\xbb\xbf]*(?:[#;!]|//)|.*[ \t][#;]")
"""what stands on a line before a name in a comment"""
_PASSES = re.compile(
    rb"""[ \t\xef\xbb\xbf]*@@|.*\brpz-passthru\b|.*[ \t]"?(?:type|always_)?transparent\b"""
    rb"""|[ \t]*server=/\S*/[^/\s]+(?:\s|\Z)|.*\bforwarders\b""",
    re.IGNORECASE,
)
"""a line with an exception"""


ROOM = 16 << 20
"""octets of copies that are searched unasked: some 20 ms, be the feeds as large as they like"""


class Place(NamedTuple):
    """A line of a copy."""

    line: int
    """from 1"""
    text: str
    """safe to print"""


def affordable(copies: Sequence[Path], room: int = ROOM) -> list[bool]:
    """Return for each of `copies` whether it is searched if all may have `room` octets together.

    The smallest go first. One that is not there costs nothing.
    """
    sizes = [_size(copy) for copy in copies]
    chosen = [False] * len(sizes)
    for size, place in sorted((size, place) for place, size in enumerate(sizes)):
        room -= size
        chosen[place] = room >= 0
    return chosen


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def find(path: Path, name: Domain, *, allow: bool = False) -> Place | None:
    """Return the line of the file `path` that says what a feed says of `name`, or None.

    That is the first that has `name` as a name of its own, is no comment, and is an exception if
    `allow`, or else none. Where none is so, the first of those that come nearest: not a comment if
    possible. ``evil.example`` is not found in ``notevil.example`` or ``evil.example.com``, and in
    ``www.evil.example`` only if nothing better stands in the file. A copy whose text has the name
    in another form than the usual ones (escaped, say) has no place for it.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            at = _position(text, name, allow=allow)
            if at is None:
                return None
            return _place(text, at)
    except (OSError, ValueError):  # none, or empty: mmap has no empty maps
        return None


def _position(text: mmap.mmap, name: Domain, *, allow: bool) -> int | None:
    best: tuple[int, int] | None = None
    for hits in (_plain(text, name.encode("ascii")), _any_form(text, name)):
        for at in islice(hits, _MOST_HITS):
            rank = _rank(text, at, allow=allow)
            if rank == 0:
                return at
            if best is None or rank < best[0]:
                best = rank, at
    return best[1] if best else None


def _rank(text: mmap.mmap, at: int, *, allow: bool) -> int:
    """Return how far the line around `at` is from saying it: 0 is the line itself."""
    low = max(0, at - _LONGEST_LINE)
    start = text.rfind(b"\n", low, at) + 1
    before = text[start or low : at] if start or not low else b""  # b"": a line too long to tell
    if _COMMENT.match(before):
        return 3
    end = text.find(b"\n", at, at + _LONGEST_LINE)
    line = before + text[at : end if end >= 0 else at + _LONGEST_LINE]
    if bool(_PASSES.match(line)) is not allow:
        return 2
    return 1 if re.search(_NAME_OCTET + rb"\.\Z", before) else 0


def _any_form(text: mmap.mmap, name: Domain) -> Iterator[int]:
    """Give where `name` stands in any case, in Unicode, or at the end of a longer name.

    Parts of the text are searched in lower case: ten times as fast as a regular expression.
    """
    forms = {name.encode("ascii").lower()}
    unicode = to_unicode(name)
    if unicode:
        forms.add(unicode.encode("utf-8").lower())
    over = max(map(len, forms)) - 1
    for part in range(0, len(text), _PART):
        lower = text[part : part + _PART + over].lower()
        found = {(part + at, len(form)) for form in forms for at in _each(lower, form)}
        for at, length in sorted(found):
            before, after = text[max(at - 1, 0) : at], text[at + length : at + length + 2]
            if at < part + _PART and not (
                re.match(_NAME_OCTET, before) or re.match(rb"\.?" + _NAME_OCTET, after)
            ):
                yield at


def _each(text: bytes, wanted: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + len(wanted))


def _plain(text: mmap.mmap, wanted: bytes) -> Iterator[int]:
    """Give where `wanted` stands as it is, not as part of a longer name; much faster."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        before = text[max(at - 2, 0) : at]
        after = text[end : end + 2]
        longer = re.search(_NAME_OCTET + rb"\.?\Z", before) or re.match(
            rb"\.?" + _NAME_OCTET, after
        )
        if not longer:
            yield at
        at = text.find(wanted, end)


def _place(text: mmap.mmap, at: int) -> Place:
    start = text.rfind(b"\n", 0, at) + 1
    end = text.find(b"\n", at)
    end = len(text) if end < 0 else end
    number = 1
    step = 1 << 20
    for part in range(0, start, step):
        number += text[part : min(part + step, start)].count(b"\n")
    first = max(start, at - _LED_IN) if end - start > _LONGEST_LINE else start
    line = text[first : min(end, first + _LONGEST_LINE)].decode("utf-8", "replace").strip()
    return Place(number, printable(line))
