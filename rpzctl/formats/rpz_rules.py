"""The rules of a response policy zone as it says them: each trigger with its own action.

For a group with ``action = "given"``. Everywhere else `rpzctl.formats.rpz` reads such feeds for
names alone, and the group says the action. Plain Python: such feeds are small.
"""

from collections.abc import Iterator
from typing import NamedTuple

from rpzctl import records, triggers
from rpzctl.formats.parsed import KEPT_REJECTS, Reject
from rpzctl.formats.rpz import FRAME, INHERITED, address, bare, origin_of, record
from rpzctl.names import Domain, NameFault, parse, printable
from rpzctl.rpz import MARKS, PASSTHRU, Action, Kind, Scope
from rpzctl.triggers import LABELS, Trigger

MOST = 200_000
"""rules that are read"""


class Said(NamedTuple):
    """What one owner of the zone says."""

    owner: Domain
    """relative to the policy zone, in canonical form, without a ``*.``"""
    scope: Scope
    """exact, or below for a wildcard"""
    action: Action


class Rules(NamedTuple):
    """What a policy zone says."""

    said: tuple[Said, ...]
    """in its order, each owner and scope once"""
    rejects: tuple[Reject, ...] = ()
    """at most `KEPT_REJECTS`"""
    rejected: int = 0
    whole: bool = True
    """False: there are more than `MOST`"""


class _Fault(ValueError):
    """A record says nothing that can be taken over."""


def rules(data: bytes, origin: str = "") -> Rules:
    """Return the rules in a text that is a response policy zone. Never raises for what is in it.

    `origin` is that of absolute owners; else that of a SOA or NS with an absolute owner.
    """
    origin = origin or origin_of(data)
    found: dict[tuple[Domain, Scope], Action] = {}
    rejects: list[Reject] = []
    rejected = 0
    owner = ""
    for number, line in _lines(data):
        if len(found) > MOST:
            return Rules((), tuple(rejects), rejected, whole=False)
        try:
            owner, told = _record(origin, owner, line)
            if told is not None:
                _add(found, told)
        except ValueError as fault:
            rejected += 1
            if len(rejects) < KEPT_REJECTS:
                rejects.append(Reject(number, printable(line), str(fault)))
    said = tuple(Said(*subject, action) for subject, action in found.items())
    return Rules(said, tuple(rejects), rejected)


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Give the lines that are records, with their numbers from 1."""
    for number, raw in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        text = bare(raw.strip()) if raw.strip() else ""
        if text:
            yield number, text if raw[0].strip() else f" {text}"


def _add(found: dict[tuple[Domain, Scope], Action], told: Said) -> None:
    """Add what one record says. Raises ValueError where the owner has said something else."""
    subject = (told.owner, told.scope)
    before = found.get(subject)
    if before is None or before == told.action:
        found[subject] = told.action
    elif before.kind is Kind.DATA and told.action.kind is Kind.DATA:
        both = tuple(sorted({*before.data, *told.action.data}))
        if len(both) > records.MOST:
            raise _Fault(f"the owner has more than {records.MOST} records")
        found[subject] = Action(Kind.DATA, data=both)
    else:
        raise _Fault(f"the owner says {before}, too")


def _record(origin: str, before: str, line: str) -> tuple[str, Said | None]:
    """Return the owner of a record, which may be that of the one `before`, and what it says."""
    if line.startswith("$"):
        raise _Fault("is a directive, which a feed may not give")
    words = line.split()
    owner, kind, rdata = record([INHERITED, *words] if line.startswith(" ") else words)
    inherited = owner == INHERITED
    owner = before if inherited else owner.lower()
    if kind is None:
        raise _Fault("is not a record of one line")
    if kind in FRAME:
        return owner, None
    if owner.endswith("."):
        if not origin or not owner.endswith("." + origin):
            raise _Fault("the owner is outside the zone")
        owner = owner.removesuffix("." + origin)
    if not owner or owner in {"@", "*"}:
        return owner, None  # of the zone's own apex
    data = line.split(None, len(words) - len(rdata))[-1] if rdata else ""
    wild = owner.startswith("*.")
    subject = _owner(owner.removeprefix("*."))
    if wild and triggers.trigger_of(subject) in triggers.ADDRESSES:
        raise _Fault("is no address of a policy zone")
    action = _action(owner, kind, data)
    return owner, Said(subject, Scope.BELOW if wild else Scope.EXACT, action)


def _owner(text: str) -> Domain:
    """Return the canonical owner. Raises ValueError."""
    trigger = triggers.trigger_of(text)
    try:
        if trigger is Trigger.QNAME:
            return parse(text)
        body = text.removesuffix("." + LABELS[trigger])
        if trigger is Trigger.NSDNAME:
            return triggers.name_owner(parse(body))
        net = address(body)
        if net is None:
            raise _Fault("is no address of a policy zone")
        return triggers.address_owner(triggers.network(net), trigger)
    except NameFault as fault:
        raise _Fault(f"the owner {fault}") from None


def _action(owner: str, kind: str, data: str) -> Action:
    """Return what a record does. Raises ValueError."""
    if kind != "CNAME":
        return Action(Kind.DATA, data=(records.record(f"{kind} {data}"),))
    target = data.partition(" ")[0].lower()
    if target in MARKS:
        return Action(MARKS[target])
    if target in {f"{owner}.", f"{owner.removesuffix('.rpz-ip')}."}:
        return PASSTHRU  # the old form: a CNAME to the trigger itself
    if not target.endswith("."):
        raise _Fault("a target without its final dot is below the zone's own name")
    wild = "*." if target.startswith("*.") else ""
    try:
        return Action(Kind.CNAME, Domain(wild + parse(target.removeprefix("*.").rstrip("."))))
    except NameFault as fault:
        raise _Fault(f"the target {fault}") from None
