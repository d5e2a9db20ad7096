"""Guards: what stops a change that is likely to be a mistake, unless a person insists."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from rpzctl.errors import Refused
from rpzctl.names import Domain, NameFault, ancestors, is_within, parse
from rpzctl.rpz import Scope
from rpzctl.rule import Rule
from rpzctl.suffixes import Suffixes
from rpzctl.triggers import ADDRESSES, subject


class Stop(NamedTuple):
    """One objection of one guard."""

    guard: str
    """public-suffix, protected or contradiction"""
    subject: str
    """the rule or name that was stopped"""
    reason: str

    def text(self) -> str:
        """Return the objection for people."""
        return f"{self.subject}: {self.reason} [guard: {self.guard}]"


class LeftOut(NamedTuple):
    """What of the names that feeds list is not in a policy zone, and what is though it is odd."""

    stops: tuple[Stop, ...]
    """by guards; at most some of them"""
    stopped: int
    """how many in all"""
    told: tuple[Stop, ...]
    """top sites that are blocked, because feeds other than threat feeds list them"""
    too_long: int
    covered: int
    """because a listed parent covers them"""
    excepted: int
    """because a feed excepts them"""
    unsaid: tuple[Domain, ...]
    """exceptions that are too long for the zone: a wider block takes them"""
    few: int
    """because fewer feeds list them than the group wants"""


class Protected(NamedTuple):
    """Names that must go on resolving, each with all that is below it, and who says so."""

    names: Mapping[Domain, str]

    def hit(self, name: str, scope: Scope) -> Domain | None:
        """Return a protected name that a block of `name` in `scope` would take away, if any."""
        for candidate in (name, *ancestors(name)):
            if candidate in self.names:
                return Domain(candidate)
        if scope is Scope.EXACT:
            return None
        return next((entry for entry in self.names if is_within(entry, name)), None)


def read_protect_list(path: Path) -> dict[Domain, str]:
    """Read a list of protected names: one a line, ``#`` comments; a comment heads its names.

    Returns the names with the comment above them. Raises ValueError on a bad line.
    """
    names: dict[Domain, str] = {}
    for number, text, heading in headed(path):
        try:
            names[parse(text)] = heading
        except NameFault as fault:
            raise ValueError(f"{path}:{number}: {fault}") from None
    return names


def headed(path: Path) -> Iterator[tuple[int, str, str]]:
    """Give the entries of a list, one a line: the line's number, its text, the comment above it."""
    heading = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text, _, comment = line.partition("#")
        if text.strip():
            yield number, text.strip(), heading
        else:
            heading = comment.strip() or heading


def read_top_sites(path: Path) -> frozenset[str]:
    """Read a list of sites: ``name`` or ``rank,name`` a line, ``#`` comments.

    Returns each name, and with ``www`` before it.

    Raises ValueError on a bad line, OSError when there is nothing to read.
    """
    names: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].rpartition(",")[2].strip()
        if not text:
            continue
        try:
            name = parse(text)
        except NameFault as fault:
            raise ValueError(f"{path}:{number}: {fault}") from None
        names.update((name, f"www.{name}"))
    return frozenset(names)


def feed_hosts(folder: Path) -> dict[Domain, str]:
    """Return the hosts that the feed definitions in `folder` fetch from, with the feed's name.

    Blocking one would cut the feed off. The shipped feeds' hosts are in the shipped list. What is
    no definition is passed over: the quick lane does not judge feeds and must not wait for it.
    """
    hosts: dict[Domain, str] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            url = tomllib.loads(path.read_text(encoding="utf-8")).get("url")
            hosts[parse(urlsplit(str(url)).hostname or "")] = path.stem
        except (OSError, ValueError, RecursionError):  # also: a file, or an address
            continue
    return hosts


def judge(rules: Iterable[Rule], suffixes: Suffixes, protected: Protected) -> list[Stop]:
    """Return what the guards say against `rules`. A forced rule is not judged.

    public-suffix
        Harm: a block of ``co.uk`` takes a country's companies away; an allow of ``com`` switches
        off most of the policy. Reference: https://publicsuffix.org.
    protected
        Harm: a block of ``digicert.com`` takes revocation checks away from every browser.
        Example: an allowlist that was once used upstream as a blocklist.
    """
    stops = []
    judged = [(rule, subject(rule.name)) for rule in rules if not rule.forced]
    named = [(rule, Domain(told.text)) for rule, told in judged if told.trigger not in ADDRESSES]
    public = suffixes.among(name for _, name in named)
    for rule, name in named:
        if name in public:
            stops.append(
                Stop(
                    "public-suffix",
                    f"{rule.verb} {rule.shown()}",
                    f"{name} is a public suffix: people who have nothing to do with each "
                    "other register names below it",
                )
            )
        if rule.verb == "block":
            entry = protected.hit(name, rule.scope)
            if entry is not None:
                why = protected.names[entry]
                stops.append(
                    Stop(
                        "protected",
                        f"block {rule.shown()}",
                        f"would take away {entry}, which is protected ({why})",
                    )
                )
    return stops


def contradictions(rules: Iterable[Rule]) -> list[tuple[Rule, Rule]]:
    """Return the pairs of a block and an allow that cannot both hold.

    The same subject blocked and allowed; or an allow inside a sinkhole zone, which is
    authoritative for all that is below its name, so that nothing there can be resolved. A forced
    rule is not judged.
    """
    rules = tuple(rule for rule in rules if not rule.forced)
    blocks = {rule.subject: rule for rule in rules if rule.verb == "block"}
    pairs = []
    for allow in rules:
        if allow.verb != "allow":
            continue
        block = blocks.get(allow.subject)
        if block is None:
            candidates = (allow.name, *ancestors(allow.name))
            around = (blocks.get((name, Scope.SUBTREE)) for name in candidates)
            block = next((rule for rule in around if rule and rule.via == "zone"), None)
        if block is not None:
            pairs.append((block, allow))
    return pairs


def refuse(stops: Iterable[Stop]) -> None:
    """Raise `Refused` with all of `stops`, if there are any."""
    told = [stop.text() for stop in stops]
    if told:
        raise Refused(
            "refused: " + (told[0] if len(told) == 1 else f"{len(told)} objections"),
            details=told if len(told) > 1 else (),
            fix="nothing was changed; if you mean it, say --force",
        )
