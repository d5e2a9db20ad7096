"""What indicator lists write in one place: names, URLs, addresses, with ports or without."""

import re

from rpzctl.formats.lines import Line
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import SILENT, Entry
from rpzctl.names import NameFault, paste

PATH = "a path on a host that may serve others, too (whole_hosts)"
_ADDRESS = re.compile(
    r"(?:[a-z]+://)?(\[[0-9a-f:.]+\]|[0-9.]+|[0-9a-f:]+:[0-9a-f:.]*)(:[0-9]+)?(/.*)?\Z",
    re.IGNORECASE,
)
_HEX = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){1,3}\Z", re.IGNORECASE)


def indicator(text: str, *, scope: int = SILENT, whole_hosts: bool = False) -> Line:
    """Return what a name, URL or address comes to; defanged forms are understood.

    A URL with a path gives its host only with `whole_hosts`: docs.google.com serves more than the
    one drawing that a list is about.
    """
    bare = text.replace("[.]", ".").replace("hxxp", "http", 1)
    found = _ADDRESS.match(bare)
    address = network(found[1]) if found else None
    if found and address:
        if found[3] not in {None, "", "/"} and not whole_hosts:
            return Line(skipped=PATH)
        return Line(networks=(address,))
    try:
        got = paste(text)
    except NameFault as fault:
        return Line(reason=str(fault))
    if _HEX.match(got.name):
        return Line(reason="is an address in disguise")
    if got.note and not whole_hosts:
        return Line(skipped=PATH)
    return Line((Entry(got.name, scope),))
