"""Where a name stands in the last good copy of a feed. Nothing is parsed: the text is searched."""

import mmap
import re
from pathlib import Path
from typing import NamedTuple

from rpzctl.names import Domain, printable, to_unicode

_NAME_OCTET = rb"[A-Za-z0-9_-]"
_LONGEST_LINE = 4096


class Place(NamedTuple):
    """A line of a copy."""

    line: int
    """from 1"""
    text: str
    """safe to print"""


def find(path: Path, name: Domain) -> Place | None:
    """Return the first line of the file `path` that has `name` as a name of its own, or None.

    ``evil.example`` is not found in ``notevil.example`` or ``evil.example.com``, and in
    ``www.evil.example`` only if nothing better stands in the file. A copy whose text has the name
    in another form than the usual ones (escaped, say) has no place for it.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            at = _position(text, name)
            if at is None:
                return None
            return _place(text, at)
    except (OSError, ValueError):  # none, or empty: mmap has no empty maps
        return None


def _position(text: mmap.mmap, name: Domain) -> int | None:
    at = _plain(text, name.encode("ascii"))
    if at is not None:
        return at
    forms = [re.escape(name.encode("ascii"))]
    unicode = to_unicode(name)
    if unicode:
        forms.append(re.escape(unicode.encode("utf-8")))
    pattern = (
        rb"(?<!" + _NAME_OCTET + rb")(?:" + b"|".join(forms) + rb")(?!\.?" + _NAME_OCTET + b")"
    )
    found = re.search(pattern, text, re.IGNORECASE)
    return found.start() if found else None


def _plain(text: mmap.mmap, wanted: bytes) -> int | None:
    """Return where `wanted` stands as it is, not as part of a longer name; much faster."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        before = text[max(at - 2, 0) : at]
        after = text[end : end + 2]
        longer = re.search(_NAME_OCTET + rb"\.?\Z", before) or re.match(
            rb"\.?" + _NAME_OCTET, after
        )
        if not longer:
            return at
        at = text.find(wanted, end)
    return None


def _place(text: mmap.mmap, at: int) -> Place:
    start = text.rfind(b"\n", 0, at) + 1
    end = text.find(b"\n", at)
    end = len(text) if end < 0 else end
    number = 1
    step = 1 << 20
    for part in range(0, start, step):
        number += text[part : min(part + step, start)].count(b"\n")
    first = max(start, at - _LONGEST_LINE // 2) if end - start > _LONGEST_LINE else start
    line = text[first : min(end, first + _LONGEST_LINE)].decode("utf-8", "replace").strip()
    return Place(number, printable(line))
