"""What a run came to, told once: the same fault again is no news, that it is mended is."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from rpzctl.log import Level, Log

_LAST_LINES = 5
LOCKED = 6


class Result(NamedTuple):
    """How a run ended."""

    status: int
    """exit code; negative: ended by a signal"""
    document: Mapping[str, Any] | None
    """what it printed; None: nothing that can be read"""
    said: str = ""
    """what it wrote beside that"""

    @property
    def good(self) -> bool:
        """Whether the policy is as rules and copies say; feeds may have failed."""
        return self.document is not None and "applied" in self.document


class Told(NamedTuple):
    """What stands, and was told."""

    fault: str = ""
    """why the last run failed"""
    feeds: Mapping[str, str] = MappingProxyType({})
    """what is wrong with feeds"""
    notes: frozenset[str] = frozenset()
    """warnings, and that an earlier policy is held"""
    status: str = "starting"
    """in a line, for systemd"""


class Line(NamedTuple):
    """A line of the log."""

    level: Level
    text: str
    facts: Mapping[str, Any] = MappingProxyType({})


def tell(log: Log, told: Told, result: Result) -> Told:
    """Log what is new in `result`, and return what stands now."""
    if result.status == LOCKED:
        return told  # it is made again soon
    lines, now = (_good if result.good else _bad)(told, result)
    for line in lines:
        match line.level:
            case Level.INFO:
                log.note(line.text, **line.facts)
            case Level.WARNING:
                log.caution(line.text, **line.facts)
            case Level.ERROR:
                log.fault(line.text, **line.facts)
    return now


def _bad(told: Told, result: Result) -> tuple[list[Line], Told]:
    error = (result.document or {}).get("error")
    if isinstance(error, Mapping):
        details = [str(line) for line in error.get("details") or ()]
        fault = "; ".join([str(error.get("message")), *details])
        fix = error.get("fix")
    else:
        how = f"by signal {-result.status}" if result.status < 0 else f"with {result.status}"
        last = " ".join(result.said.splitlines()[-_LAST_LINES:])
        fault, fix = f"sync ended {how}: {last}".rstrip(": "), None
    now = told._replace(fault=fault, status=f"fault: {fault}")
    if fault == told.fault:
        return [], now
    text = f"{fault} - {fix}" if fix else fault
    facts = {"exit_code": result.status}
    return [Line(Level.ERROR, f"{text}; the policy that is live stays", facts)], now


def _good(told: Told, result: Result) -> tuple[list[Line], Told]:
    document = result.document or {}
    applied = document["applied"]
    lines = [Line(Level.INFO, f"mended: {told.fault}")] if told.fault else []
    lines += _published(applied)
    faults = {
        str(feed["feed"]): str(feed["fault"]) for feed in document["feeds"] if feed.get("fault")
    }
    for name, fault in faults.items():
        if told.feeds.get(name) != fault:
            lines.append(Line(Level.WARNING, f"feed {name}: {fault}", {"feed": name}))
    lines += [
        Line(Level.INFO, f"feed {name}: good again", {"feed": name})
        for name in told.feeds
        if name not in faults
    ]
    notes = dict.fromkeys(str(line) for line in applied["warnings"])
    held = applied.get("held")
    if held:
        notes[f"the policy of generation {held['of']} is held: rpzctl rollforward ends it"] = None
    lines += [Line(Level.WARNING, note) for note in notes if note not in told.notes]
    status = f"generation {applied['generation']}"
    status += ", held" if held else ""
    status += f"; feeds with faults: {', '.join(faults)}" if faults else ""
    if document.get("next"):
        status += f"; next at {document['next']}"
    return lines, Told("", faults, frozenset(notes), status)


def _published(applied: Mapping[str, Any]) -> Iterator[Line]:
    if not applied["published"]:
        return
    serials = ", ".join(f"{zone} {serial}" for zone, serial in applied["serials"].items())
    how = "live" if applied["proven"] else "published"
    text = f"{how}: generation {applied['generation']}" + (f" ({serials})" if serials else "")
    facts = {"generation": applied["generation"], "serials": applied["serials"]}
    yield Line(Level.INFO, text, facts)
