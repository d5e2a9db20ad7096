"""Maltrail trails: names, addresses, URLs, paths and expressions in one file, ``#`` comments.

Source: https://github.com/stamparm/maltrail, trails/static. A name means what is below it, too
(maltrail looks at each parent of a name that is asked for).
"""

import re

from rpzctl.formats.indicators import indicator
from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.parsed import Options
from rpzctl.rpz import BITS, Scope

_WIDE = BITS[Scope.SUBTREE]


def _odd(line: str, options: Options) -> Line:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    if not text:
        return COMMENT
    if text.startswith("/"):
        return Line(skipped="a path on any host")
    if re.search(r"[\\(){}|*+^$]|\[(?![0-9a-fA-F:.]+\])", text.partition("/")[0]):
        return Line(skipped="a regular expression")
    return indicator(text.removeprefix("."), scope=_WIDE, whole_hosts=options.whole_hosts)


FORMAT = LineFormat(
    name="maltrail",
    summary="trails of Maltrail: names, addresses and URLs, one a line",
    shapes=(Shape("", scope=_WIDE),),
    odd=_odd,
)
