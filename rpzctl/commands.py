"""What the commands do: each one call into the path, with a value as result."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rpzctl import pipeline
from rpzctl.book import Book
from rpzctl.edits import Result
from rpzctl.pipeline import Outcome
from rpzctl.rule import Verb
from rpzctl.run import Run


class RuleOutcome(NamedTuple):
    """What became of the names given to block, allow, unblock or unallow."""

    verb: Verb
    results: tuple[Result, ...]
    outcome: Outcome | None
    """None: recorded only"""

    def value(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready document."""
        return {
            "verb": self.verb,
            "results": [result.value() for result in self.results],
            "applied": self.outcome.value() if self.outcome else None,
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
    return RuleOutcome(verb, tuple(results), outcome)
