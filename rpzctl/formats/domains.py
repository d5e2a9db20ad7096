"""Plain lists: one name a line, ``#`` and ``!`` comments. Says nothing about subdomains.

Met in real lists and rejected: ``%20mandrillapp.com``, ``40.70.42.104?rid=8i4dr5f``, bracketed
IPv6 addresses, ``compassliquor.co.nz?``. Taken: upper case, a final dot, Unicode (UTS #46),
underscores and edge hyphens, which resolve.
"""

from rpzctl.formats.lines import COMMENT, NAME, LineFormat, Odd
from rpzctl.names import NameFault, parse

_COMMENTS = ("#", "!", ";", "//", "[Adblock")


def _odd(line: str) -> Odd:
    if line.startswith(_COMMENTS):
        return COMMENT
    text = line
    for mark in ("#", ";"):
        before, found, _ = text.partition(mark)
        if found and before[-1:].isspace():
            text = before.strip()
    try:
        return Odd((parse(text),))
    except NameFault as fault:
        return Odd(reason=str(fault))


FORMAT = LineFormat("domains", ("",), rf"^[ \t]*({NAME})\.?[ \t\r]*(?:[ \t][#;].*)?$", _odd)
