"""Many questions at once, each from the address of its client."""

import select
import socket
import time
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from rpzctl.evaluate import Query
from rpzctl.resolvers import Answer, Question

PATIENCE = 4.0
"""seconds for an answer that is to come"""
SILENCE = 0.2
"""seconds without any answer after which the rest counts as dropped"""
RESEND = 1.0


def ask_all(port: int, queries: Sequence[Query], dropped: set[int]) -> list[Answer]:
    """Ask 127.0.0.1 all `queries`; `dropped` are the places of those that get no answer, likely."""
    sockets: dict[str, socket.socket] = {}
    wires = []
    for place, query in enumerate(queries):
        client = str(query.client)
        if client not in sockets:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind((client, 0))
            made.setblocking(False)
            sockets[client] = made
        message = dns.message.make_query(query.name, query.type, use_edns=0, payload=1232)
        message.id = place
        wires.append(message.to_wire())
    answers: dict[int, Answer] = {}
    begun = time.monotonic()
    sent, heard = -RESEND, begun
    while len(answers) < len(queries):
        now = time.monotonic()
        rest = [place for place in range(len(queries)) if place not in answers]
        if now - begun > PATIENCE or (set(rest) <= dropped and now - heard > SILENCE):
            break
        if now - sent > RESEND:
            for place in rest:
                sockets[str(queries[place].client)].sendto(wires[place], ("127.0.0.1", port))
            sent = now
        ready, _, _ = select.select(list(sockets.values()), [], [], 0.02)
        for each in ready:
            got = _read(each.recv(65535), queries)
            if got is not None:
                answers[got[0]] = got[1]
                heard = time.monotonic()
    for each in sockets.values():
        each.close()
    return [
        answers.get(place, Answer(Question(query.name, query.type)))
        for place, query in enumerate(queries)
    ]


def _read(wire: bytes, queries: Sequence[Query]) -> tuple[int, Answer] | None:
    try:
        message = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    query = queries[message.id]
    records = tuple(
        (dns.rdatatype.to_text(rrset.rdtype), rdata.to_text())
        for rrset in message.answer
        for rdata in rrset
    )
    answer = Answer(
        Question(query.name, query.type),
        dns.rcode.to_text(message.rcode()),
        records,
        bool(message.flags & dns.flags.TC),
    )
    return message.id, answer
