"""unbound.conf: ``local-zone: "name" TYPE`` for a name and all below it, ``local-data`` for one.

Source: unbound.conf(5). A zone that is transparent is an exception; data with another address than
nowhere redirects.
"""

import re

from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.parsed import BITS, Entry, Options
from rpzctl.names import NameFault, parse
from rpzctl.rpz import Scope

_WIDE = BITS[Scope.SUBTREE]
_BLOCKS = (
    "always_nxdomain",
    "always_null",
    "always_nodata",
    "always_refuse",
    "always_deny",
    "static",
    "refuse",
    "deny",
    "redirect",
    "inform_deny",
    "inform_redirect",
)
_PASSES = frozenset({"transparent", "typetransparent", "always_transparent", "inform", "nodefault"})
_ZONE = re.compile(r'local-zone:\s*"?([^"\s]+)"?\s+"?([a-z_]+)"?\Z')
_DATA = re.compile(
    r"""local-data:\s*["']([^\s"']+)\s+(?:[0-9]+\s+)?(?:IN\s+)?([A-Z]+)\s+([^"']*)["']\Z""",
    re.IGNORECASE,
)
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - values in such files


def _odd(line: str, _: Options) -> Line:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    if not text or text == "server:":
        return COMMENT
    if zone := _ZONE.match(text):
        return _zone(zone[1], zone[2])
    if data := _DATA.match(text):
        return _data(data[1], data[2].upper(), data[3].strip())
    if re.match(r"[a-z-]+:\s*\S", text):
        return Line(skipped="another option of unbound")
    return Line(reason="is not an option of unbound")


def _zone(text: str, kind: str) -> Line:
    if kind in _BLOCKS or kind in _PASSES:
        return _entry(text, _WIDE, allow=kind in _PASSES)
    return Line(skipped="another type of local-zone")


def _data(text: str, rdtype: str, value: str) -> Line:
    if rdtype in {"A", "AAAA"} and value in _NOWHERE:
        return _entry(text, BITS[Scope.EXACT], allow=False)
    return Line(skipped="a redirect or other data")


def _entry(text: str, scope: int, *, allow: bool) -> Line:
    try:
        return Line((Entry(parse(text), scope, allow),))
    except NameFault as fault:
        return Line(reason=f"the name {fault}")


FORMAT = LineFormat(
    name="unbound",
    summary='local-zone: "name" always_nxdomain on each line: the name and all below it',
    shapes=tuple(
        Shape('local-zone: "', f'{dot}" {kind}', _WIDE)
        for kind in ("always_nxdomain", "always_null", "always_refuse", "static", "refuse")
        for dot in (".", "")
    ),
    odd=_odd,
)
