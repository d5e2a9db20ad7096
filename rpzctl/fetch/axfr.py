"""Feeds that are policy zones on another name server: AXFR over TCP, with TSIG or without.

The serial is asked first, and a zone whose serial is the one that we hold is not transferred. One
whose serial went back is a fault: a secondary would not take it either (RFC 1982), and a server
that lags behind its fellows must not bring yesterday's policy back.
Source: RFC 5936 (AXFR), RFC 8945 (TSIG: the first and the last message must be signed).
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from rpzctl.catalogue import Feed
from rpzctl.fetch import secret
from rpzctl.fetch.fetched import Broken, Fetched, Limits, Validators, left, too_much
from rpzctl.names import printable
from rpzctl.serial import is_newer

if TYPE_CHECKING:
    import dns.name

_PORT = 53
_SILENCE = 30.0
"""seconds in which a server must say something"""
_KEY = re.compile(
    r'\s*key\s+"?([A-Za-z0-9._-]{1,255})"?\s*\{'
    r'\s*algorithm\s+"?([A-Za-z0-9-]{1,40})"?\s*;'
    r'\s*secret\s+"?([A-Za-z0-9+/=]{1,2000})"?\s*;\s*\}\s*;?\s*\Z'
)


class _Zone(NamedTuple):
    """A zone at a server, and how to ask for it."""

    address: str
    port: int
    origin: "dns.name.Name"
    key: Any
    """of dnspython's; None: without TSIG"""


def transfer(feed: Feed, known: Validators, limits: Limits, deadline: float) -> Fetched:
    """Transfer the zone of `feed` as zone text. Raises `Broken`."""
    import dns.name

    parts = urlsplit(feed.url)
    key = _key(feed)
    origin = dns.name.from_text(unquote(parts.path.strip("/")))
    last = Broken("the server has no address")
    for address in _addresses(parts.hostname or "", parts.port or _PORT):
        zone = _Zone(address, parts.port or _PORT, origin, key)
        try:
            with _told(limits, deadline):
                serial = _serial(zone, left(deadline, limits))
                if serial == known.serial:
                    return Fetched(unchanged=True, validators=known, served=True)
                _refuse_older(feed, serial, known.serial)
                data, serial = _text(zone, limits, deadline)
        except Broken as fault:
            if not fault.passing:
                raise
            last = fault
            continue
        return Fetched(data=data, validators=Validators(serial=serial), served=True)
    raise last


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as fault:
        raise Broken(f"the server's name has no address: {fault.strerror}", passing=True) from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _refuse_older(feed: Feed, serial: int, held: int | None) -> None:
    if held is not None and not is_newer(serial, held):
        raise Broken(
            f"its serial went back from {held} to {serial}; to take it: "
            f"rpzctl sync --accept {feed.name}",
            served=True,
        )


def _key(feed: Feed) -> Any:  # noqa: ANN401 - dnspython is imported where it is used
    """Return the TSIG key of `feed`; None if it has none. Raises `Broken`, without the secret."""
    text = secret.of(feed)
    if text is None:
        return None
    import binascii

    import dns.exception
    import dns.tsig

    place = f"${feed.secret_env}" if feed.secret_env else str(feed.secret_file)
    found = _KEY.match(text)
    if not found:
        raise Broken(f"{place} holds no TSIG key as tsig-keygen writes it", asked=False)
    try:
        key = dns.tsig.Key(found[1], found[3], found[2])
        dns.tsig.get_context(key)  # type: ignore[no-untyped-call]
    except (binascii.Error, ValueError, NotImplementedError, dns.exception.DNSException):
        raise Broken(f"the TSIG key in {place} cannot be used", asked=False) from None
    return key


@contextmanager
def _told(limits: Limits, deadline: float) -> Iterator[None]:
    """Turn what asking a name server may meet into `Broken`."""
    import struct

    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode
    import dns.tsig
    import dns.xfr

    try:
        yield
    except dns.exception.Timeout:
        left(deadline, limits)
        raise Broken(f"the server was silent for {_SILENCE:g} s", passing=True) from None
    except dns.xfr.TransferError as fault:
        raise _said(fault.rcode) from None
    except dns.tsig.PeerError as fault:
        raise Broken(f"the server does not accept the TSIG key ({type(fault).__name__})") from None
    except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey, dns.message.UnknownTSIGKey):
        raise Broken("the answer is not signed with the TSIG key") from None
    except (dns.exception.DNSException, struct.error, ValueError, AttributeError) as fault:
        kind = type(fault).__name__
        raise Broken(printable(f"the answer cannot be read: {kind}: {fault}", 300)) from None
    except (OSError, EOFError) as fault:
        said = getattr(fault, "strerror", None) or "the server closed the connection"
        raise Broken(str(said), passing=True) from None


def _said(rcode: int) -> Broken:
    import dns.rcode

    text = dns.rcode.to_text(dns.rcode.Rcode(rcode))
    return Broken(f"the server answers {text}", passing=text == "SERVFAIL")


def _serial(zone: _Zone, seconds: float) -> int:
    """Return the zone's serial."""
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdatatype

    query = dns.message.make_query(zone.origin, dns.rdatatype.SOA)
    if zone.key:
        query.use_tsig(zone.key)
    reply = dns.query.tcp(query, zone.address, min(seconds, _SILENCE), zone.port)
    if zone.key and not reply.had_tsig:
        raise Broken("the answer is not signed with the TSIG key")
    if reply.rcode() != dns.rcode.NOERROR:
        raise _said(reply.rcode())
    soa = reply.get_rrset(reply.answer, zone.origin, reply.question[0].rdclass, dns.rdatatype.SOA)
    if soa is None:
        raise Broken("the server has no SOA record for it")
    return int(soa[0].serial)


def _text(zone: _Zone, limits: Limits, deadline: float) -> tuple[bytes, int]:
    """Return the zone as zone text, owners relative to its origin, and its serial."""
    import dns.query
    import dns.rdatatype

    ring = {zone.key.name: zone.key} if zone.key else None
    messages = dns.query.xfr(
        zone.address,
        zone.origin,
        timeout=_SILENCE,
        port=zone.port,
        keyring=ring,
        keyname=zone.key.name if zone.key else None,
        keyalgorithm=zone.key.algorithm if zone.key else "hmac-sha256",
        relativize=False,
        lifetime=left(deadline, limits),
    )
    end = f".{zone.origin}".lower()
    lines: list[str] = []
    size = 0
    signed = []
    serial = None
    for message in messages:
        signed.append(message.had_tsig)
        for rrset in message.answer:
            if serial is None:
                serial = int(rrset[0].serial)
            elif rrset.rdtype == dns.rdatatype.SOA:
                continue  # the first record comes again at the end
            owner = rrset.name.to_text()
            if rrset.rdtype != dns.rdatatype.SOA and owner.lower().endswith(end):
                owner = owner[: -len(end)]
            kind = dns.rdatatype.to_text(rrset.rdtype)
            lines += [f"{owner} {kind} {rdata.to_text()}\n" for rdata in rrset]
            size += sum(len(line) for line in lines[-len(rrset) :])
        if size > limits.octets:
            raise too_much(limits.octets)
        left(deadline, limits)
    if serial is None or (zone.key and not (signed[0] and signed[-1])):
        raise Broken("the answer is not signed with the TSIG key" if zone.key else "no zone came")
    return "".join(lines).encode(), serial
