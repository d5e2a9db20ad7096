"""A name server for which every name has one address: the internet of resolvers under test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from tests.servers import REAL, free_port


@contextmanager
def internet() -> Iterator[int]:
    """Give the port of a name server for which every name has an address, over UDP and TCP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        port = free_port()  # what the kernel gives for one protocol is often taken for the other
        udp.bind(("127.0.0.1", port))
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        threads = [
            threading.Thread(target=_datagrams, args=(udp,), daemon=True),
            threading.Thread(target=_connections, args=(tcp,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        yield port
        for sock in (udp, tcp):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _datagrams(udp: socket.socket) -> None:
    with suppress(OSError):
        while True:
            wire, client = udp.recvfrom(65535)
            if not wire:  # shut down
                return
            udp.sendto(_real(wire), client)


def _connections(tcp: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = tcp.accept()
            with client, suppress(OSError, dns.exception.DNSException):
                client.settimeout(1.0)
                length = int.from_bytes(client.recv(2), "big")
                reply = _real(client.recv(length))
                client.sendall(len(reply).to_bytes(2, "big") + reply)


def _real(wire: bytes) -> bytes:
    query = dns.message.from_wire(wire)
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA | dns.flags.RA
    asked = query.question[0]
    if asked.name.to_text().lower() == "cloak.example.":
        target = dns.rrset.from_text(asked.name, 60, "IN", "CNAME", "cloaked.example.")
        reply.answer.append(target)
        if asked.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text("cloaked.example.", 60, "IN", "A", REAL))
        return reply.to_wire()
    data = {dns.rdatatype.A: REAL, dns.rdatatype.TXT: '"real"'}.get(asked.rdtype)
    if data:
        reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", asked.rdtype, data))
    else:
        soa = "localhost. hostmaster.localhost. 1 3600 600 604800 60"
        reply.authority.append(dns.rrset.from_text(".", 60, "IN", "SOA", soa))
    return reply.to_wire()
