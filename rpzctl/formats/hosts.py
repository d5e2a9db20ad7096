"""hosts files (hosts(5)): an address, then one name or more; ``#`` begins a comment. Exact names.

Only lines that send a name nowhere block it: ``0.0.0.0``, ``127.0.0.1``, ``::``, ``::1``, ``0``. A
line with another address redirects, and is rejected. An address in the place of a name is kept as
one. The machine's own names, with which such files begin, are no entries.
"""

import ipaddress

from rpzctl.formats.lines import COMMENT, NAME, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

_EXACT = BITS[Scope.EXACT]
_OWN = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
        "local",
        "broadcasthost",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
        "0.0.0.0",  # noqa: S104 - a line of such files, no address to bind
    }
)


def _odd(line: str, _: Options) -> Line:
    if line.startswith(("#", "!")):
        return COMMENT
    words = line.partition("#")[0].split()
    if len(words) < 2:  # noqa: PLR2004 - an address and a name
        return Line(reason="is not an address and a name")
    texts = [word for word in words[1:] if word.lower() not in _OWN]
    if not texts:
        return COMMENT
    if not _nowhere(words[0]):
        return Line(reason=_no_block(words[0]))
    entries, networks, reasons = [], [], []
    for text in texts:
        try:
            entries.append(Entry(parse(text), _EXACT))
        except NameFault as fault:
            if address := network(text):
                networks.append(address)
            else:
                reasons.append(f"the name {fault}")
    return Line(tuple(entries), tuple(networks), reason=reasons[0] if reasons else None)


def _nowhere(text: str) -> bool:
    if text == "0":
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_unspecified or address.is_loopback


def _no_block(text: str) -> str:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "does not begin with an address"
    return "sends the name to another machine; that is no block"


FORMAT = LineFormat(
    name="hosts",
    summary="an address and names on each line",
    shapes=tuple(
        Shape(prefix, scope=_EXACT)
        for prefix in ("127.0.0.1 ", "127.0.0.1\t", "0.0.0.0 ", "0.0.0.0\t", "::1 ", ":: ")
    ),
    pattern=rf"^[ \t]*(?:0\.0\.0\.0|127\.0\.0\.1|::1?|0)[ \t]+({NAME})[ \t\r]*(?:#.*)?$",
    scope=_EXACT,
    odd=_odd,
    passed_over=tuple(name for name in sorted(_OWN) if "." in name),
)
