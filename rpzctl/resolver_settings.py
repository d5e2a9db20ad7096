"""`[[resolver]]` of rpzctl.toml: a class of settings for each kind of resolver."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from rpzctl.typed import Between, Shaped, Typed

VIEW_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,40}"

Port = Annotated[int, Between(1, 65535)]
Patience = Annotated[float, Between(above=0, most=3600)]
Address = IPv4Address | IPv6Address


class ResolverSettings(Typed):
    """A name server that serves the policy. `kind` says which one it is, and which keys it has."""

    server: Address = IPv4Address("127.0.0.1")
    """address at which it answers queries"""
    port: Port = 53
    """of queries"""
    source: Address | None = None
    """address of this machine from which it is asked, where that decides what clients get"""
    timeout: Patience = 10.0
    """seconds until a change of a small zone must be live"""

    @property
    def asked_from(self) -> Address | None:
        """The address from which rpzctl asks it; None: the system chooses it."""
        return self.source or (self.server if self.server.is_loopback else None)


class BindSettings(ResolverSettings):
    """BIND 9, brought changes by rndc."""

    kind: Literal["bind"] = "bind"
    """this resolver is BIND"""
    view: Annotated[str, Shaped(VIEW_NAME)] = ""
    """the [[view]] that this is about, which must answer questions from `source`; left out: named
    has no views"""
    rndc_server: Address = IPv4Address("127.0.0.1")
    """address of its control channel"""
    rndc_port: Port = 953
    """port of its control channel"""
    rndc_key: Path = Path("/etc/bind/rndc.key")
    """the file that rndc is given as -k"""
    rndc_timeout: Patience = 60.0
    """seconds until a command of rndc must have ended; it only starts loads, but a reconfig of many
    zones takes some"""
    named_conf: Path = Path("/etc/bind/named.conf")
    """the configuration that holds the two includes; checked before each change of fragments"""


class UnboundSettings(ResolverSettings):
    """Unbound, brought changes by unbound-control."""

    kind: Literal["unbound"]
    """this resolver is Unbound"""
    unbound_conf: Path = Path("/etc/unbound/unbound.conf")
    """the configuration that holds the include and says where the control channel is; checked
    before each change of fragments"""
    control_timeout: Patience = 300.0
    """seconds until a command of unbound-control must have ended: it waits until a zone is read"""


class PdnsRecursorSettings(ResolverSettings):
    """PowerDNS Recursor, brought changes by rec_control."""

    kind: Literal["pdns-recursor"]
    """this resolver is PowerDNS Recursor"""
    config_dir: Path = Path("/etc/powerdns")
    """the folder of recursor.conf, that rec_control is given as --config-dir"""
    socket_dir: Path = Path("/run/pdns-recursor")
    """the folder of its control socket, that rec_control is given as --socket-dir"""
    control_timeout: Patience = 300.0
    """seconds until a command of rec_control must have ended: it waits until all zones are read"""


class KnotSettings(ResolverSettings):
    """Knot Resolver 5, brought changes by its control sockets."""

    kind: Literal["knot"]
    """this resolver is Knot Resolver"""
    control: Path = Path("/run/knot-resolver/control")
    """the folder of the control sockets, one for each of its processes; all are told"""
    control_timeout: Patience = 300.0
    """seconds until a process must have answered: it does so when a zone is read"""


AnyResolver = BindSettings | UnboundSettings | PdnsRecursorSettings | KnotSettings
RESOLVERS: Mapping[str, type[ResolverSettings]] = MappingProxyType(
    {
        "bind": BindSettings,
        "unbound": UnboundSettings,
        "pdns-recursor": PdnsRecursorSettings,
        "knot": KnotSettings,
    }
)
"""the settings of each kind"""
