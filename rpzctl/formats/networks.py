"""Addresses and prefixes as feeds write them."""

import ipaddress
from collections.abc import Iterable


def network(text: str) -> str | None:
    """Return the canonical form of an address or prefix (``2001:db8::/32``); None: it is neither.

    Host bits under a prefix are cleared; a whole address has no ``/32`` or ``/128``.
    """
    bare = text.strip().removeprefix("[").removesuffix("]")
    if "%" in bare:  # an address of one machine's interface means nothing elsewhere
        return None
    try:
        net = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def ordered(texts: Iterable[str]) -> tuple[str, ...]:
    """Return canonical networks sorted by version, address and length, each once."""

    def key(text: str) -> tuple[int, int, int]:
        net = ipaddress.ip_network(text)
        return net.version, int(net.network_address), net.prefixlen

    return tuple(sorted(set(texts), key=key))
