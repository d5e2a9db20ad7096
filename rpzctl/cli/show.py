"""What people and programs see: text, JSON, errors. Colour on a terminal only."""

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpzctl.errors import RpzctlError
    from rpzctl.pipeline import Outcome
    from rpzctl.plan import Plan, ZoneChange

_SURROGATE = re.compile("[\ud800-\udfff]")
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def paint(text: str, colour: str, stream: Any = None) -> str:  # noqa: ANN401 - any text stream
    """Return `text` in `colour` where the stream is a terminal and NO_COLOR is not set."""
    out = stream or sys.stdout
    if not out.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def document(value: dict[str, Any]) -> None:
    """Print one JSON document.

    What came in as octets that are no UTF-8 has lone surrogates, and goes out as U+FFFD.
    """
    print(_SURROGATE.sub("\ufffd", json.dumps(value, indent=2, ensure_ascii=False)))


def error(fault: "RpzctlError", *, as_json: bool) -> None:
    """Print an error: what, where, what next. Nothing in it can steer the terminal."""
    from rpzctl.names import printable

    if as_json:
        document(fault.value())
    label = paint("rpzctl:", "red", sys.stderr)
    print(label, printable(fault.message, 2000), file=sys.stderr)
    for line in fault.details:
        print("  " + printable(line, 1000), file=sys.stderr)
    if fault.fix:
        print("  " + paint(fault.fix, "bold", sys.stderr), file=sys.stderr)


def note(text: str) -> None:
    """Print a remark beside the result."""
    from rpzctl.names import printable

    print(printable(text, 1000), file=sys.stderr)


def plan(value: "Plan", *, full: bool) -> None:
    """Print a plan for people."""
    if value.is_empty:
        print("nothing to do: what is published is what the policy says")
    for zone in value.zones:
        if zone.status != "same":
            _zone(zone, full=full)
    for sign, names, colour in (
        ("+", value.sinkholes_added, "green"),
        ("-", value.sinkholes_removed, "red"),
    ):
        for name in names:
            print(paint(f"  {sign} sinkhole zone {name}", colour))
    if value.sinkhole_changed:
        print("the sinkhole zone file changes")
    for name in value.fragments:
        print(f"{name} changes")
    for stop in value.stops:
        print(paint("guard: ", "red") + stop.text())


def _zone(zone: "ZoneChange", *, full: bool) -> None:
    changes = zone.value(None if full else 20)
    counts = f"+{changes['added']} -{changes['removed']} ~{changes['changed']}"
    frame = "" if zone.diff else ", template or settings changed"
    if zone.status == "removed":
        print(paint(f"{zone.origin}: removed, with its {zone.rows} rows", "bold"))
        return
    print(paint(f"{zone.origin}: {zone.status}, {counts}, {zone.rows} rows{frame}", "bold"))
    for sign, key, colour in (
        ("+", "added", "green"),
        ("-", "removed", "red"),
        ("~", "changed", "yellow"),
    ):
        shown = changes[f"{key}_rows"]
        for line in shown:
            print(paint(f"  {sign} {line}", colour))
        if changes[key] > len(shown):
            print(paint(f"  {sign} ... {changes[key] - len(shown)} more (--full)", "dim"))


def outcome(done: "Outcome", titles: list[str], more: str = "") -> None:
    """Print what an apply did; `more` ends the line when that was nothing."""
    for line in done.warnings:
        note(line)
    if done.held:
        note(f"{done.held.text()}; 'rpzctl rollforward' or 'rpzctl apply' ends it")
    if done.released:
        note(f"no longer held: the policy of generation {done.released.of}")
    where = " and ".join(titles)
    serials = ", ".join(f"{zone} {serial}" for zone, serial in done.serials.items())
    if not done.published:
        live = f"; live on {where}" if done.proven else ""
        print(f"nothing to publish{live}" + (f"; {plain(more)}" if more else ""))
        return
    head = f"generation {done.generation}" + (f" ({serials})" if serials else "")
    if done.proven:
        print(f"{paint('live', 'green')}: {head} on {where}")
    else:
        print(f"published: {head}; no resolver was told or asked")


def plain(text: str) -> str:
    """Return `text` without anything that could steer the terminal."""
    from rpzctl.names import printable

    return printable(text, 1000)


def table(heads: tuple[str, ...], lines: list[tuple[str, ...]], *, fit: bool = False) -> None:
    """Print aligned columns; the last one as wide as it likes, or with `fit` as the terminal is."""
    rows = [heads, *lines]
    *widths, last = (max(len(line[i]) for line in rows) for i in range(len(heads)))
    if fit and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths) - 2 * len(widths)
        last = min(last, max(room, 12))
    for place, line in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        end = line[-1] if len(line[-1]) <= last else line[-1][: last - 3] + "..."
        text = "  ".join([*cells, end]).rstrip()
        print(paint(plain(text), "bold") if place == 0 else plain(text))
