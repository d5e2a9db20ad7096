"""URLs, one a line: with or without a scheme. A URL with a path blocks its host only on request.

``whole_hosts = true`` in the definition is that request: lists of URLs name github.com and
docs.google.com for one page of theirs.
"""

from rpzctl.formats.indicators import indicator
from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.parsed import Options


def _odd(line: str, options: Options) -> Line:
    if line.startswith(("#", "!", ";")):
        return COMMENT
    return indicator(line, whole_hosts=options.whole_hosts)


FORMAT = LineFormat(name="urls", summary="a URL on each line", shapes=(Shape(""),), odd=_odd)
