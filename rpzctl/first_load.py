"""A large feed zone that is new to named: first published empty, then full.

named reads the file of a zone that it did not have in one go, in a thread that answers queries:
with a million names, the clients of that thread wait for eight seconds (BIND 9.18.49). A zone that
it has is read in small parts between queries, so a large zone begins as an empty one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rpzctl import pipeline
from rpzctl.manifest import Manifest
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows
from rpzctl.run import Run

if TYPE_CHECKING:
    from rpzctl.table import TableRows

LARGE = 50_000
"""rows that named reads in about a fifth of a second"""


def announce(run: Run, base: Manifest | None, candidates: Sequence[Candidate]) -> bool:
    """Publish those of the feed zones that are new and large without their names, and prove them.

    Other new ones are published with them: each change of the set of policy zones makes named read
    all anew. What is there stays as it is in `base`. Returns whether there was anything to do;
    then another generation is current. Raises what `pipeline.apply` does.
    """
    known = base.zones if base else {}
    # A zone whose files are damaged is not in `base`, but named has it, and is not to lose it.
    published = [m for m in (run.store.current(), run.store.proven()) if m]
    had = {origin for manifest in published for origin in manifest.zones}
    large = {c.origin for c in candidates if c.origin not in had and _is_large(c)}
    if not (large and run.reload and run.resolvers):
        return False
    run.stage(f"announcing {', '.join(sorted(large))}")
    first = [
        _emptied(c)
        if c.origin in large
        else Candidate(c.origin, kept=known[c.origin])
        if c.origin in known
        else c
        for c in candidates
    ]
    pipeline.apply(run, feeds=lambda _: first, passing=True)
    return True


def _is_large(candidate: Candidate) -> bool:
    rows = candidate.rows
    return rows is not None and not isinstance(rows, QuickRows) and len(rows) >= LARGE


def _emptied(candidate: Candidate) -> Candidate:
    rows = cast("TableRows", candidate.rows)
    return candidate._replace(rows=replace(rows, frame=rows.frame.clear()))
