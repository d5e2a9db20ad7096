"""Plain lists: one name a line, ``#`` and ``!`` comments. Says nothing about subdomains.

Met in real lists and rejected: ``%20mandrillapp.com``, ``40.70.42.104?rid=8i4dr5f``,
``compassliquor.co.nz?``. Taken: upper case, a final dot, Unicode (UTS #46),
underscores and edge hyphens, which resolve. Addresses are kept as such.
"""

from rpzctl.formats.lines import COMMENT, NAME, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options
from rpzctl.names import NameFault, parse

COMMENTS = ("#", "!", ";", "//", "[Adblock")


def without_comment(line: str) -> str:
    """Return `line` without a ``#`` or ``;`` comment that a blank precedes."""
    text = line
    for mark in ("#", ";"):
        before, found, _ = text.partition(mark)
        if found and before[-1:].isspace():
            text = before.strip()
    return text


def _odd(line: str, _: Options) -> Line:
    if line.startswith(COMMENTS):
        return COMMENT
    text = without_comment(line)
    try:
        return Line((Entry(parse(text)),))
    except NameFault as fault:
        address = network(text)
        return Line(networks=(address,)) if address else Line(reason=str(fault))


FORMAT = LineFormat(
    name="domains",
    summary="a name on each line",
    shapes=(Shape(""),),
    pattern=rf"^[ \t]*({NAME})\.?[ \t\r]*(?:[ \t][#;].*)?$",
    odd=_odd,
)
