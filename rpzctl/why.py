"""Why a name is blocked, allowed or neither: who says so, where, since when. Asks no server.

The verdict is that of the published zones themselves: the operator's first, then the feed zones in
their order, as a resolver looks names up; the ledgers say who is behind it. No bulk library is
imported, whatever the size of the feeds.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rpzctl import (
    catalogue,
    exceptions,
    feed_groups,
    ledger,
    places,
    planning,
    policy,
    published,
    rows,
    times,
)
from rpzctl.book import Book, read_book
from rpzctl.catalogue import Feed
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.names import Domain, ancestors, is_within
from rpzctl.rpz import BITS, PASSTHRU, SCOPES, Action, Kind, Scope
from rpzctl.rule import Rule
from rpzctl.run import Run
from rpzctl.snapshots import Record
from rpzctl.wanted import front_of, ledgers

Verdict = Literal["blocked", "allowed", "neither"]
_FATES = {
    "few": "too few feeds list it",
    "public-suffix": "a guard left it out: it is a public suffix",
    "protected": "a guard left it out: its block would take away a protected name",
    "top-site": "a guard left it out: its block would take away a top site",
    "too-long": "it is too long for the zone",
    "excepted": "a feed excepts it",
}


class Said(NamedTuple):
    """What one feed says of a name."""

    feed: str
    name: Domain
    scope: Scope
    first_seen: str | None
    last_seen: str | None
    copy: Path
    """the feed's last good copy"""
    place: places.Place | None = None
    """in the copy, where the name can be found in its text"""
    searched: bool = True
    """False: the place was not looked for, because the copy is large"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        line, text = self.place or (None, None)
        return {
            "feed": self.feed,
            "name": self.name,
            "scope": str(self.scope),
            "line": line,
            "text": text,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "copy": str(self.copy),
            "searched": self.searched,
        }


class Listed(NamedTuple):
    """A name that feeds of one zone list: the one asked about, or a parent."""

    zone: str
    name: Domain
    blocks: bool
    """it takes the name that was asked about, as far as this zone goes"""
    reason: str
    """why it does not"""
    said: tuple[Said, ...]

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        said = [each.value() for each in self.said]
        return {**self._asdict(), "said": said}


class Answer(NamedTuple):
    """Everything that is known of a name."""

    name: Domain
    verdict: Verdict
    zone: str | None = None
    """the policy zone that decides, or the sinkhole zone"""
    owner: str | None = None
    """the trigger in it that covers the name"""
    action: str | None = None
    rules: tuple[tuple[str, Rule], ...] = ()
    """operator's rules on the name and its parents, with file and line"""
    listed: tuple[Listed, ...] = ()
    excepted: tuple[Said, ...] = ()
    gone: tuple[tuple[str, ledger.Gone], ...] = ()
    """names that feeds of a zone listed once, with the zone"""
    notes: tuple[str, ...] = ()
    views: tuple[tuple[str, str], ...] = ()
    """each view of named, and what becomes of the name there"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "zone": self.zone,
            "owner": self.owner,
            "action": self.action,
            "rules": [{"where": where, **rule.value()} for where, rule in self.rules],
            "listed": [each.value() for each in self.listed],
            "excepted": [each.value() for each in self.excepted],
            "gone": [
                {
                    "zone": zone,
                    "name": each.name,
                    "first_seen": moment(each.since),
                    "last_seen": moment(each.until),
                }
                for zone, each in self.gone
            ],
            "notes": list(self.notes),
            **({"views": dict(self.views)} if self.views else {}),
        }


class _Feeds(NamedTuple):
    """The feeds that are used, and their state."""

    run: Run
    known: Mapping[str, tuple[Feed, Record]]

    def said(self, feed: str, name: Domain, scope: int, since: str | None) -> Said:
        copy = feed_groups.snapshots(self.run.config).folder / feed / "data"
        last = self.known[feed][1].last_ok if feed in self.known else None
        return Said(feed, name, SCOPES[scope or BITS[Scope.EXACT]], since, last, copy)


def why(run: Run, name: Domain, *, lines: bool = False) -> Answer:
    """Return what the published policy does to a query for `name`, and all who had a say in it.

    Lines are looked for in all copies with `lines`; else in those that may be searched unasked, see
    `places.affordable`. Raises `UsageFault` for bad rule files or definitions.
    """
    groups = feed_groups.of(run.config, catalogue.load(run.config), run.now)
    feeds = _Feeds(run, {pair[0].name: pair for group in groups for pair in group.feeds})
    base = run.store.current()
    excepted = tuple(_excepted(feeds, name))
    listed, notes = _listed(feeds, base, name, excepted=bool(excepted))
    book = read_book(run.config.repo)
    chain = {name, *ancestors(name)}
    answer = Answer(
        name,
        "neither",
        rules=tuple(_rules(book, chain)),
        listed=tuple(listed),
        excepted=excepted,
        gone=tuple(_gone(run, base, name)),
        notes=tuple(notes),
        views=tuple(_views(run, name)),
    )
    return _decided(run, base, _placed(answer, lines=lines))


def _views(run: Run, name: Domain) -> Iterator[tuple[str, str]]:
    names = [view.name for view in run.config.view]
    if names:
        from rpzctl import cases, evaluate, whatif

        verdicts = whatif.verdicts(run, evaluate.Query(name), names, as_planned=False)
        yield from ((view, cases.told(verdict)) for view, verdict in verdicts.items())


def _placed(answer: Answer, *, lines: bool) -> Answer:
    """Return `answer` with the lines of copies that say it, and what was not looked for."""
    listed = [said for each in answer.listed for said in each.said]
    told = [*listed, *answer.excepted]
    searched = [lines] * len(told)
    if not lines:
        searched = places.affordable([said.copy for said in told])
    placed = [
        said._replace(
            place=places.find(said.copy, said.name, allow=at >= len(listed)) if found else None,
            searched=found,
        )
        for at, (said, found) in enumerate(zip(told, searched, strict=True))
    ]
    rest = iter(placed)
    zones = tuple(each._replace(said=tuple(islice(rest, len(each.said)))) for each in answer.listed)
    large = dict.fromkeys(said.feed for said in placed if not said.searched)
    note = (
        f"not looked for: the line in the large copy of {', '.join(large)}; "
        f"to look for it: rpzctl why --lines {answer.name}"
    )
    return answer._replace(
        listed=zones, excepted=tuple(rest), notes=(*answer.notes, *([note] if large else ()))
    )


def _rules(book: Book, chain: set[Domain]) -> Iterator[tuple[str, Rule]]:
    for rule in book.rules:
        if rule.name in chain:
            yield book.where(rule), rule


def _excepted(feeds: _Feeds, name: Domain) -> Iterator[Said]:
    """Give the exceptions of feeds that cover `name`."""
    store = feed_groups.snapshots(feeds.run.config)
    suffixes = planning.suffix_list(feeds.run.config)
    for feed, _ in feeds.known.values():
        if not feed.exceptions:
            continue
        kept = dict(exceptions.of_text(store.exceptions(feed.name) or b""))
        for each in (name, *ancestors(name)):
            bit = BITS[Scope.EXACT] if each == name else BITS[Scope.BELOW]
            if kept.get(each, 0) & bit and not suffixes.is_suffix(each):
                yield feeds.said(feed.name, each, kept[each], None)


def _listed(
    feeds: _Feeds, base: Manifest | None, name: Domain, *, excepted: bool
) -> tuple[list[Listed], list[str]]:
    """Return who lists `name` or a parent of it in which feed zone, and what cannot be told."""
    folder = ledgers(feeds.run.config)
    found, notes = [], []
    zones = dict(_feed_zones(feeds.run, base))
    config = feeds.run.config
    given = {config.origin(group) for group in config.group if config.is_given(group)}
    for origin in _settled(zones):
        if origin in given or any(origin == f"answers.{other}" for other in zones):
            continue  # what is in those says it itself, or is about no names
        ours = {o: zones[o].digest for o in (origin, front_of(origin)) if o in zones}
        if not ledger.head(folder, origin).tells_of(ours):
            notes.append(f"who lists what in {origin} is not known: 'rpzctl apply' writes it down")
        for each in ledger.listings(folder, origin, [name, *ancestors(name)]):
            bit = BITS[Scope.EXACT] if each.name == name else BITS[Scope.BELOW]
            reason = _FATES.get(each.fate, each.fate)
            if not reason and not each.scope & bit:
                reason = "only the name itself is meant" if bit > 1 else "only what is below it is"
            if not reason and excepted:
                reason = _FATES["excepted"]
            domain, since = Domain(each.name), moment(each.since)
            said = tuple(feeds.said(feed, domain, each.scope, since) for feed in each.feeds)
            found.append(Listed(origin, domain, not reason, reason, said))
    return found, notes


def _feed_zones(run: Run, base: Manifest | None) -> Iterator[tuple[str, ZoneEntry]]:
    for origin in base.policy_zones if base else ():
        if base and origin != run.config.policy.operator_zone:
            yield origin, base.zones[origin]


def _settled(zones: Mapping[str, ZoneEntry]) -> list[str]:
    """Return those of `zones` that are no fresh zone: a feed group has one ledger."""
    fresh = {front_of(origin) for origin in zones}
    return [origin for origin in zones if origin not in fresh]


def _gone(run: Run, base: Manifest | None, name: Domain) -> Iterator[tuple[str, ledger.Gone]]:
    for origin in _settled(dict(_feed_zones(run, base))):
        for each in ledger.gone(ledgers(run.config), origin, [name, *ancestors(name)]):
            yield origin, each


def _decided(run: Run, base: Manifest | None, answer: Answer) -> Answer:
    """Return `answer` with the verdict of the published zones, in their order."""
    name = answer.name
    effect, owner = _operators(run, base, name)
    if effect is not None and effect != PASSTHRU:
        zone = run.config.policy.operator_zone
        return answer._replace(verdict="blocked", zone=zone, owner=owner, action=str(effect))
    sinkhole = next((s for s in (base.sinkholes if base else ()) if is_within(name, s)), None)
    if sinkhole is not None:
        action = str(Action(Kind.SINKHOLE))
        return answer._replace(verdict="blocked", zone=sinkhole, owner=name, action=action)
    if effect is not None:
        zone = run.config.policy.operator_zone
        return answer._replace(verdict="allowed", zone=zone, owner=owner, action=str(effect))
    settled = _settled(dict(_feed_zones(run, base)))
    for origin, entry in _feed_zones(run, base):
        assert base is not None, "it has zones"  # noqa: S101 - as said
        if entry.monitored:
            continue
        found = published.find(run.store.folder(base), entry, name)
        if (
            found is not None
            and found.action == str(PASSTHRU)
            and not (origin in settled or (answer.excepted and answer.listed))
        ):
            break  # a fresh zone lets pass what no feed of the group lists any more
        if found is not None:
            verdict: Verdict = "allowed" if found.action == str(PASSTHRU) else "blocked"
            return answer._replace(
                verdict=verdict, zone=origin, owner=found.owner, action=found.action
            )
    answer = answer._replace(notes=(*answer.notes, *_monitored(run, base, name)))
    if any(each.reason == _FATES["excepted"] for each in answer.listed):
        return answer._replace(verdict="allowed")
    return answer


def _monitored(run: Run, base: Manifest | None, name: Domain) -> Iterator[str]:
    """Tell what zones that are only monitored have of `name`."""
    for origin, entry in _feed_zones(run, base):
        if base and entry.monitored:
            found = published.find(run.store.folder(base), entry, name)
            if found:
                told = f"{origin}: {found.owner} {found.action} is only monitored: what it would do"
                yield f"{told} is logged, and not done"


def _operators(run: Run, base: Manifest | None, name: Domain) -> tuple[Action | None, str | None]:
    """Return what the published operator's zone does to `name`, and by which trigger."""
    entry = base.zones.get(run.config.policy.operator_zone) if base else None
    if base is None or entry is None or not entry.rows_file:
        return None, None
    wanted = {name, *ancestors(name)}
    held: dict[Domain, policy.Effect] = {}
    for row in rows.read(run.store.folder(base) / entry.rows_file):
        if row.name in wanted:
            itself, below = held.get(row.name, policy.Effect(None, None))
            held[row.name] = policy.Effect(
                itself if row.scope is Scope.BELOW else row.action,
                below if row.scope is Scope.EXACT else row.action,
            )
    if name in held:
        return held[name].itself, name
    parent = next((parent for parent in ancestors(name) if parent in held), None)
    return (held[parent].below, f"*.{parent}") if parent else (None, None)


def moment(seconds: int) -> str:
    """Return seconds since 1970 as RFC 3339 text."""
    return times.show(datetime.fromtimestamp(seconds, UTC))
