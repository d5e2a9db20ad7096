"""A plan as Markdown, to be posted where people review a change.

What stands in it came through the doors for names and records; fences are longer than what is
inside them, and cells have no bars, so that no text of a rule can leave its place.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rpzctl.names import printable

if TYPE_CHECKING:
    from rpzctl.plan import Plan, ZoneChange
    from rpzctl.review import Review


def plan(made: "Plan", failing: Iterable[str], limit: int | None) -> str:
    """Return what an apply would do; `limit` bounds the rows of each sort that are shown."""
    return _text(["### What `rpzctl apply` would do", *_plan(made, limit), *_failing(failing)])


def review(found: "Review", limit: int | None) -> str:
    """Return what merging would do."""
    at = f"Held against `{found.base[:10]}`"
    at += ", with edits that are not committed." if found.head.dirty else "."
    parts = ["### What merging would do", at]
    if found.is_empty:
        return _text([*parts, "Nothing: no policy changes."])
    if not found.plan.is_empty or found.plan.stops:
        parts += _plan(found.plan, limit)
    if found.settings:
        rows = [(s.key, s.old or "not set", s.new or "not set") for s in found.settings]
        parts += ["**Settings**", _table(("setting", "now", "then"), rows)]
    if found.feeds:
        feeds = [(f.feed, f.zone, f.status, ", ".join(f.keys)) for f in found.feeds]
        parts += ["**Feeds**", _table(("feed", "group", "is", "keys"), feeds)]
        parts.append("How many names that moves shows when it is synced: copies are not here.")
    return _text(parts)


def _text(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _plan(made: "Plan", limit: int | None) -> Iterator[str]:
    if made.is_empty:
        yield "Nothing: what is published is what the policy says."
    zones = [zone for zone in made.zones if zone.status != "same"]
    if zones:
        rows = [
            (zone.origin, zone.status, *(f"{count}" for count in zone.moved()), f"{zone.rows}")
            for zone in zones
        ]
        yield _table(("zone", "is", "added", "removed", "changed", "rows"), rows)
    for zone in zones:
        yield from _rows(zone, limit)
    names = [f"+ {name}" for name in made.sinkholes_added[:limit]]
    names += [f"- {name}" for name in made.sinkholes_removed[:limit]]
    if names:
        more, fewer = len(made.sinkholes_added), len(made.sinkholes_removed)
        yield f"Sinkhole zones: {more} more, {fewer} fewer."
        yield _fenced(names)
    if made.sinkhole_changed:
        yield "The file of the sinkhole zones changes."
    if made.fragments:
        yield "Fragments that change: " + ", ".join(f"`{name}`" for name in made.fragments) + "."
    if made.stops:
        yield "**The guards object** (`--force` overrules them):"
        yield _fenced([stop.text() for stop in made.stops])


def _rows(zone: "ZoneChange", limit: int | None) -> Iterator[str]:
    value = zone.value(limit)
    lines = []
    for sign, key in (("+", "added"), ("-", "removed"), ("~", "changed")):
        shown = value[f"{key}_rows"]
        lines += [f"{sign} {row}" for row in shown]
        if value[key] > len(shown):
            lines.append(f"{sign} ... {value[key] - len(shown)} more")
    if lines:
        yield f"`{zone.origin}`"
        yield _fenced(lines)
    elif zone.frame_changed:
        yield f"`{zone.origin}`: template or settings change, no row does."


def _failing(lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield "**Expectations that would not be met** (nothing would be published):"
        yield _fenced(found)


def _fenced(lines: Iterable[str]) -> str:
    text = "\n".join(printable(line, 400) for line in lines)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{text}\n{fence}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Return text that stays in its cell, and is no markup."""
    return re.sub(r"([\\`*_\[\]<>|#!~])", r"\\\1", printable(text, 300))
