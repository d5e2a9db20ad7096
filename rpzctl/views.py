"""Views of BIND: which policy zones the clients of each get, and in which order.

The zones of all views are the same files. BIND cannot share a policy zone between views ("in-view"
is refused in response-policy, 9.18), so each view has its own copy of it in memory; it can share
sinkhole zones, which stand in the first view that has them.
"""

from collections.abc import Iterator, Mapping, Sequence

from rpzctl.check import Finding
from rpzctl.config import Config, View
from rpzctl.errors import UsageFault

ROW = 1000
"""octets of named for a name with all below it (BIND 9.18.49: 99 MB for 100,000)"""
_MUCH = 100 * 10**6


def of(config: Config, name: str) -> View:
    """Return the view of a name. Raises `UsageFault`."""
    for view in config.view:
        if view.name == name:
            return view
    raise UsageFault(
        f"there is no [[view]] {name!r} in {config.file}",
        details=[f"there is {view.name}" for view in config.view],
    )


def zones(config: Config, view: View, known: Sequence[str]) -> list[str]:
    """Return those of the policy zones `known`, in the order of the policy, that a view has.

    In its own order: the operator's, then each group's with what stands in front of it, then their
    networks, as in `rpzctl.answers`.
    """
    operator = config.policy.operator_zone
    groups = [] if view.groups is None else [config.origin(group) for group in view.groups]
    place = {str(origin): number for number, origin in enumerate(groups)}
    ranks: dict[str, tuple[int, int]] = {}
    for number, zone in enumerate(known):
        label, _, beside = zone.partition(".")
        if zone == operator:
            if view.operator:
                ranks[zone] = (0, 0)
        elif view.groups is None:
            ranks[zone] = (1, number)
        elif zone in place:
            ranks[zone] = (1, place[zone])
        elif beside in place:
            ranks[zone] = (2 if label == "answers" else 1, place[beside])
    return sorted(ranks, key=lambda zone: (ranks[zone], known.index(zone)))


def of_sinkholes(config: Config) -> str:
    """Return the view that holds the sinkhole zones, which the others share; empty: none does."""
    return next((view.name for view in config.view if view.sinkholes), "")


def findings(config: Config, rows: Mapping[str, int]) -> Iterator[Finding]:
    """Find policy zones that are in no view, and what it costs that they are in several.

    `rows` are those of each policy zone, in the order of the policy.

    Harm: a group that nobody gets; a named that needs more memory than there is.
    Example: a feed's group is new, and no view lists it; three views with a million names each.
    Reference: docs/views.md
    """
    if not config.view:
        return
    copies = dict.fromkeys(rows, 0)
    for view in config.view:
        for zone in zones(config, view, list(rows)):
            copies[zone] += 1
    for zone, count in copies.items():
        if not count:
            fix = "add its group to a [[view]], or take its feeds out"
            yield Finding("views", "warning", zone, f"{zone} is in no view: nobody gets it", fix)
    more = {zone: rows[zone] * (count - 1) * ROW for zone, count in copies.items() if count > 1}
    total = sum(more.values())
    if total >= _MUCH:
        largest = max(more, key=lambda zone: more[zone])
        yield Finding(
            "views",
            "warning",
            str(config.file),
            f"views cannot share policy zones: named holds about {total // 10**6} MB more than "
            f"with one view, most of it for {largest}, which is in {copies[largest]}",
            "one view with rules on clients may do: docs/views.md",
        )
