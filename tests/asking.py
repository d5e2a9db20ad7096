"""Questions to name servers, by dnspython, apart from the ways in which rpzctl asks."""

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode


def reply(
    port: int,
    name: str,
    kind: str = "A",
    *,
    tcp: bool = False,
    timeout: float = 5.0,
    server: str = "127.0.0.1",
    source: str | None = None,
) -> dns.message.Message:
    """Return the message that the server at `port` answers with. Raises OSError, `Timeout`."""
    query = dns.message.make_query(name, kind)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, server, timeout=timeout, port=port, source=source)


def ask(
    port: int,
    name: str,
    kind: str = "A",
    *,
    tcp: bool = False,
    timeout: float = 5.0,
    server: str = "127.0.0.1",
    source: str | None = None,
) -> str:
    """Return what the server at `port` answers, in one word or one line.

    ``NXDOMAIN``, ``nodata``, ``truncated``, ``no answer``, or the data of the answer's records.
    """
    try:
        got = reply(port, name, kind, tcp=tcp, timeout=timeout, server=server, source=source)
    except (dns.exception.Timeout, OSError, EOFError):
        return "no answer"
    if got.flags & dns.flags.TC:
        return "truncated"
    if got.rcode() != dns.rcode.NOERROR:
        return dns.rcode.to_text(got.rcode())
    return " ".join(rdata.to_text() for rrset in got.answer for rdata in rrset) or "nodata"
