"""Messages of a zone transfer: read as dnspython reads them; no octets do harm."""

import random

import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rpzctl.fetch import wire

LABELS = st.one_of(
    st.sampled_from([b"a", b"b", b"example", b"*", b"xn--bcher-kva", b"Upper"]),
    st.binary(min_size=1, max_size=63),
)
NAMES = st.lists(LABELS, min_size=0, max_size=3).map(lambda labels: dns.name.Name([*labels, b""]))
TEXTS = st.sampled_from([("A", "192.0.2.1"), ("TXT", '"a b" "\\"c"'), ("AAAA", "2001:db8::1")])


def answer(records: list[tuple[dns.name.Name, dns.rdata.Rdata]]) -> dns.message.Message:
    made = dns.message.make_response(dns.message.make_query("feed.rpz.", "AXFR"))
    for owner, rdata in records:
        made.answer.append(dns.rrset.from_rdata(owner, 60, rdata))
    return made


def cname(target: dns.name.Name) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", "CNAME", target.to_text())


@given(
    st.lists(
        st.tuples(
            NAMES, st.one_of(NAMES.map(cname), TEXTS.map(lambda t: dns.rdata.from_text("IN", *t)))
        ),
        max_size=8,
    )
)
def test_records_are_read_as_dnspython_reads_them(
    records: list[tuple[dns.name.Name, dns.rdata.Rdata]],
) -> None:
    octets = answer(records).to_wire(max_size=65535)
    read = wire.message(octets)
    assert ("feed.rpz.", dns.rdatatype.AXFR) == read.question
    expected = [
        (owner.to_text(), f"{dns.rdatatype.to_text(rdata.rdtype)} {rdata.to_text()}")
        for owner, rdata in records
    ]
    assert expected == [(each.owner, wire.data(each, read)) for each in read.answers]


@given(seed=st.integers(0, 2**32), edits=st.integers(0, 12))
def test_no_octets_do_harm(seed: int, edits: int) -> None:
    chance = random.Random(seed)
    names = [dns.name.from_text(f"n{n}.bad.example.feed.rpz.") for n in range(6)]
    octets = bytearray(answer([(each, cname(dns.name.root)) for each in names]).to_wire())
    for _ in range(edits):
        octets[chance.randrange(len(octets))] = chance.choice(
            [0, 0xC0, 0xC1, 0xFF, chance.randrange(256)]
        )
    try:
        read = wire.message(bytes(octets[: chance.randrange(len(octets)) if edits == 1 else None]))
        texts = [wire.data(each, read) for each in read.answers]
    except wire.BadMessage:
        return
    assert all(text.isprintable() and len(text) < 300_000 for text in texts)
    assert all(each.owner.isascii() and each.owner.endswith(".") for each in read.answers)


@given(st.binary(max_size=400))
@example(b"")
def test_noise_is_no_message(noise: bytes) -> None:
    try:
        wire.message(noise)
    except wire.BadMessage:
        return
    assert len(noise) >= 12, "only a header may be a message"


def test_names_that_grow_by_pointers_are_stopped() -> None:
    octets = bytearray(12)
    for place in range(40):
        label = bytes([63]) + b"a" * 63
        pointer = bytes([0]) if place == 0 else (0xC000 + 12 + (place - 1) * 66).to_bytes(2, "big")
        octets += (label + pointer).ljust(66, b"\0")
    known: dict[int, str] = {}
    for place in range(15):
        assert 64 * (place + 1) == len(wire.name(bytes(octets), 12 + place * 66, known)[0])
    with pytest.raises(wire.BadMessage, match="too long"):
        wire.name(bytes(octets), 12 + 15 * 66, known)


@pytest.mark.parametrize("target", [12, 13, 200])
def test_names_that_point_at_themselves_or_forwards_are_refused(target: int) -> None:
    octets = bytes(12) + (0xC000 + target).to_bytes(2, "big") + bytes(300)
    with pytest.raises(wire.BadMessage, match="points forwards"):
        wire.name(octets, 12, {})
