"""What indicator lists write in one place: names, URLs, addresses, with ports or without."""

import re

from rpzctl.formats.lines import NAME, Line
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import SILENT, Entry
from rpzctl.names import MAX_LENGTH, NameFault, paste
from rpzctl.rpz import BITS, Scope

PATH = "a path on a host that may serve others, too (whole_hosts)"
_ADDRESS = re.compile(
    r"(?:[a-z]+://)?(\[[0-9a-f:.]+\]|[0-9.]+|[0-9a-f:]+:[0-9a-f:.]*)(:[0-9]+)?([/?#].*)?\Z",
    re.IGNORECASE,
)
_PLAIN = re.compile(NAME + r"\Z")
_LONGEST = 8192
"""more than any URL of use; what is longer is not looked into"""


def indicator(  # noqa: PLR0911 - one return for each kind
    text: str, *, scope: int = SILENT, whole_hosts: bool = False
) -> Line:
    """Return what a name, URL or address comes to; defanged forms are understood.

    A URL with a path gives its host only with `whole_hosts`: docs.google.com serves more than the
    one drawing that a list is about.
    """
    if len(text) <= MAX_LENGTH and _PLAIN.match(text):  # most are; ten times as fast
        return Line((Entry(text.lower(), scope),))
    if len(text) > _LONGEST:
        return Line(reason="is too long for a name, a URL or an address")
    bare = text.strip().replace("[.]", ".")
    if net := network(bare):  # before URLs: in 192.0.2.0/24 the slash begins no path
        return Line(networks=(net,))
    found = _ADDRESS.match(bare)
    if found and (address := network(found[1])):
        path = found[3] not in {None, "/"} and not whole_hosts
        return Line(skipped=PATH) if path else Line(networks=(address,))
    try:
        got = paste(text)
    except NameFault as fault:
        return Line(reason=str(fault))
    if got.below_only and scope == SILENT:
        scope = BITS[Scope.BELOW]
    if got.note and not whole_hosts:
        return Line(skipped=PATH)
    return Line((Entry(got.name, scope),))
