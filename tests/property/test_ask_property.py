"""Whatever comes over the wire, it is a message or it is nothing."""

import dns.message
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl.resolvers import Question
from rpzctl.resolvers.ask import _read, _same_question, _understood

QUESTION = Question("evil.example")
QUERY = dns.message.make_query("evil.example", "A", id=1)
RESPONSE = dns.message.make_response(QUERY).to_wire()

_damaged = st.lists(
    st.tuples(st.integers(0, len(RESPONSE) - 1), st.integers(0, 255)), max_size=6
).map(lambda changes: _changed(RESPONSE, changes))


def _changed(wire: bytes, changes: list[tuple[int, int]]) -> bytes:
    octets = bytearray(wire)
    for place, octet in changes:
        octets[place] = octet
    return bytes(octets)


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.binary(max_size=200), _damaged, st.binary().map(lambda tail: RESPONSE + tail)))
def test_no_datagram_makes_the_reader_fail(wire: bytes) -> None:
    message = _read(wire)
    if message is not None and _same_question(message, QUESTION):
        assert _understood(QUESTION, message).text()
