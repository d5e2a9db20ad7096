"""`rpzctl import`: a list that exists already becomes operator's rules, with a report.

What a line means is kept: the name, what is below it, or both; exceptions become allow rules; the
triggers and actions of a policy zone are those of its rules. What the guards refuse, what
contradicts a rule that is there, and what a configured resolver cannot serve, is left out and told;
so are lines that cannot be read.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rpzctl import abilities, edits, pipeline, planning, recording, taking_over
from rpzctl.book import Book, read_book
from rpzctl.config import Config
from rpzctl.edits import Subject
from rpzctl.errors import UsageFault
from rpzctl.formats import Parsed, Reject
from rpzctl.manifest import Cause
from rpzctl.names import Domain, sort_key
from rpzctl.pipeline import Outcome
from rpzctl.reading import Inspected
from rpzctl.recording import Recorded
from rpzctl.rpz import PASSTHRU, SCOPES, Scope
from rpzctl.rule import Rule, Verb
from rpzctl.run import Run
from rpzctl.triggers import Trigger, owner_of, trigger_of

MOST = 5_000
"""so many names at most become rules: rule files are for people to read"""
LONGEST = 20_000_000
"""octets of a policy zone; a longer one has more rules than that, and is counted by columns"""


class Refusal(NamedTuple):
    """A name that is left out, and why."""

    subject: str
    guard: str
    reason: str


class Report(NamedTuple):
    """What became of a list."""

    format: str
    added: tuple[str, ...]
    """as rule files have them, with the verb before"""
    already: int
    """names of which a rule speaks already, or that a wider one covers"""
    refused: tuple[Refusal, ...]
    rejected: int
    rejects: tuple[Reject, ...]
    """the first of the lines that cannot be read"""
    skipped: dict[str, int]
    """how many lines block nothing, by reason"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            **self._asdict(),
            "added": list(self.added),
            "refused": [each._asdict() for each in self.refused],
            "rejects": [each._asdict() for each in self.rejects],
        }


class Importing(NamedTuple):
    """A list understood: what it asks for."""

    format: str
    like: Rule
    """what all its rules have in common; its verb is that of names that are no exceptions"""
    parts: tuple[tuple[Rule, tuple[Subject, ...]], ...]
    """what some rules have in common, and their subjects"""
    rejected: int
    rejects: tuple[Reject, ...]
    skipped: Mapping[str, int]


def understand(config: Config, inspected: Inspected, like: Rule, *, exact: bool) -> Importing:
    """Return what a list asks for. Raises `UsageFault` when it is too long, or says nothing.

    With `exact`, a name means itself alone where the format does not say.
    """
    parsed = inspected.parsed
    if inspected.format == "rpz" and len(inspected.data) <= LONGEST:
        said = taking_over.of_zone(inspected.data, like, config)
        wanted = Importing("rpz", like, said.parts, said.rejected, said.rejects, {})
        count = sum(len(subjects) for _, subjects in said.parts)
    else:
        count = parsed.entries["name"].n_unique() + len(parsed.networks)
        parts = _parts(parsed, like, exact=exact) if count <= MOST else ()
        wanted = Importing(
            inspected.format, like, parts, parsed.rejected, parsed.rejects, parsed.skipped
        )
    if count > MOST:
        raise UsageFault(
            f"the list has {count} names and networks; at most {MOST} become rules",
            fix="define a feed instead: rpzctl feeds add NAME URL",
        )
    if not count:
        raise UsageFault(
            "there is no name or address in the list",
            details=[f"line {r.line}: {r.reason}: {r.text}" for r in wanted.rejects[:10]],
            fix="'rpzctl feeds inspect FILE --format FORMAT' shows what a reader makes of it",
        )
    return wanted


def _parts(
    parsed: Parsed, like: Rule, *, exact: bool
) -> tuple[tuple[Rule, tuple[Subject, ...]], ...]:
    """Return the names and networks of a list, and its exceptions."""
    networks = tuple(_network(text) for text in parsed.networks)
    names = _subjects(parsed, exact, allow=False)
    excepted = _subjects(parsed, exact, allow=True)
    if like.verb == "allow":  # a list of what may resolve: all of it
        return ((like, (*names, *networks, *excepted)),)
    allow = like._replace(verb="allow", action=None)
    return ((like, (*names, *networks)), (allow, excepted))


def _subjects(parsed: Parsed, exact: bool, *, allow: bool) -> tuple[Subject, ...]:
    """Return the names that are exceptions, or those that are not, each once, sorted."""
    said: dict[str, int] = {}
    silent = Scope.EXACT if exact else Scope.SUBTREE
    for name, bits, is_allow in parsed.entries.iter_rows():
        if is_allow is allow:
            scope = bits or next(b for b, s in SCOPES.items() if s is silent)
            said[name] = said.get(name, 0) | scope
    return tuple(
        Subject(name, Domain(name), SCOPES[said[name]]) for name in sorted(said, key=sort_key)
    )


def _network(text: str) -> Subject:
    """Return a network as the subject of a rule on addresses in answers."""
    return Subject(text, owner_of(text, Trigger.RESPONSE_IP), Scope.EXACT)


