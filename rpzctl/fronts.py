"""Which large feed groups have a small zone in front: `rpzctl.fresh` says what it is for.

When the set of policy zones changes, named throws all policy away and reads the zones anew, which
takes seconds for large ones. So a front comes and goes only where that happens anyway (another
group comes or goes) or where a person says so; meanwhile a group stays as it is.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rpzctl import answers
from rpzctl.feed_groups import Group
from rpzctl.run import Run
from rpzctl.wanted import front_of

USUAL = 200_000
"""rows from which on a zone gets a front by default: one more name takes BIND a second there"""
MOST_ZONES = 64
"""policy zones that BIND takes (ARM, response-policy)"""
_LONGEST_LABEL = 63
_OPTIONS = "templates/bind/options.conf.j2"


class Fronts(NamedTuple):
    """What decides."""

    least: int
    """rows from which on a zone gets one; 0: none does"""
    free: bool
    """the set of policy zones changes anyway, or may"""
    there: frozenset[str]
    """the policy zones that resolvers have"""
    operator: str
    """the operator's zone"""

    def is_wanted(self, origin: str, rows: int) -> bool:
        """Tell whether the zone `origin`, of so many rows, is to have a front.

        Once it has one, it keeps it until it is half as large.
        """
        front = front_of(origin)
        if not self.least or front == self.operator or len(front) > _LONGEST_LABEL:
            return False  # its canary has the origin in one label
        if front in self.there:
            return not self.free or rows >= self.least // 2
        return self.free and rows >= self.least


def decide(run: Run, groups: Sequence[Group]) -> Fronts:
    """Return what decides for `groups`, in their order."""
    # A zone whose files are damaged is not what a plan begins from; resolvers have it.
    current = run.store.current()
    published = tuple(current.policy_zones) if current else ()
    there = frozenset(published)
    operator = run.config.policy.operator_zone
    groups_there = [
        origin for origin in published if origin != operator and not _is_beside(origin, there)
    ]
    wanted = [run.config.origin(group.name) for group in groups if group.copies]
    networks = sum(any(record.networks for _, record in group.feeds) for group in groups)
    most = 1 + 2 * len(wanted) + networks
    return Fronts(
        least=0 if most > MOST_ZONES else least(run),
        free=run.fronts or groups_there != wanted,
        there=there,
        operator=operator,
    )


def _is_beside(origin: str, zones: Iterable[str]) -> bool:
    """Tell whether a zone is a front, or of networks, and so goes with another one."""
    return any(origin in {front_of(other), answers.origin_of(other)} for other in zones)


def least(run: Run) -> int:
    """Return from how many rows on a zone gets a front.

    By default none does where policy zones of others may stand behind ours: a name that a feed took
    back would pass those, too. None ever does where there are views: what a front says of such a
    name follows from the zones behind, which are others in each.
    """
    if run.config.view:
        return 0
    said = run.config.policy.fresh_from
    if said is not None:
        return said
    alone = all(resolver.kind == "bind" for resolver in run.config.resolver)
    return USUAL if alone and not (run.config.repo / _OPTIONS).is_file() else 0
