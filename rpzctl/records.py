"""Local data of a rule: records in a policy zone that are the answer themselves.

``A 192.0.2.1; AAAA 2001:db8::1``: type and data as in a zone file (RFC 1035, section 5), one after
the other with semicolons between. What dnspython can read is taken, but for what is no data of a
host.
"""

import re

from rpzctl.names import printable

MOST = 32
"""records of one rule"""
LONGEST = 1000
"""octets of one record's text"""
_REFUSED = frozenset(
    {
        *("SOA", "NS", "CNAME", "DNAME", "OPT", "TSIG", "TKEY", "ANY", "AXFR", "IXFR"),
        *("DNSKEY", "DS", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY", "ZONEMD"),
        *("KEY", "SIG", "NXT"),
    }
)
_PARTS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"])+')


_USUAL = frozenset(
    {"A", "AAAA", "ANY", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}
)


def is_type(text: str) -> bool:
    """Tell whether `text` is a type of record that can be asked for, in any case."""
    if text.upper() in _USUAL:
        return True
    import dns.exception
    import dns.rdatatype

    try:
        return not dns.rdatatype.is_metatype(dns.rdatatype.from_text(text))
    except (dns.exception.DNSException, ValueError):
        return False


def parse(text: str) -> tuple[str, ...]:
    """Return the records in `text`, each in dnspython's form, sorted, each once.

    Raises ValueError with the reason.
    """
    parts = [part.strip() for part in _PARTS.findall(text)]
    if "".join(_PARTS.sub("", text)).replace(";", "").strip():
        raise ValueError(f"{printable(text, 60)!r}: a quotation mark does not close")
    found = sorted({record(part) for part in parts if part})
    if not found:
        raise ValueError("has no record; give one such as 'A 192.0.2.1'")
    if len(found) > MOST:
        raise ValueError(f"has {len(found)} records; {MOST} is the most")
    return tuple(found)


def record(text: str) -> str:
    """Return the record of `text`, type and data, in dnspython's form. Raises ValueError."""
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    kind, _, data = text.partition(" ")
    shown = printable(text, 60)
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{shown!r} has characters outside printable ASCII")
    try:
        rdtype = dns.rdatatype.from_text(kind)
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{shown!r}: {printable(kind, 20)!r} is no type of record") from None
    name = dns.rdatatype.to_text(rdtype)
    if name in _REFUSED or name.startswith("TYPE"):
        fix = "; say cname:TARGET as the action" if name == "CNAME" else ""
        raise ValueError(f"{shown!r}: a rule has no {name} record{fix}")
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN, rdtype, data, origin=dns.name.root, relativize=False
        )
    except (dns.exception.DNSException, ValueError, OSError) as fault:
        raise ValueError(f"{shown!r}: {printable(str(fault), 100)}") from None
    made = f"{name} {rdata.to_text()}"
    if len(made) > LONGEST:
        raise ValueError(f"{shown!r} is longer than {LONGEST} octets")
    return made