def edit(run: Run, wanted: Importing, report: list[Report]) -> Callable[[Book], Book]:
    """Return the change of the rule files that is asked for; what it did is left in `report`."""

    def change(book: Book) -> Book:
        added: list[str] = []
        already = 0
        refused: list[Refusal] = []
        for like, subjects in wanted.parts:
            fresh = [each for each in subjects if not _ruled(book, run, like.verb, each)]
            fit, left_out = _judged(run, book, like, fresh)
            refused += left_out
            book, results = edits.add(book, fit, like, run.now)
            done = [r for r in results if r.status in {"recorded", "changed"} and r.rule]
            added += [_told(r.rule) for r in done if r.rule]
            already += len(subjects) - len(fresh) + len(results) - len(done)
        report[:] = [
            Report(
                wanted.format,
                tuple(added),
                already,
                tuple(refused),
                wanted.rejected,
                wanted.rejects,
                dict(wanted.skipped),
            )
        ]
        return book

    return change


def cause(run: Run, like: Rule, source: str) -> Cause:
    """Return who wants what and why, for the generation that comes of it."""
    why = " ".join(part for part in (like.ticket, like.reason) if part)
    return run.cause._replace(what=f"import {source}", by=like.by or run.cause.by, why=why)


def carry_out(
    run: Run, wanted: Importing, *, dry_run: bool, record: bool
) -> tuple[Report, Outcome | None, Recorded | None]:
    """Do what `wanted` asks for; return the report, what went live, and what git was told.

    `dry_run`: nothing is written. `record`: it is not applied. Raises what an apply raises.
    """
    report: list[Report] = []
    change = edit(run, wanted, report)
    if dry_run:
        change(read_book(run.config.repo))
        return report[0], None, None
    outcome = None
    if record:
        pipeline.record(run, change)
    else:
        outcome = pipeline.apply(run, edit=change)
    [told] = report
    if not told.added:
        return told, outcome, None
    like = wanted.like
    more = [("Reason", like.reason), ("Ticket", like.ticket)]
    message = recording.message(run, told.added, more)
    recorded = recording.rules(run, edit(run, wanted, []), message)
    if recorded and recorded.commit and outcome and outcome.published:
        run.store.note_commit(outcome.generation, recorded.commit)
    return told, outcome, recorded


def _told(rule: Rule) -> str:
    """Return a rule for the report, with what does not go without saying."""
    own = ", ".join(str(each) for each in (rule.trigger, rule.action) if each)
    return f"{rule.verb} {rule.shown()}" + (f" ({own})" if own else "")


def _ruled(book: Book, run: Run, verb: Verb, subject: Subject) -> bool:
    """Tell whether a rule in force is about the same already; it stays as it is."""
    file = book.block if verb == "block" else book.allow
    rule = file.rules.get((subject.name, subject.scope or Scope.SUBTREE))
    return rule is not None and rule.in_force(run.now)


def _judged(
    run: Run, book: Book, like: Rule, subjects: Sequence[Subject]
) -> tuple[list[Subject], list[Refusal]]:
    """Return those of `subjects` that no guard and no rule is against, and the others."""
    if like.forced:
        return list(subjects), []
    rules = [_rule(like, subject) for subject in subjects]
    stops = {**_stops(run, rules), **_unserved(run, rules)}
    other = book.allow if like.verb == "block" else book.block
    for rule in rules:
        against = other.rules.get(rule.subject)
        if against is not None and against.in_force(run.now):
            told = f"contradicts {other.where(against)}: {against.verb} {against.shown()}"
            stops.setdefault(
                rule.subject, Refusal(f"{rule.verb} {rule.shown()}", "contradiction", told)
            )
    fit = [
        subject for subject, rule in zip(subjects, rules, strict=True) if rule.subject not in stops
    ]
    return fit, list(stops.values())


def _stops(run: Run, rules: Iterable[Rule]) -> dict[tuple[Domain, Scope], Refusal]:
    rules = list(rules)
    by_text = {f"{rule.verb} {rule.shown()}": rule.subject for rule in rules}
    stops = planning.judged_rules(run.config, rules)
    return {by_text[s.subject]: Refusal(s.subject, s.guard, s.reason) for s in stops}


def _unserved(run: Run, rules: Iterable[Rule]) -> dict[tuple[Domain, Scope], Refusal]:
    """Return the rules that a configured resolver cannot serve: with them nothing would go live."""
    kinds = dict.fromkeys(resolver.kind for resolver in run.config.resolver)
    found = {}
    for rule in rules:
        trigger = trigger_of(rule.name)
        action = PASSTHRU if rule.verb == "allow" else rule.action or run.config.action
        reasons = [
            f"{kind}: {cannot}"
            for kind in kinds
            if (cannot := abilities.why_not(kind, trigger, action))
        ]
        if abilities.is_known_by_none(kinds, trigger):
            reasons.append("no resolver that is configured knows such rules")
        if reasons:
            text = f"{rule.verb} {rule.shown()}"
            found[rule.subject] = Refusal(text, "resolver", "; ".join(reasons))
    return found


def _rule(like: Rule, subject: Subject) -> Rule:
    return like._replace(name=subject.name, scope=subject.scope or Scope.SUBTREE)
