"""The only place that asks name servers questions: many at once, over one UDP socket."""

import os
import selectors
import socket
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from rpzctl.errors import RpzctlError
from rpzctl.names import printable
from rpzctl.resolvers import Answer, Question

RESEND = 0.25
"""seconds until a question is sent again: on a loopback or a local net, an answer from policy is
there in a millisecond"""

TELLS = "policy zone "
"""begins the text of the extended error (RFC 8914) by which an answer names its policy zone; the
fragments make resolvers say it that can"""


def ask(
    server: str,
    port: int,
    questions: Sequence[Question],
    timeout: float,
    source: IPv4Address | IPv6Address | None = None,
) -> list[Answer]:
    """Ask `server`, from the address `source`, all `questions`; return the answers in their order.

    A question without an answer is sent again each `RESEND` seconds; after `timeout` seconds it
    counts as not answered. Raises `RpzctlError` when the system cannot send there at all.
    """
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    waiting: dict[int, tuple[int, bytes]] = {}
    answers = [Answer(question) for question in questions]
    first = int.from_bytes(os.urandom(2), "big")
    for place, question in enumerate(questions):
        number = (first + place) % 65536
        query = dns.message.make_query(question.name, question.type, use_edns=0, payload=1232)
        query.id = number
        waiting[number] = (place, query.to_wire())
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock, selectors.DefaultSelector() as poll:
            sock.setblocking(False)
            if source is not None:
                sock.bind((str(source), 0))
            sock.connect((server, port))
            poll.register(sock, selectors.EVENT_READ)
            _exchange(sock, poll, waiting, answers, timeout)
    except OSError as fault:
        where = f"{server} port {port}" + (f" from {source}" if source else "")
        raise RpzctlError(f"cannot ask {where}: {fault.strerror}") from None
    return answers


def _exchange(
    sock: socket.socket,
    poll: selectors.BaseSelector,
    waiting: dict[int, tuple[int, bytes]],
    answers: list[Answer],
    timeout: float,
) -> None:
    deadline = time.monotonic() + timeout
    resend = 0.0
    while waiting:
        now = time.monotonic()
        if now >= deadline:
            return
        if now >= resend:
            for _, wire in waiting.values():
                _send(sock, wire)
            resend = now + RESEND
        poll.select(min(resend, deadline) - now)
        while (datagram := _receive(sock)) is not None:
            answer = _read(datagram)
            if answer is None or answer.id not in waiting:
                continue
            place = waiting[answer.id][0]
            if _same_question(answer, answers[place].question):
                del waiting[answer.id]
                answers[place] = _understood(answers[place].question, answer)


def _send(sock: socket.socket, wire: bytes) -> None:
    # A closed port shows as ECONNREFUSED on the next call; a full buffer as EAGAIN. Neither is
    # final: named may be starting, and the question is sent again.
    try:
        sock.send(wire)
    except (ConnectionRefusedError, BlockingIOError):
        return


def _receive(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(65535)
    except (ConnectionRefusedError, BlockingIOError):
        return None


def _read(wire: bytes) -> dns.message.Message | None:
    try:
        return dns.message.from_wire(wire, ignore_trailing=True)
    except dns.exception.DNSException:
        return None


def _same_question(answer: dns.message.Message, question: Question) -> bool:
    if not answer.flags & dns.flags.QR:
        return False
    if not answer.question:
        return answer.rcode() != dns.rcode.NOERROR
    asked = answer.question[0]
    return bool(
        asked.name == dns.name.from_text(question.name)
        and asked.rdtype == dns.rdatatype.from_text(question.type)
    )


def _understood(question: Question, message: dns.message.Message) -> Answer:
    records = tuple(
        (dns.rdatatype.to_text(rrset.rdtype), rdata.to_text())
        for rrset in message.answer
        for rdata in rrset
    )
    return Answer(
        question,
        dns.rcode.to_text(message.rcode()),
        records,
        bool(message.flags & dns.flags.TC),
        _policy_zone(message),
        bool(message.flags & dns.flags.AA),
        not message.answer and not message.authority,
    )


def _policy_zone(message: dns.message.Message) -> str | None:
    for rrset in message.additional:
        if rrset.rdtype == dns.rdatatype.SOA:
            return rrset.name.to_text(omit_final_dot=True).lower()
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption) and (option.text or "").startswith(TELLS):
            return printable(str(option.text).removeprefix(TELLS), 260)
    return None
