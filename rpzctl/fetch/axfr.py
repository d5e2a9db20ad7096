"""Feeds that are policy zones on another name server: AXFR over TCP, with TSIG or without.

The serial is asked first, and a zone whose serial is the one that we hold is not transferred. One
whose serial went back is a fault: a secondary would not take it either (RFC 1982), and a server
that lags behind its fellows must not bring yesterday's policy back.
Source: RFC 5936 (AXFR), RFC 8945 (TSIG: the first and the last message must be signed).
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from rpzctl.catalogue import Feed
from rpzctl.fetch import secret, wire
from rpzctl.fetch.fetched import Broken, Came, Fetched, Limits, Validators, left, too_much
from rpzctl.names import printable
from rpzctl.serial import is_newer

if TYPE_CHECKING:
    import dns.name

_PORT = 53
_SILENCE = 30.0
"""seconds in which a server must say something"""
_SILENT = f"the server was silent for {_SILENCE:g} s"
_UNSIGNED = "the answer is not signed with the TSIG key"
_IN = 1
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


def transfer(feed: Feed, known: Validators, limits: Limits, deadline: float, came: Came) -> Fetched:
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
                data, serial = _text(zone, limits, deadline, came)
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
    import dns.tsig

    try:
        yield
    except dns.exception.Timeout:
        left(deadline, limits)
        raise Broken(_SILENT, passing=True) from None
    except wire.BadMessage as fault:
        raise Broken(f"an answer {fault}") from None
    except dns.tsig.PeerError as fault:
        raise Broken(f"the server does not accept the TSIG key ({type(fault).__name__})") from None
    except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey, dns.message.UnknownTSIGKey):
        raise Broken(_UNSIGNED) from None
    except (dns.exception.DNSException, struct.error, ValueError) as fault:
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
        raise Broken(_UNSIGNED)
    if reply.rcode() != dns.rcode.NOERROR:
        raise _said(reply.rcode())
    soa = reply.get_rrset(reply.answer, zone.origin, reply.question[0].rdclass, dns.rdatatype.SOA)
    if soa is None:
        raise Broken("the server has no SOA record for it")
    return int(soa[0].serial)


def _text(zone: _Zone, limits: Limits, deadline: float, came: Came) -> tuple[bytes, int]:
    """Return the zone as zone text, owners relative to its origin, and its serial."""
    origin = str(zone.origin).lower()
    end = f".{origin}"
    lines: list[str] = []
    size = 0
    serial = None
    for message in _messages(zone, limits, deadline):
        came(len(message.octets))
        for record in message.answers:
            owner = record.owner.lower()
            text = wire.data(record, message)
            if record.record_class != _IN or (serial is None) != (record.type == wire.SOA):
                raise wire.BadMessage("has a record that is not of the zone's frame")
            if record.type == wire.SOA:
                if owner != origin:
                    raise wire.BadMessage("has the SOA record of another zone")
                serial = int(text.split()[3])
            elif owner.endswith(end):
                owner = owner[: -len(end)]
            lines.append(f"{owner} {text}\n")
            size += len(lines[-1])
        if size > limits.octets:
            raise too_much(limits.octets)
    if serial is None:
        raise Broken("no zone came")
    return "".join(lines).encode(), serial


def _messages(zone: _Zone, limits: Limits, deadline: float) -> Iterator[wire.Message]:
    """Give the answers to AXFR, signed as they should be, the closing SOA record left out."""
    import dns.message

    query = dns.message.make_query(zone.origin, "AXFR")
    if zone.key:
        query.use_tsig(zone.key)
    asked = query.to_wire()
    question = (str(zone.origin), int(query.question[0].rdtype))
    signed = _Signed(zone.key, query.mac or b"")
    begun = False
    with socket.create_connection((zone.address, zone.port), _pause(deadline, limits)) as server:
        server.sendall(len(asked).to_bytes(2, "big") + asked)
        while True:
            size = int.from_bytes(_octets(server, 2, deadline, limits), "big")
            message = wire.message(_octets(server, size, deadline, limits))
            if message.number != query.id or (message.question or question) != question:
                raise wire.BadMessage("answers another question")
            signed.check(message)
            if message.rcode:
                raise _said(message.rcode)
            closing = message.answers[-1:] if begun or len(message.answers) > 1 else []
            begun = True
            if closing and closing[0].type == wire.SOA:
                signed.close()
                yield message._replace(answers=message.answers[:-1])
                return
            yield message


def _octets(server: socket.socket, count: int, deadline: float, limits: Limits) -> bytes:
    out = bytearray()
    while len(out) < count:
        server.settimeout(_pause(deadline, limits))
        try:
            piece = server.recv(count - len(out))
        except TimeoutError:
            left(deadline, limits)
            raise Broken(_SILENT, passing=True) from None
        if not piece:
            raise EOFError
        out += piece
    return bytes(out)


def _pause(deadline: float, limits: Limits) -> float:
    return min(left(deadline, limits), _SILENCE)


class _Signed:
    """Whether the messages of a transfer are signed: the first, the last, and all between them."""

    def __init__(self, key: Any, request: bytes) -> None:  # noqa: ANN401 - of dnspython's
        self.key = key
        self.request = request
        self.context: Any = None
        self.last = False

    def check(self, message: wire.Message) -> None:
        """Take in a message. Raises what dnspython raises for one that is not signed right."""
        import dns.name
        import dns.tsig

        if self.key is None:
            return
        self.last = message.signature is not None
        if message.signature is None:
            if self.context is None:
                raise Broken(_UNSIGNED)
            self.context.update(message.octets)
            return
        self.context = dns.tsig.validate(  # type: ignore[no-untyped-call]
            message.octets,
            self.key,
            dns.name.from_text(message.signature.owner),
            wire.parsed(message.signature, message),
            int(time.time()),
            self.request,
            message.signature.start,
            self.context,
            True,
        )

    def close(self) -> None:
        """End the transfer. Raises `Broken` if its last message was not signed."""
        if self.key is not None and not self.last:
            raise Broken(_UNSIGNED)
