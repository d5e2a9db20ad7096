"""What a command came to, as one value: what the audit log, the metrics and the hooks tell."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from rpzctl import times
from rpzctl.errors import CheckFailed, Locked, NotLive, Refused, RpzctlError
from rpzctl.manifest import Cause, Hold, Manifest, Moved
from rpzctl.monitoring import Failure, Success
from rpzctl.rule import subject_text

if TYPE_CHECKING:
    from rpzctl.commands import RuleOutcome
    from rpzctl.importing import Report
    from rpzctl.pipeline import Outcome
    from rpzctl.plan import Plan
    from rpzctl.recording import Recorded
    from rpzctl.rpz import Row
    from rpzctl.run import Run
    from rpzctl.sync import SyncOutcome

FORMAT = 1
MOST_NAMES = 100
"""names, feeds or zones that one event tells; all are counted"""
_MOST_DETAILS = 20
_LONGEST = 1000
"""characters of a text that somebody else wrote"""
Quiet = Literal["nothing", "held"]
"""nothing changed: neither logged nor told to hooks"""
Result = Success | Failure | Quiet
QUIET: tuple[Result, ...] = get_args(Quiet)
GOOD: tuple[Result, ...] = (*get_args(Success), *QUIET)
RESULTS: tuple[Result, ...] = (*GOOD, *get_args(Failure))
_UNTOLD = (
    "no line was written when this generation was made: the run was killed, "
    "or the log could not be written"
)


class Done(NamedTuple):
    """What a command did that came to its end."""

    outcome: "Outcome | None" = None
    """of the path, if the command went it"""
    names: Sequence[str] = ()
    """what rules were changed about, or which feeds"""
    recorded: bool = False
    """rule files or definitions say something else than before"""
    feeds: Mapping[str, str] = MappingProxyType({})
    """what came of feeds: a new copy, or why there is none"""
    fault: RpzctlError | None = None
    """why it is no success all the same"""
    commit: str = ""
    """the commit that the change made in the policy repo, if it made one"""

    @property
    def result(self) -> Result:
        """What it comes to in one word."""
        done = self.outcome
        if done and done.published:
            return "live" if done.proven else "published"
        if self.fault:
            return "failed"
        if self.recorded:
            return "live" if done and done.proven else "recorded"
        return "held" if done and done.held else "nothing"

    @property
    def plan(self) -> "Plan | None":
        """What was carried out, or would have been."""
        return self.outcome.plan if self.outcome else None


class Event(NamedTuple):
    """What a command came to. Times are RFC 3339, UTC."""

    at: str
    """when the command began"""
    by: str
    command: str
    """``block``, ``feeds enable``"""
    what: str
    """the command with what it is about, in short"""
    outcome: Result
    why: str = ""
    names: tuple[str, ...] = ()
    """what it is about, as rule files write it: at most `MOST_NAMES`"""
    named: int = 0
    """how many names there are"""
    before: int = 0
    """the generation that was published when it began; 0: none"""
    generation: int = 0
    """the one that is published now"""
    serials: Mapping[str, int] = MappingProxyType({})
    """of the zones that are new"""
    zones: Mapping[str, Moved] = MappingProxyType({})
    """how many rows of each zone changed"""
    feeds: Mapping[str, str] = MappingProxyType({})
    commit: str = ""
    dirty: bool = False
    held: Hold | None = None
    error: Mapping[str, Any] | None = None
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it is a success, if only of nothing to do."""
        return self.outcome in GOOD

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to tell anybody."""
        return self.outcome in QUIET

    @property
    def end(self) -> datetime:
        """When the command ended."""
        return times.parse(self.at) + timedelta(seconds=self.seconds)

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "format": FORMAT,
            **self._asdict(),
            "names": list(self.names),
            "serials": dict(self.serials),
            "zones": {origin: moved._asdict() for origin, moved in self.zones.items()},
            "feeds": dict(self.feeds),
            "held": self.held._asdict() if self.held else None,
            "error": dict(self.error) if self.error else None,
            "seconds": round(self.seconds, 3),
        }

    def text(self) -> str:
        """Return it for people, in one line."""
        said = f"{self.outcome}: {self.what}, by {self.by}"
        if self.why:
            said += f" ({self.why})"
        if self.generation and self.generation != self.before:
            said += f"; generation {self.generation}"
        return said + (f"; {self.error['message']}" if self.error else "")


def done(run: "Run", command: str, before: int, what: Done, seconds: float) -> Event:
    """Return the event of a `command` that came to its end."""
    outcome = what.outcome
    zones = outcome.plan.zones if outcome and outcome.published else ()
    cause = run.cause
    event = _event(run, command, before, what.result, what.names, seconds)
    return event._replace(
        before=outcome.plan.base if outcome else before,
        generation=outcome.generation if outcome else before,
        serials=dict(outcome.serials) if outcome else {},
        zones=_first({z.origin: z.moved() for z in zones if z.status != "same"}),
        feeds=_first({name: text[:_LONGEST] for name, text in what.feeds.items()}),
        commit=what.commit or cause.commit,
        dirty=cause.dirty and not what.commit,
        held=outcome.held if outcome else None,
        error=document_of(what.fault) if what.fault else None,
    )


def failed(
    run: "Run",
    command: str,
    before: int,
    after: int,
    names: Sequence[str],
    fault: BaseException,
    seconds: float,
) -> Event:
    """Return the event of a `command` that `fault` ended; `after` is what is published now."""
    result: Result = "failed"
    for kind, word in _WORDS:
        if isinstance(fault, kind):
            result = word
            break
    event = _event(run, command, before, result, names, seconds)
    return event._replace(generation=after, error=document_of(fault))


_WORDS: tuple[tuple[type[BaseException], Result], ...] = (
    (Refused, "refused"),
    (CheckFailed, "check-failed"),
    (NotLive, "not-live"),
    (Locked, "locked"),
    (KeyboardInterrupt, "interrupted"),
)


def untold(manifest: Manifest, before: int) -> Event:
    """Return the event of a generation that nobody told of when it was made."""
    cause: Cause = manifest.cause
    return Event(
        at=manifest.made,
        by=cause.by,
        command=cause.what.partition(" ")[0],
        what=cause.what,
        outcome="interrupted",
        why=cause.why,
        before=before,
        generation=manifest.generation,
        serials=_first({o: z.serial for o, z in manifest.zones.items() if o in manifest.moved}),
        zones=_first(manifest.moved),
        commit=cause.commit,
        dirty=cause.dirty,
        held=manifest.held,
        error=document_of(RpzctlError(_UNTOLD)),
    )


def of_outcome(outcome: "Outcome") -> Done:
    """Return what an apply, a rollback or a rollforward did.

    Its names are those whose rows in the operator's zone changed: rules that were edited by hand,
    or expired.
    """
    return Done(outcome, names=_rows(outcome.plan) if outcome.published else ())


def of_rules(done: "RuleOutcome") -> Done:
    """Return what block, allow, unblock or unallow did."""
    told = [each for each in done.results if each.status not in {"already", "absent"}]
    names = [each.subject.rule_text for each in told]
    if done.outcome and done.outcome.published and not names:
        return of_outcome(done.outcome)  # what others had recorded before
    commit = done.recorded.commit if done.recorded else ""
    return Done(done.outcome, names=names, recorded=bool(told), commit=commit)


def of_import(report: "Report", outcome: "Outcome | None", recorded: "Recorded | None") -> Done:
    """Return what an import did: its names without their verbs."""
    names = [each.partition(" ")[2] for each in report.added]
    if outcome and outcome.published and not names:
        return of_outcome(outcome)  # what others had recorded before
    commit = recorded.commit if recorded else ""
    return Done(outcome, names=names, recorded=bool(names), commit=commit)


def of_sync(done: "SyncOutcome") -> Done:
    """Return what a sync did; a failure if no feed that was asked gave anything."""
    feeds = {each.feed: each.fault or "new copy" for each in done.feeds if each.status == "new"}
    feeds |= {each.feed: each.fault for each in done.feeds if each.fault}
    fault = None
    if done.all_failed:
        lines = [f"{name}: {text}" for name, text in feeds.items()]
        fault = RpzctlError("no feed gave a good copy", details=lines)
    return of_outcome(done.outcome)._replace(feeds=feeds, fault=fault)


def _event(
    run: "Run", command: str, before: int, result: Result, names: Sequence[str], seconds: float
) -> Event:
    cause = run.cause
    return Event(
        at=times.show(run.now),
        by=cause.by,
        command=command,
        what=cause.what,
        outcome=result,
        why=cause.why,
        names=tuple(names[:MOST_NAMES]),
        named=len(names),
        before=before,
        commit=cause.commit,
        dirty=cause.dirty,
        seconds=seconds,
    )


def _rows(plan: "Plan") -> list[str]:
    """Return what changed in the operator's zone, which is the first."""
    if not plan.zones or plan.zones[0].status not in {"new", "changed"}:
        return []
    diff = plan.zones[0].diff
    rows: list[Row] = [row for part in (diff.added, diff.removed, diff.changed) for row in part]
    return list(dict.fromkeys(subject_text(row.name, row.scope) for row in rows))


def _first(found: Mapping[str, Any]) -> dict[str, Any]:
    return dict(list(found.items())[:MOST_NAMES])


def document_of(fault: BaseException) -> dict[str, Any]:
    """Return the document of an error, without what would fill a log."""
    known = fault if isinstance(fault, RpzctlError) else RpzctlError(str(fault))
    return {
        "kind": type(fault).__name__,
        "message": known.message[: 2 * _LONGEST],
        "details": [line[:_LONGEST] for line in known.details[:_MOST_DETAILS]],
        "fix": known.fix,
        "exit_code": known.exit_code,
    }
