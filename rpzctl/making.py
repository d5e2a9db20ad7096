"""The zones of one feed group, made as a whole, or by what changed since they were.

A large group has two zones, see `rpzctl.fresh`. What changed is worked out with the same merge,
guards, exceptions and collapse as the whole, carried out on the changed names and what is listed
above and below them: twice, with what was listed when the settled zone was made and with what is
listed now.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from rpzctl import (
    behind,
    changes,
    copies,
    exceptions,
    fresh,
    guards,
    ledger,
    merge,
    planning,
    render,
    rows,
)
from rpzctl.changes import Changes
from rpzctl.column_guards import Judges
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.exceptions import Allow
from rpzctl.feed_groups import Group
from rpzctl.ledger import Head, Page
from rpzctl.merge import Made, Source
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows
from rpzctl.rpz import Row, too_long
from rpzctl.snapshots import read_as
from rpzctl.table import TableRows
from rpzctl.wanted import Became, FreshPage, Report, Wanted, Work

FEWEST, MOST = 1_000, 10_000
"""bounds of how many rows a fresh zone may have; between them it is a share of the settled zone"""
_SHARE = 50
_AROUND = 10
"""times as many names may be listed above and below the changed ones"""


class _Terms(NamedTuple):
    """What decides what becomes of listed names."""

    threats: int
    origin: str
    judges: Judges
    allows: tuple[Allow, ...]
    min_feeds: int


def whole(work: Work, wanted: Wanted) -> Became:
    """Make the zone of a group from all that its feeds list; of a large group, both its zones.

    The fresh zone keeps those of its rows that stay right, so that nothing lapses while a resolver
    loads the settled one. Raises `RpzctlError`.
    """
    group = wanted.group
    listed = sum(record.names for _, record in group.feeds)
    work.run.stage(f"merging the feeds of {wanted.origin}", listed)
    held: list[str] = []
    made = merge.combine(_sources(work, group, held), *_terms(work, wanted)[1:])
    held += [
        f"{wanted.origin} blocks {n}, which is excepted but too long" for n in made.left.unsaid
    ]
    table = TableRows(made.frame, wanted.action)
    zone = Candidate(wanted.origin, drawn=wanted.drawn, rows=table, inputs=wanted.inputs)
    front = _front(work, wanted, table)
    zones = (front, zone) if front else (zone,)
    head = wanted.head(zones)
    unread = any(record.read_as != read_as(feed) for feed, record in group.feeds)
    if front and not unread:
        head = head._replace(settings=wanted.settings)
    if front and front.rows is not None and len(front.rows):
        head = head._replace(behind=wanted.behind_digest)
    report = Report(wanted.origin, len(table), made.left, tuple(held))
    return Became(zones, Page(wanted.origin, head, made), (report,))


def _sources(work: Work, group: Group, held: list[str]) -> Iterator[Source]:
    """Give the names of a group's feeds, which nothing here holds on to; add to `held` as it says.

    That are the feeds whose copy makes no sense in the format that the definition now says, and
    why.
    """
    for feed, record in group.feeds:
        names, fault = copies.names_of(work.run.config, feed, record)
        if fault:
            held.append(f"{feed.name}: {fault}")
        yield Source(feed.name, names, feed.subdomains, threat=feed.kind == "threat")
        del names


def _front(work: Work, wanted: Wanted, table: TableRows) -> Candidate | None:
    """Return the fresh zone in front of a settled one that was just made; None: it has none."""
    if not work.fronts.is_wanted(wanted.origin, len(table)):
        return None
    old = work.base.zones.get(wanted.front) if work.base else None
    kept: list[Row] = []
    if work.base and old and old.rows_file:
        says = behind.Zones((behind.of_rows(table),))
        folder = work.run.store.folder(work.base)
        follow = behind.zones(wanted.behind, folder)
        with suppress(RpzctlError):  # damaged: what they said is in the settled zone now
            kept = list(fresh.still(rows.read(folder / old.rows_file), says, follow))
    return _fresh_candidate(work, wanted, tuple(kept))


def _fresh_candidate(work: Work, wanted: Wanted, made: tuple[Row, ...]) -> Candidate:
    actions = {wanted.action, *(row.action for row in made)}
    config = work.run.config
    drawn = render.zone(work.env, "bind/rpz.zone.j2", config, wanted.front, actions)
    return Candidate(wanted.front, drawn=drawn, rows=QuickRows(made), inputs=wanted.inputs)


def freshened(work: Work, wanted: Wanted, kept: tuple[Candidate, ...], head: Head) -> Became | None:
    """Return a group's two zones with what changed since the settled one was made in the fresh one.

    `head` is that of the ledger, which is of the zones `kept`. None: they are to be made as a
    whole, because there are no two, something else than copies changed, or too much did.
    """
    if len(kept) != 2 or not head.settings or head.settings != wanted.settings:  # noqa: PLR2004 - fresh and settled
        return None
    settled = kept[1]
    assert settled.kept is not None and work.base is not None, "it is published"  # noqa: S101, PT018 - as said
    most = max(FEWEST, min(MOST, settled.kept.rows // _SHARE))
    work.run.stage(f"finding what changed in the feeds of {wanted.origin}")
    found = _changes(work, wanted, head, most)
    if found is None:
        return None
    names = {name for each in found for name in each.names}
    region = None
    if len(names) <= most:
        region = ledger.around(work.ledgers, wanted.origin, names, most * _AROUND)
    if region is None:
        return None
    terms = _terms(work, wanted)
    before, now = (
        merge.resolve(fresh.listed(masks), *terms)
        for masks in (region, _with(region, found, wanted.group))
    )
    was, says = (fresh.said(fresh.rows_of(each, wanted.action)) for each in (before, now))
    try:
        follow = behind.zones(wanted.behind, work.run.store.folder(work.base))
        made = fresh.rows(was, says, follow)
    except fresh.Unsayable:
        return None
    if len(made) > most or too_long(((row.name, row.scope) for row in made), wanted.front):
        return None
    front = _fresh_candidate(work, wanted, made)
    zones = (front, settled)
    head = wanted.head(zones)._replace(
        settings=wanted.settings,
        copies=head.copies,
        behind=wanted.behind_digest if made else "",
        octets=head.octets,
    )
    lines = tuple(fresh.lines(before, now, names))
    page = FreshPage(wanted.origin, head, lines, tuple(found))
    left = now.left._replace(too_long=0, covered=0, excepted=0, few=0)
    report = Report(wanted.origin, settled.kept.rows, left, tuple(_unsaid(wanted.origin, now)))
    return Became(zones, page, (report,))


def _unsaid(origin: str, made: Made) -> list[str]:
    return [f"{origin} blocks {n}, which is excepted but too long" for n in made.left.unsaid]


def _changes(work: Work, wanted: Wanted, head: Head, most: int) -> list[Changes] | None:
    """Return what feeds say otherwise than when the settled zone was made; None: too much."""
    found = []
    for feed, record in wanted.group.feeds:
        between = (head.copies.get(feed.name, ""), wanted.copies[feed.name])
        if between[0] == between[1]:
            continue
        each = changes.known(work.ledgers, wanted.origin, feed.name, between)
        if each is None:
            if record.read_as != read_as(feed):
                return None
            names, _ = copies.names_of(work.run.config, feed, record)
            now = Source(feed.name, names, feed.subdomains)
            each = changes.find(work.ledgers, wanted.origin, now, between, most)
        if each is None:
            return None
        found.append(each)
    return found


def _with(
    region: Mapping[str, tuple[int, int]], found: list[Changes], group: Group
) -> dict[str, tuple[int, int]]:
    """Return what is listed in `region` with what feeds say otherwise now."""
    places = {feed.name: place for place, (feed, _) in enumerate(group.feeds)}
    masks = dict(region)
    for each in found:
        bit = 1 << places[each.feed]
        for name, said in each.names.items():
            exact, below = masks.get(name, (0, 0))
            masks[name] = (
                exact & ~bit | bit * said.itself,
                below & ~bit | bit * said.below,
            )
    return masks


def _terms(work: Work, wanted: Wanted) -> _Terms:
    config = work.run.config
    suffixes = planning.suffix_list(config)
    listed = [allow for text in work.excepted.values() for allow in exceptions.of_text(text)]
    settings = config.group.get(wanted.group.name)
    threats = [feed.kind == "threat" for feed, _ in wanted.group.feeds]
    return _Terms(
        sum(1 << place for place, threat in enumerate(threats) if threat),
        wanted.origin,
        Judges(suffixes, planning.protected(config), _top_sites(config)),
        exceptions.united(listed, suffixes.among(allow.name for allow in listed)),
        settings.min_feeds if settings else 1,
    )


def _top_sites(config: Config) -> frozenset[str]:
    path = planning.top_sites_file(config)
    try:
        return guards.read_top_sites(path) if path else frozenset()
    except (OSError, ValueError) as fault:
        raise UsageFault(f"guards.top_sites: {fault}") from None
