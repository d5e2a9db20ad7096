"""Response policy zones as text: with or without SOA, names relative to the zone, whatever it is.

Source: draft-vixie-dnsop-dns-rpz-00. ``name`` and ``*.name`` are two statements, kept apart. An
address of nowhere (``A 0.0.0.0``) blocks, too. A feed's own SOA, NS and directives are not taken
over; ``$ORIGIN`` and ``$INCLUDE`` are rejected.
"""

import ipaddress
import re
from functools import partial

from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options, Parsed
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

name = "rpz"
summary = "a response policy zone: owner CNAME . and other actions, one record a line"
_EXACT, _BELOW = BITS[Scope.EXACT], BITS[Scope.BELOW]
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")
NUMBERS = re.compile(r"\(?\s*(?:[0-9]+[smhdw]?(?:\s+|\)|\Z))*\s*\)?\Z", re.IGNORECASE)
_CLASSES = frozenset({"IN", "CH", "HS"})
_BLOCKS = frozenset({".", "*.", "rpz-drop.", "rpz-tcp-only."})
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})  # noqa: S104 - values in such files
FRAME = frozenset(
    ["SOA", "NS", "DNAME", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "DS", "ZONEMD"]
)
"""records that are no rules"""
_RULES = frozenset({"CNAME", "A", "AAAA"})
_OTHERS = frozenset({"TXT", "MX", "SRV", "PTR", "CAA", "HTTPS", "SVCB"})
_TTL = re.compile(r"[0-9]+(?:[smhdw][0-9]+)*[smhdw]?\Z", re.IGNORECASE)
INHERITED = ""
"""owner of a record that has none of its own"""
_SOA = re.compile(
    rb"^([^\s;$]+)[ \t]+(?:[0-9]+[ \t]+)?(?:IN[ \t]+)?(?:SOA|NS)[ \t]", re.MULTILINE | re.IGNORECASE
)
_TRIGGERS = {
    "rpz-client-ip": "a rule on clients' addresses",
    "rpz-nsdname": "a rule on name servers",
    "rpz-nsip": "a rule on name servers' addresses",
}


def read(data: bytes, options: Options) -> Parsed:
    """Read a feed that is a response policy zone."""
    form = LineFormat(
        name=name,
        summary=summary,
        shapes=(
            Shape("*.", " CNAME .", _BELOW),
            Shape("", " CNAME .", _EXACT),
            Shape("*.", " IN CNAME .", _BELOW),
            Shape("", " IN CNAME .", _EXACT),
        ),
        odd=partial(_odd, origin_of(data)),
        special=r"\.rpz[.-](?:ip|nsip|client-ip|nsdname)$",
    )
    return form.read(data, options)


def origin_of(data: bytes) -> str:
    """Return the origin of a zone whose SOA or NS has an absolute owner; empty: none has."""
    apex = next((m[1] for m in _SOA.finditer(data[: 1 << 16]) if m[1] != b"@"), b"")
    return apex.decode("ascii", errors="replace").lower() if apex.endswith(b".") else ""


def _odd(origin: str, line: str, _: Options) -> Line:
    text = bare(line)
    words = text.split()
    if not words:
        return COMMENT
    if text.startswith("$"):
        return Line(reason="is a directive, which a feed may not give")
    owner, kind, rdata = record(words)
    if kind in FRAME:
        return COMMENT
    if kind is None:
        return Line(reason="is not a record of one line")
    return _owned(origin, owner.lower(), kind, rdata)


def bare(line: str) -> str:
    """Return a line without its comment; empty also for $TTL, and for the numbers of a SOA."""
    text = line if '"' in line and line[0] != ";" else line.partition(";")[0].strip()
    is_frame = text.upper().split(maxsplit=1)[:1] == ["$TTL"] or NUMBERS.match(text)
    return "" if is_frame else text


