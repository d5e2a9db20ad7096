"""unbound.conf: ``local-zone: "name" TYPE`` for a name and all below it, ``local-data`` for one.

Source: unbound.conf(5). A zone that is transparent is an exception, unless data stand in it: they
are what is meant then. Data with another address than nowhere redirect.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

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
_ANSWERING = frozenset({"transparent", "typetransparent"})
"""of those: what local-data say of a name in the zone is answered, the rest resolved"""
_INDENT = 64
"""octets before an option on its line"""
_REDIRECTS = frozenset({"redirect", "inform_redirect"})
_ZONE = re.compile(r'local-zone:\s*"?([^"\s]+)"?\s+"?([a-z_]+)"?\Z')
_DATA = re.compile(
    r"""local-data:\s*["']([^\s"']+)\s+(?:[0-9]+\s+)?(?:IN\s+)?([A-Z]+)\s+([^"']*)["']\Z""",
    re.IGNORECASE,
)
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - values in such files


class _Zones(NamedTuple):
    """What zones mean that other lines of the file have a part in."""

    redirected: frozenset[str]
    """their data hold for all below them, too"""
    answered: frozenset[str]
    """transparent, with data at the name or below it"""


def _zones(data: bytes) -> _Zones:
    zone = rb'local-zone:[ \t]*"?([^"\s]+)"?[ \t]+"?'
    redirected = frozenset(_named(zone + rb"(?:inform_)?redirect", data))
    # always_transparent is not among them: it does not answer what its data say
    passing = frozenset(_named(zone + rb"(?:type)?transparent", data))
    if not passing:
        return _Zones(redirected, passing)
    answered: set[str] = set()
    for name in _named(rb"local-data:[ \t]*[\"']([^\s\"']+)", data):
        rest = name
        while rest and rest not in passing:
            rest = rest.partition(".")[2]
        if rest:
            answered.add(rest)
    return _Zones(redirected, frozenset(answered))


def _named(pattern: bytes, data: bytes) -> Iterator[str]:
    """Give the names that `pattern` finds at the beginnings of lines."""
    for match in re.finditer(pattern, data):
        start = data.rfind(b"\n", max(0, match.start() - _INDENT), match.start()) + 1
        if start == 0 and match.start() > _INDENT:
            continue
        if not data[start : match.start()].strip(b" \t\xef\xbb\xbf"):
            yield _bare(match[1].decode("utf-8", errors="replace"))


def _bare(text: str) -> str:
    return text.lower().removesuffix(".")


def _odd(zones: _Zones, line: str, _: Options) -> Line:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    if not text or text == "server:":
        return COMMENT
    if (zone := _ZONE.match(text)) and zone[2] in _ANSWERING and _bare(zone[1]) in zones.answered:
        return Line(skipped="a zone of which only the data are answered")
    if zone:
        return _zone(zone[1], zone[2])
    if data := _DATA.match(text):
        scope = _WIDE if _bare(data[1]) in zones.redirected else BITS[Scope.EXACT]
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
        form = LineFormat(self.name, self.summary, _SHAPES, partial(_odd, _zones(data)))
        return form.read(data, options)


_SHAPES = tuple(
    Shape('local-zone: "', f'{dot}" {kind}', _WIDE)
    for kind in ("always_nxdomain", "always_null", "always_refuse", "static", "refuse")
    for dot in (".", "")
)
FORMAT = _Unbound()
