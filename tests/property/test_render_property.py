"""What goes into a TXT record comes out of it."""

from typing import cast

import dns.rdata
import dns.rdtypes.ANY.TXT
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rpzctl.render import character_strings
from rpzctl.rpz import RECORD


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600))
@example('"')
@example("\\")
@example("\\065;\n\x00")
@example("\u00fc" * 300)
def test_dnspython_reads_back_what_was_put_in(text: str) -> None:
    data = character_strings(text)
    assert RECORD.match(f"a.example TXT {data}")
    record = cast("dns.rdtypes.ANY.TXT.TXT", dns.rdata.from_text("IN", "TXT", data))
    assert text.encode() == b"".join(record.strings)
    assert max(map(len, record.strings)) <= 255
