"""dnsmasq.conf: ``address=/name/``, ``server=/name/`` and ``local=/name/``: the name and all below.

Source: dnsmasq(8). What sends a name to another server is no block but an exception
(``server=/2mdn.net/114.114.114.114``: lists of 110,000 such lines exist); an address that is not
nowhere redirects.
"""

import re

from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

_WIDE = BITS[Scope.SUBTREE]
_RULE = re.compile(r"(address|server|local)=/(.*)/([^/]*)\Z")
_OPTION = re.compile(r"[a-z][a-z0-9-]+(=.*)?\Z")
_NOWHERE = frozenset({"", "#", "0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - values in such files
_OWN = frozenset({"", "127.0.0.1", "::1"})


def _odd(line: str, _: Options) -> Line:
    text = re.sub(r"\s#.*", "", line).strip()
    if text.startswith("#") or not text:
        return COMMENT
    found = _RULE.match(text)
    if found:
        return _rule(found[1], found[2].split("/"), found[3])
    if re.match(r"(address|server|local)=/", text):
        return Line(reason="is cut short: no slash ends the names")
    if text.startswith("bogus-nxdomain="):
        address = network(text.partition("=")[2])
        return Line(networks=(address,)) if address else Line(reason="is about no address")
    if _OPTION.match(text):
        return Line(skipped="another option of dnsmasq")
    return Line(reason="is not an option of dnsmasq")


def _rule(option: str, texts: list[str], value: str) -> Line:
    allow = option != "address" and value not in _OWN
    if option == "address" and value not in _NOWHERE:
        return Line(skipped="a redirect to another address")
    entries, reason, patterns = [], None, False
    for text in texts:
        if "*" in text or text in {"", "#"}:  # any name without a dot; any name
            patterns = True
            continue
        try:
            entries.append(Entry(parse(text.removeprefix(".")), _WIDE, allow))
        except NameFault as fault:
            reason = f"the name {fault}"
    skipped = "a pattern that no name can express" if patterns else None
    return Line(tuple(entries), skipped=skipped, reason=reason)


FORMAT = LineFormat(
    name="dnsmasq",
    summary="address=/name/, server=/name/ or local=/name/ on each line: the name and all below it",
    shapes=tuple(
        Shape(f"{option}=/", f"/{value}", _WIDE)
        for option, values in (
            ("address", ("", "0.0.0.0", "#", "::", "127.0.0.1")),  # noqa: S104 - same
            ("server", ("",)),
            ("local", ("",)),
        )
        for value in values
    ),
    odd=_odd,
)
