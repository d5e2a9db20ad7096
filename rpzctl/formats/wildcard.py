"""Wildcard lists: ``*.name``, ``.name`` or ``name``, each the name and everything below it.

Publishers switch between the three forms without notice (HaGeZi did in 2026-05), and mean the same.
"""

from rpzctl.formats.domains import COMMENTS, without_comment
from rpzctl.formats.lines import COMMENT, NAME, Line, LineFormat, Shape
from rpzctl.formats.parsed import Entry, Options
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

_WIDE = BITS[Scope.SUBTREE]


def _odd(line: str, _: Options) -> Line:
    if line.startswith(COMMENTS):
        return COMMENT
    text = without_comment(line)
    bare = text[2:] if text.startswith("*.") else text.removeprefix(".")
    if "*" in bare:
        return Line(skipped="a pattern that no name can express")
    try:
        return Line((Entry(parse(bare), _WIDE),))
    except NameFault as fault:
        return Line(reason=str(fault))


FORMAT = LineFormat(
    name="wildcard",
    summary="*.name or .name on each line: the name and all below it",
    shapes=tuple(Shape(prefix, scope=_WIDE) for prefix in ("*.", ".", "")),
    pattern=rf"^[ \t]*(?:\*?\.)?({NAME})\.?[ \t\r]*(?:[ \t][#;].*)?$",
    scope=_WIDE,
    odd=_odd,
)
