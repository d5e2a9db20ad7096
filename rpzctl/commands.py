"""What the commands do: each one call into the path, with a value as result."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rpzctl import pipeline, recording, times
from rpzctl.book import Book
from rpzctl.edits import Result
from rpzctl.pipeline import Outcome
from rpzctl.recording import Recorded
from rpzctl.rule import Verb
from rpzctl.run import Run


class RuleOutcome(NamedTuple):
    """What became of the names given to block, allow, unblock or unallow."""

    verb: Verb
    results: tuple[Result, ...]
    outcome: Outcome | None
    """None: recorded only"""
    recorded: Recorded | None = None
    """the commit, where the policy repo is under git's control"""

    def value(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready document."""
        return {
            "verb": self.verb,
            "results": [result.value() for result in self.results],
            "applied": self.outcome.value() if self.outcome else None,
            "commit": self.recorded.value() if self.recorded else None,
        }


def change_rules(
    run: Run,
    verb: Verb,
    change: Callable[[Book], tuple[Book, list[Result]]],
    *,
    apply: bool,
) -> RuleOutcome:
    """Carry out `change` on the rule files, and make it so unless not `apply`."""
    results: list[Result] = []

    def edit(book: Book) -> Book:
        changed, found = change(book)
        results[:] = found  # the last is that on the rule files, also while a policy is held
        return changed

    outcome = None
    if apply:
        outcome = pipeline.apply(run, edit=edit)
    else:
        pipeline.record(run, edit)
    moved = [each for each in results if each.status in {"recorded", "changed", "removed"}]
    recorded = None
    if moved:
        recorded = recording.rules(run, lambda book: change(book)[0], _message(run, moved))
    if recorded and recorded.commit and outcome and outcome.published:
        run.store.note_commit(outcome.generation, recorded.commit)
    return RuleOutcome(verb, tuple(results), outcome, recorded)


def _message(run: Run, moved: list[Result]) -> str:
    """Return what the commit says."""
    rule = moved[0].rule
    added = rule if rule and moved[0].status != "removed" else None
    more = [
        ("Reason", added.reason if added else None),
        ("Ticket", added.ticket if added else None),
        ("Expires", times.show(added.expires) if added and added.expires else None),
    ]
    return recording.message(run, [each.subject.shown for each in moved], more)
