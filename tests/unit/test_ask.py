"""Questions over real sockets, to a small server that answers as each test says."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from rpzctl.resolvers import Answer, Question
from rpzctl.resolvers.ask import RESEND, ask

Reply = Callable[[dns.message.Message, int], list[bytes]]
"""Given a query and how often its name was asked, return the datagrams to send back."""

EVIL = Question("evil.example")


@contextmanager
def server(reply: Reply, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        port: int = sock.getsockname()[1]
        seen: dict[str, int] = {}

        def serve() -> None:
            while True:
                wire, client = sock.recvfrom(65535)
                if wire == b"stop":
                    return
                query = dns.message.from_wire(wire)
                name = query.question[0].name.to_text(omit_final_dot=True)
                seen[name] = seen.get(name, 0) + 1
                for datagram in reply(query, seen[name]):
                    sock.sendto(datagram, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(family, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"stop", (address, port))
            thread.join()


def answer(
    query: dns.message.Message, *records: str, rcode: str = "NOERROR"
) -> dns.message.Message:
    made = dns.message.make_response(query)
    made.set_rcode(dns.rcode.from_text(rcode))
    for record in records:
        kind, data = record.split(" ", 1)
        made.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, data))
    return made


def one(reply: Reply, question: Question = EVIL, timeout: float = 5.0) -> Answer:
    with server(reply) as port:
        (got,) = ask("127.0.0.1", port, [question], timeout)
    return got


def with_id(message: dns.message.Message, number: int) -> bytes:
    return number.to_bytes(2, "big") + message.to_wire()[2:]


GOOD = Answer(EVIL, "NOERROR", (("A", "192.0.2.1"),))


def test_an_answer_is_understood() -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        made = answer(query, "CNAME garden.example.", "A 192.0.2.1")
        soa = dns.rrset.from_text("Local.RPZ.", 60, "IN", "SOA", "a. b. 1 2 3 4 5")
        made.additional.append(soa)
        return [made.to_wire()]

    records = (("CNAME", "garden.example."), ("A", "192.0.2.1"))
    assert Answer(EVIL, "NOERROR", records, False, "local.rpz") == one(reply)


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED"])
def test_an_rcode_is_understood(rcode: str) -> None:
    assert Answer(EVIL, rcode, bare=True) == one(
        lambda query, _: [answer(query, rcode=rcode).to_wire()]
    )


def test_truncation_is_understood() -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        made = answer(query)
        made.flags |= dns.flags.TC
        return [made.to_wire()]

    assert Answer(EVIL, "NOERROR", (), True, bare=True) == one(reply)


def test_the_aa_flag_is_understood() -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        made = answer(query, "A 192.0.2.1")
        made.flags |= dns.flags.AA
        return [made.to_wire()]

    assert GOOD._replace(authoritative=True) == one(reply)


@pytest.mark.parametrize(
    ("text", "zone"),
    [("policy zone ads.rpz", "ads.rpz"), ("filtered by the provider", None), ("", None)],
)
def test_an_extended_error_names_the_policy_zone(text: str, zone: str | None) -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        made = answer(query, "A 192.0.2.1")
        made.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode.OTHER, text or None)])
        return [made.to_wire()]

    assert GOOD._replace(policy_zone=zone) == one(reply)


def test_a_question_whose_datagram_was_lost_is_sent_again() -> None:
    def reply(query: dns.message.Message, times: int) -> list[bytes]:
        return [] if times < 3 else [answer(query, "A 192.0.2.1").to_wire()]

    begun = time.monotonic()
    assert GOOD == one(reply)
    assert time.monotonic() - begun >= 2 * RESEND


def after(wrong: Callable[[dns.message.Message], list[bytes]]) -> Answer:
    """Answer wrongly first, rightly when asked again."""

    def reply(query: dns.message.Message, times: int) -> list[bytes]:
        return wrong(query) if times == 1 else [answer(query, "A 192.0.2.1").to_wire()]

    return one(reply)


def test_another_id_is_ignored() -> None:
    assert GOOD == after(lambda q: [with_id(answer(q, "A 192.0.2.9"), (q.id + 7) % 65536)])


def test_another_question_is_ignored() -> None:
    def wrong(query: dns.message.Message) -> list[bytes]:
        other = dns.message.make_query("other.example", "A", id=query.id)
        return [answer(other, "A 192.0.2.9").to_wire()]

    assert GOOD == after(wrong)


def test_another_type_is_ignored() -> None:
    def wrong(query: dns.message.Message) -> list[bytes]:
        other = dns.message.make_query("evil.example", "TXT", id=query.id)
        return [answer(other, "TXT x").to_wire()]

    assert GOOD == after(wrong)


def test_the_question_sent_back_is_no_answer() -> None:
    assert GOOD == after(lambda query: [query.to_wire()])


def test_an_answer_without_a_question_is_ignored_unless_it_tells_a_failure() -> None:
    def wrong(query: dns.message.Message) -> list[bytes]:
        made = answer(query)
        made.question.clear()
        return [made.to_wire()]

    assert GOOD == after(wrong)

    def failing(query: dns.message.Message, _: int) -> list[bytes]:
        made = answer(query, rcode="FORMERR")
        made.question.clear()
        return [made.to_wire()]

    assert Answer(EVIL, "FORMERR", bare=True) == one(failing)


@pytest.mark.parametrize(
    "make",
    [
        lambda _: b"",
        lambda wire: wire[:2],
        lambda wire: wire[:11],
        lambda wire: wire[:-5],
        lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda wire: wire[:2] + b"\xff" * 300,
        lambda wire: wire[:12] + b"\xc0\x0c" + wire[12:],
    ],
)
def test_garbage_is_ignored(make: Callable[[bytes], bytes]) -> None:
    assert GOOD == after(lambda query: [make(answer(query, "A 192.0.2.9").to_wire())])


def test_the_first_right_answer_counts() -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        return [answer(query, f"A 192.0.2.{n}").to_wire() for n in (1, 2)]

    assert GOOD == one(reply)


def test_silence_ends_at_the_timeout_without_an_rcode() -> None:
    begun = time.monotonic()
    assert Answer(EVIL) == one(lambda _query, _times: [], timeout=0.4)
    assert 0.4 <= time.monotonic() - begun < 5


def test_a_closed_port_is_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    assert [Answer(EVIL)] == ask("127.0.0.1", port, [EVIL], 0.3)


def test_many_answers_come_back_in_the_order_of_the_questions_whatever_their_own() -> None:
    held: list[bytes] = []
    questions = [Question(f"n{number}.example", "A") for number in range(300)]

    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        number = query.question[0].name.to_text().partition(".")[0].removeprefix("n")
        made = answer(query, f"A 10.0.{int(number) // 256}.{int(number) % 256}").to_wire()
        held.append(made)
        if len(held) < 10:
            return []
        back = held[::-1]
        held.clear()
        return back

    with server(reply) as port:
        got = ask("127.0.0.1", port, questions, 20)
    assert questions == [each.question for each in got]
    expected = [[f"10.0.{number // 256}.{number % 256}"] for number in range(300)]
    assert expected == [each.data("A") for each in got]


def test_no_question_asks_nothing() -> None:
    assert [] == ask("127.0.0.1", 9, [], 5)


def test_only_the_unanswered_are_left_without_an_answer() -> None:
    def reply(query: dns.message.Message, _: int) -> list[bytes]:
        name = query.question[0].name.to_text()
        return [] if name.startswith("drop") else [answer(query, rcode="NXDOMAIN").to_wire()]

    questions = [Question("a.example"), Question("drop.example"), Question("b.example")]
    with server(reply) as port:
        got = ask("127.0.0.1", port, questions, 0.4)
    assert ["NXDOMAIN", None, "NXDOMAIN"] == [each.rcode for each in got]


def test_a_server_with_an_ipv6_address_is_asked() -> None:
    try:
        with server(lambda q, _: [answer(q, "A 192.0.2.1").to_wire()], socket.AF_INET6) as port:
            assert [GOOD] == ask("::1", port, [EVIL], 5)
    except OSError as fault:
        pytest.skip(f"no IPv6 on this machine: {fault}")


@pytest.mark.parametrize("name", ["EVIL.example", "evil.example.", "a" * 63 + ".example"])
def test_case_and_final_dot_make_no_other_question(name: str) -> None:
    question = Question(name)
    got = one(lambda query, _: [answer(query, "A 192.0.2.1").to_wire()], question)
    assert Answer(question, "NOERROR", (("A", "192.0.2.1"),)) == got


@pytest.mark.parametrize(
    ("got", "text"),
    [
        (Answer(EVIL), "no answer"),
        (Answer(EVIL, "NXDOMAIN", (), False, "local.rpz"), "NXDOMAIN rewritten by local.rpz"),
        (
            Answer(EVIL, "NOERROR", (("A", "192.0.2.1"),), True),
            "NOERROR A 192.0.2.1 truncated",
        ),
    ],
)
def test_an_answer_is_told_to_people(got: Answer, text: str) -> None:
    assert text == got.text()
