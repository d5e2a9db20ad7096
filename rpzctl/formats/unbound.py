"""unbound.conf: ``local-zone: "name" TYPE`` for a name and all below it, ``local-data`` for one.

Source: unbound.conf(5). A zone that is transparent is an exception; data with another address than
nowhere redirects.
"""

import re
from functools import partial

from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options, Parsed
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

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
    "inform_deny",
)
_PASSES = frozenset({"transparent", "typetransparent", "always_transparent"})
_REDIRECTS = frozenset({"redirect", "inform_redirect"})
_ZONE = re.compile(r'local-zone:\s*"?([^"\s]+)"?\s+"?([a-z_]+)"?\Z')
_DATA = re.compile(
    r"""local-data:\s*["']([^\s"']+)\s+(?:[0-9]+\s+)?(?:IN\s+)?([A-Z]+)\s+([^"']*)["']\Z""",
    re.IGNORECASE,
)
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - values in such files


def _redirected(data: bytes) -> frozenset[str]:
    """Return the names whose data, which stand on other lines, hold for all below them, too."""
    found = re.finditer(rb'local-zone:[ \t]*"?([^"\s]+)"?[ \t]+"?(?:inform_)?redirect', data)
    return frozenset(_bare(match[1].decode("utf-8", errors="replace")) for match in found)


def _bare(text: str) -> str:
    return text.lower().removesuffix(".")


def _odd(redirected: frozenset[str], line: str, _: Options) -> Line:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    if not text or text == "server:":
        return COMMENT
    if zone := _ZONE.match(text):
        return _zone(zone[1], zone[2])
    if data := _DATA.match(text):
        scope = _WIDE if _bare(data[1]) in redirected else BITS[Scope.EXACT]
        return _data(data[1], data[2].upper(), data[3].strip(), scope)
    if re.match(r"[a-z-]+:\s*\S", text):
        return Line(skipped="another option of unbound")
    return Line(reason="is not an option of unbound")


def _zone(text: str, kind: str) -> Line:
    if kind in _BLOCKS or kind in _PASSES:
        return _entry(text, _WIDE, allow=kind in _PASSES)
    if kind in _REDIRECTS:  # google.com to its safe search is no block; the data say it
        return Line(skipped="a redirect, of which the data say where to")
    return Line(skipped="another type of local-zone")


def _data(text: str, rdtype: str, value: str, scope: int) -> Line:
    if rdtype in {"A", "AAAA"} and value in _NOWHERE:
        return _entry(text, scope, allow=False)
    return Line(skipped="a redirect or other data")


def _entry(text: str, scope: int, *, allow: bool) -> Line:
    try:
        return Line((Entry(parse(text), scope, allow),))
    except NameFault as fault:
        if not allow and (address := network(text)):
            return Line(networks=(address,))
        return Line(reason=f"the name {fault}")


class _Unbound:
    name = "unbound"
    summary = 'local-zone: "name" always_nxdomain on each line: the name and all below it'

    def read(self, data: bytes, options: Options) -> Parsed:
        """Read a feed of options of unbound."""
        form = LineFormat(self.name, self.summary, _SHAPES, partial(_odd, _redirected(data)))
        return form.read(data, options)


_SHAPES = tuple(
    Shape('local-zone: "', f'{dot}" {kind}', _WIDE)
    for kind in ("always_nxdomain", "always_null", "always_refuse", "static", "refuse")
    for dot in (".", "")
)
FORMAT = _Unbound()
