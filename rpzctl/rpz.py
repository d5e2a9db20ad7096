"""The language of response policy zones: scopes, actions, rows, owner names.

Source: draft-vixie-dnsop-dns-rpz-00 and the BIND 9 ARM, "Response Policy Zone (RPZ)
Rewriting". Triggers other than names are in `rpzctl.triggers`.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from rpzctl.names import LABEL, LAST_LABEL, MAX_LENGTH, RESERVED, Domain, NameFault, parse


class Scope(StrEnum):
    """Which names a row speaks of."""

    SUBTREE = "subtree"
    """the name and everything below it"""
    EXACT = "exact"
    """only the name itself"""
    BELOW = "below"
    """only what is below the name"""


BITS = {Scope.EXACT: 1, Scope.BELOW: 2, Scope.SUBTREE: 3}
"""Scopes as they stand in columns and files: bit 1 for the name itself, bit 2 for what is below it.
Those of two entries about one name are united by "or"."""
SCOPES = {bits: scope for scope, bits in BITS.items()}


class Kind(StrEnum):
    """What happens to a query that matches (RPZ draft, section 3)."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    DROP = "drop"
    TCP_ONLY = "tcp-only"
    PASSTHRU = "passthru"
    SINKHOLE = "sinkhole"
    CNAME = "cname"
    DATA = "data"


class Action(NamedTuple):
    """One action."""

    kind: Kind
    target: Domain | None = None
    """the host that a ``cname`` points at; ``*.garden.example`` stands for one below it"""
    data: tuple[str, ...] = ()
    """the records of a ``data`` action: type and data (see `rpzctl.records`)"""

    def __str__(self) -> str:
        if self.data:
            return f"{self.kind}:{'; '.join(self.data)}"
        return f"{self.kind}:{self.target}" if self.target else str(self.kind)


# One record of a policy zone as rpzctl writes it: a relative owner, perhaps TTL and class, a type,
# data in printable ASCII. A CNAME without its final dot would be relative to the origin:
# `rpz-passthru` would become a redirect. CH and HS are classes, not types. A semicolon outside
# quotation marks begins a comment. The bulk lane applies the same pattern.
OWNER_PATTERN = rf"(?:\*\.)?(?:{LABEL}\.)*{LAST_LABEL}"
RECORD_PATTERN = (
    rf"{OWNER_PATTERN}(?: [0-9]+)?(?: IN)? "
    r"(?:CNAME (?:\.|(?:\*\.)?[a-z0-9_-][a-z0-9_.-]*\.|\*\.)"
    r"|(?:A|AAAA) [0-9a-f.:]+"
    r"|TXT(?: \"[ -~]*\")+"
    r"|(?:C[A-MO-Z][A-Z0-9]+|T[A-WYZ][A-Z0-9]+|H[A-RT-Z][A-Z0-9]+|[ABD-GI-SU-Z][A-Z0-9]+)"
    r" (?:[ !#-:<-~]|\"(?:[ !#-\[\]-~]|\\[ -~])*\")+)"
)
RECORD = re.compile(RECORD_PATTERN + r"\Z")
RECORDS = re.compile(rf"(?:{RECORD_PATTERN}\n)*+")

MARKS: Mapping[str, Kind] = MappingProxyType(
    {
        ".": Kind.NXDOMAIN,
        "*.": Kind.NODATA,
        "rpz-drop.": Kind.DROP,
        "rpz-tcp-only.": Kind.TCP_ONLY,
        "rpz-passthru.": Kind.PASSTHRU,
    }
)
"""targets of a CNAME in a policy zone that are no redirects (draft-vixie-dnsop-dns-rpz-00, 3)"""
PASSTHRU = Action(Kind.PASSTHRU)
SINKHOLE = Action(Kind.SINKHOLE)
BLOCK_KINDS = tuple(kind for kind in Kind if kind is not Kind.PASSTHRU)
_WITH_MORE = {Kind.CNAME: "cname:TARGET", Kind.DATA: "data:RECORDS"}


def parse_action(text: str) -> Action:
    """Return the blocking action that `text` names, such as ``nodata`` or ``cname:garden.example``.

    Raises ValueError with the choices.
    """
    kind, colon, target = text.strip().partition(":")
    if kind == Kind.CNAME and colon:
        wild = "*." if target.startswith("*.") else ""
        try:
            return Action(Kind.CNAME, Domain(wild + parse(target.removeprefix("*."))))
        except NameFault as fault:
            raise ValueError(f"the target of cname: {fault}") from None
    if kind == Kind.DATA and colon:
        from rpzctl import records  # dnspython: only where there are any

        return Action(Kind.DATA, data=records.parse(target))
    if kind in BLOCK_KINDS and kind not in _WITH_MORE and not colon:
        return Action(Kind(kind))
    choices = ", ".join(_WITH_MORE.get(kind, kind) for kind in BLOCK_KINDS)
    raise ValueError(f"{text!r} is not one of {choices}")


class Row(NamedTuple):
    """One line of policy as a zone holds it: this name, in this scope, gets this action."""

    name: Domain
    scope: Scope
    action: Action

    def text(self) -> str:
        """Return the row for people, e.g. ``*.evil.example nodata``."""
        if self.name.rpartition(".")[2].startswith(RESERVED):
            from rpzctl import triggers  # few zones have such rows

            trigger, shown = triggers.subject(self.name)
            return f"{trigger} {shown} {self.action}"
        shown = "*." + self.name if self.scope is Scope.BELOW else self.name
        suffix = " (exact)" if self.scope is Scope.EXACT else ""
        return f"{shown} {self.action}{suffix}"


def owners(name: str, scope: Scope) -> list[str]:
    """Return the owner names, relative to the policy zone's origin, that carry a row.

    RPZ wildcards are DNS wildcards: ``name`` does not cover ``*.name``, nor the reverse.
    """
    if scope is Scope.EXACT:
        return [name]
    return ["*." + name] if scope is Scope.BELOW else [name, "*." + name]


def longest_name(origin: str, scope: Scope) -> int:
    """Return how many octets a name may have in the zone `origin`.

    An owner is the trigger and the origin together, and one owner above 255 octets on the wire
    makes BIND refuse the whole zone.
    """
    return MAX_LENGTH - len(origin) - 1 - (0 if scope is Scope.EXACT else 2)


def too_long(rows: Iterable[tuple[Domain, Scope]], origin: str) -> list[Domain]:
    """Return the names whose owner would not fit into the zone `origin`."""
    return [name for name, scope in rows if len(name) > longest_name(origin, scope)]