def _owned(origin: str, owner: str, kind: str, rdata: list[str]) -> Line:
    """Return what a record comes to whose owner may be that of the one before, or absolute."""
    if owner == INHERITED:
        if kind in _RULES:
            return Line(reason="has no owner of its own")
        return Line(skipped="a redirect or local data")
    if owner.endswith("."):
        if not origin or not owner.endswith("." + origin):
            return Line(reason="the owner is outside the zone")
        owner = owner.removesuffix("." + origin)
    return _rule(owner, kind, rdata)


def record(words: list[str]) -> tuple[str, str | None, list[str]]:
    """Return owner, type and data of a record; TTL and class may stand between."""
    if _inherits(words):
        words = [INHERITED, *words]
    rest = words[1:]
    while rest and (_TTL.match(rest[0]) or rest[0].upper() in _CLASSES):
        rest = rest[1:]
    if not rest or not _TYPE.match(rest[0]):
        return words[0], None, []
    return words[0], rest[0].upper(), rest[1:]


def _inherits(words: list[str]) -> bool:
    """Tell whether a record begins with its TTL, class or type: it has the owner of the one before.

    The blanks that it begins with are gone by now. A name of one label that looks like a type
    (``ns CNAME .``) is an owner if another type comes next.
    """
    first = words[0].upper()
    if first in _CLASSES or _TTL.match(first):
        return True
    after = words[1].upper() if len(words) > 1 else ""
    known = FRAME | _RULES | _OTHERS
    return first in known and not (after in known | _CLASSES or _TTL.match(after))


def _rule(owner: str, kind: str, rdata: list[str]) -> Line:
    """Return what one record of policy comes to."""
    action = rdata[0].lower() if kind == "CNAME" and rdata else ""
    bare = owner.removeprefix("*.")
    # The old form of passthru is a CNAME to the trigger itself, an address without .rpz-ip.
    allow = action in {"rpz-passthru.", f"{owner}.", f"{owner.removesuffix('.rpz-ip')}."}
    trigger = next((why for end, why in _TRIGGERS.items() if owner.endswith("." + end)), None)
    if trigger:
        return Line(skipped=trigger)
    if owner.endswith((".rpz-ip", ".rpz.ip")):
        return _answer(owner, allow=allow)
    nowhere = kind in {"A", "AAAA"} and rdata[:1] and rdata[0] in _NOWHERE
    if nowhere and owner in {"@", "*"}:  # an address of the zone's own apex
        return Line(skipped="a redirect or local data")
    if action not in _BLOCKS and not allow and not nowhere:
        if action and f"{action}." in _BLOCKS | {"rpz-passthru."}:
            return Line(reason="an action without its final dot is a redirect")
        return Line(skipped="a redirect or local data")
    return _name(bare, _EXACT if bare == owner else _BELOW, allow=allow)


def _answer(owner: str, *, allow: bool) -> Line:
    """Return what a rule on the addresses of answers comes to."""
    if owner.endswith(".rpz.ip"):
        return Line(reason="ends with .rpz.ip, which never matches; .rpz-ip is meant")
    net = address(owner.removesuffix(".rpz-ip"))
    if net is None:
        return Line(reason="is no address of a policy zone")
    return Line(skipped="an address that is excepted") if allow else Line(networks=(net,))


def _name(text: str, scope: int, *, allow: bool) -> Line:
    if "*" in text:
        return Line(skipped="a pattern that no name can express")
    try:
        return Line((Entry(parse(text), scope, allow),))
    except NameFault as fault:
        return Line(reason=f"the owner {fault}")


def address(owner: str) -> str | None:
    """Return the network of ``32.1.2.0.192`` or ``128.2.zz.3.2.2001`` (RPZ draft, 4.1.1)."""
    length, *labels = owner.split(".")
    labels.reverse()
    if len(labels) == 4 and "zz" not in labels:  # noqa: PLR2004 - of an IPv4 address
        text = ".".join(labels)
    else:
        text = ":".join(labels).replace("zz", "")
        text = (":" if text.startswith(":") else "") + text + (":" if text.endswith(":") else "")
        if ":::" in text:
            return None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return network(f"{text}/{length}")
