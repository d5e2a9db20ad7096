"""DNS messages of a zone transfer, without an object for each name: a zone has millions of them.

Source: RFC 1035, sections 3.1 and 4.1. What is read becomes zone text; names that are no plain host
names are escaped in it (section 5.1).
"""

import re
import struct
from typing import Any, NamedTuple

SOA = 6
TSIG = 250
_NAMES = {2: "NS", 5: "CNAME", 39: "DNAME"}
"""types whose data are one name"""
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_QUESTION = 4
_POINTER = 0xC0
_LONGEST = 4 * 255
"""characters of a name, each octet escaped"""
_PLAIN = re.compile(rb"[A-Za-z0-9_*-]+")
_SPECIAL = frozenset(b'"().;\\@$')
_RESPONSE, _OPCODE, _CUT, _RCODE = 0x8000, 0x7800, 0x0200, 0x000F


class BadMessage(Exception):
    """Octets that are no such message."""


class Record(NamedTuple):
    """A record: its owner as text with a final dot, and where its data are."""

    owner: str
    type: int
    record_class: int
    start: int
    """of the whole record"""
    at: int
    """where its data begin"""
    size: int


class Message(NamedTuple):
    """An answer."""

    number: int
    rcode: int
    question: tuple[str, int] | None
    """name and type"""
    answers: list[Record]
    signature: Record | None
    """TSIG, which stands at the end"""
    names: dict[int, str]
    """what was read of each place at which a name begins"""
    octets: bytes


def message(octets: bytes) -> Message:
    """Read an answer. Raises `BadMessage`."""
    names: dict[int, str] = {}
    try:
        number, flags, questions, answers, authority, additional = _HEADER.unpack_from(octets)
        if not flags & _RESPONSE or flags & (_OPCODE | _CUT) or questions > 1:
            raise BadMessage("is no whole answer")
        at = _HEADER.size
        question = None
        if questions:
            asked, at = name(octets, at, names)
            question = (asked, struct.unpack_from("!H", octets, at)[0])
            at += _QUESTION
        found: list[Record] = []
        for _ in range(answers + authority + additional):
            start = at
            owner, at = name(octets, at, names)
            kind, record_class, _ttl, size = _RECORD.unpack_from(octets, at)
            at += _RECORD.size
            found.append(Record(owner, kind, record_class, start, at, size))
            at += size
    except (struct.error, IndexError):
        raise BadMessage("ends too early") from None
    if at != len(octets):
        raise BadMessage("has another length than it says")
    signature = found[-1] if additional and found[-1].type == TSIG else None
    return Message(number, flags & _RCODE, question, found[:answers], signature, names, octets)


def name(octets: bytes, at: int, known: dict[int, str]) -> tuple[str, int]:
    """Return the name that begins at `at`, with a final dot, and where what follows begins.

    `known` holds what stands at places of this message, and is added to. A pointer must point
    backwards, so that none goes round. Raises `BadMessage` and `IndexError`.
    """
    labels: list[tuple[int, str]] = []
    lowest = at
    after = -1
    text = ""
    while True:
        if at in known:
            text = known[at]
            after = after if after >= 0 else _past(octets, at)
            break
        size = octets[at]
        if size == 0:
            after = after if after >= 0 else at + 1
            break
        if size >= _POINTER:
            target = (size - _POINTER) << 8 | octets[at + 1]
            if target >= lowest:
                raise BadMessage("has a name that points forwards")
            after = after if after >= 0 else at + 2
            at = lowest = target
            continue
        if size >= 64:  # noqa: PLR2004 - RFC 1035: two bits say what follows
            raise BadMessage("has a label of an unknown kind")
        label = octets[at + 1 : at + 1 + size]
        if len(label) < size:
            raise BadMessage("ends too early")
        labels.append((at, _text(label)))
        at += 1 + size
    for place, label_text in reversed(labels):
        text = f"{label_text}.{text}"
        known[place] = text
    if len(text) > _LONGEST:
        raise BadMessage("has a name that is too long")
    return text or ".", after


def _past(octets: bytes, at: int) -> int:
    """Return where what follows the name at `at` begins."""
    while 0 < octets[at] < _POINTER:
        at += 1 + octets[at]
    return at + (2 if octets[at] else 1)


def data(of: Record, within: Message) -> str:
    """Return the type and data of a record, as text on one line. Raises `BadMessage`."""
    kind = _NAMES.get(of.type)
    if kind is not None:
        try:
            target, end = name(within.octets, of.at, within.names)
        except IndexError:
            raise BadMessage("ends too early") from None
        if end != of.at + of.size:
            raise BadMessage("has a record of another length than it says")
        return f"{kind} {target}"
    import dns.exception
    import dns.rdatatype

    try:
        read = parsed(of, within)
        return f"{dns.rdatatype.to_text(read.rdtype)} {read.to_text()}"
    except (dns.exception.DNSException, ValueError, struct.error):
        raise BadMessage("has a record that cannot be read") from None


def parsed(of: Record, within: Message) -> Any:  # noqa: ANN401 - dnspython is imported where it is used
    """Return the data of a record as dnspython's. Raises what it raises."""
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    record_class = dns.rdataclass.RdataClass.make(of.record_class)
    kind = dns.rdatatype.RdataType.make(of.type)
    return dns.rdata.from_wire(record_class, kind, within.octets, of.at, of.size)


def _text(label: bytes) -> str:
    if _PLAIN.fullmatch(label):
        return label.decode("ascii")
    return "".join(
        f"\\{chr(octet)}"
        if octet in _SPECIAL
        else chr(octet)
        if 0x20 < octet < 0x7F  # noqa: PLR2004 - printable
        else f"\\{octet:03}"
        for octet in label
    )
