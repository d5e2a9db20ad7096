"""What `block`, `allow`, `unblock` and `unallow` do to the rule files."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from rpzctl import rules, triggers
from rpzctl.book import Book
from rpzctl.errors import Refused, UsageFault
from rpzctl.names import Domain, NameFault, ancestors, host_of, printable, to_unicode
from rpzctl.rpz import Scope
from rpzctl.rule import Rule, Verb, checked, named, subject_text
from rpzctl.triggers import ADDRESSES, Trigger, trigger_of

Status = Literal["recorded", "changed", "already", "removed", "absent"]


class Subject(NamedTuple):
    """A name, an address or a network as it was given, understood."""

    given: str
    name: Domain
    """or the owner of another trigger: see `rpzctl.triggers`"""
    scope: Scope | None
    """None: not said; a rule is then about the whole subtree, a removal about any scope"""
    note: str | None = None

    @property
    def shown(self) -> str:
        """The subject as a rule file has it, with its Unicode form behind."""
        text = subject_text(self.name, self.scope or Scope.SUBTREE)
        trigger = trigger_of(self.name)
        if trigger not in {Trigger.QNAME, Trigger.RESPONSE_IP}:
            return f"{text} ({trigger})"
        unicode = to_unicode(self.name)
        return f"{text} ({unicode})" if unicode else text


class Result(NamedTuple):
    """What became of one name."""

    subject: Subject
    status: Status
    rule: Rule | None = None
    """the rule that holds now, or that was removed"""
    note: str | None = None

    def value(self) -> dict[str, object]:
        """Return the result as a JSON-ready document."""
        return {
            "input": self.subject.given,
            "name": triggers.subject(self.subject.name).text,
            "trigger": str(trigger_of(self.subject.name)),
            "scope": str(self.subject.scope or Scope.SUBTREE),
            "status": self.status,
            "rule": self.rule.value() if self.rule else None,
            "note": self.note,
        }


def understand(
    texts: Iterable[tuple[str, str]], *, exact: bool, trigger: Trigger | None = None
) -> list[Subject]:
    """Return the subjects that `texts` (where from, text) name, each once, in their order.

    `trigger` None: names are names of queries, addresses those of answers.

    Raises `UsageFault` that lists every text that is no name.
    """
    subjects: dict[tuple[Domain, Scope | None], Subject] = {}
    faults = []
    for where, text in texts:
        try:
            got = _understood(text, exact=exact, trigger=trigger)
        except NameFault as fault:
            faults.append(f"{where}{printable(text)!r}: {fault}")
            continue
        subjects.setdefault((got.name, got.scope), got)
    if faults:
        raise UsageFault(
            f"{len(faults)} of the names cannot be read" if len(faults) > 1 else faults[0],
            details=faults if len(faults) > 1 else (),
            fix="nothing was changed",
        )
    return list(subjects.values())


def _understood(text: str, *, exact: bool, trigger: Trigger | None) -> Subject:
    host, note = host_of(text)
    below = host.startswith("*.")
    if below and exact:
        raise NameFault("'*.' and --exact contradict each other")
    given = Scope.BELOW if below else Scope.EXACT if exact else None
    name, scope = named(host, trigger, given)
    return Subject(text.strip(), name, scope, note)


def from_lines(source: str, text: str) -> list[tuple[str, str]]:
    """Return the names in `text`, one a line with ``#`` comments, with ``source:line: `` before."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        name = line if "://" in line else line.partition("#")[0]
        if name.strip() and not line.lstrip().startswith("#"):
            found.append((f"{source}:{number}: ", name.strip()))
    return found


def add(
    book: Book, subjects: Sequence[Subject], like: Rule, now: datetime
) -> tuple[Book, list[Result]]:
    """Record a rule such as `like` for each of `subjects`.

    Raises `Refused` when one contradicts a rule of the other file, unless `like` is forced: then
    it takes that rule's place. Raises `UsageFault` when the options contradict each other.
    """
    verb = like.verb
    mine, other = (book.block, book.allow) if verb == "block" else (book.allow, book.block)
    results, fresh = [], []
    opposed = []
    for subject in subjects:
        try:
            scope = subject.scope or Scope.SUBTREE
            rule = checked(like._replace(name=subject.name, scope=scope))
        except ValueError as fault:
            raise UsageFault(f"{subject.shown}: {fault}") from None
        opposite = other.rules.get(rule.subject)
        if opposite and opposite.in_force(now):
            opposed.append(opposite)
        result = _recorded(mine, other, subject, rule, now)
        beside = _beside(other, rule, now)
        if beside:
            result = result._replace(note="; ".join(filter(None, (result.note, beside))))
        results.append(result)
        if result.status in {"recorded", "changed"} and result.rule:
            fresh.append(result.rule)
    if opposed and not like.forced:
        told = [f"{other.where(rule)}: {rule.verb} {rule.shown()}" for rule in opposed]
        raise Refused(
            f"refused: {verb} contradicts "
            + (told[0] if len(told) == 1 else f"{len(told)} rules")
            + " [guard: contradiction]",
            details=told if len(told) > 1 else (),
            fix="nothing was changed; take that rule out first, or replace it with --force",
        )
    mine = rules.with_rules(mine, fresh)
    other = rules.without(other, [rule.subject for rule in opposed])
    return _book(verb, mine, other), results


def _beside(other: rules.RuleFile, rule: Rule, now: datetime) -> str | None:
    """Return what a rule of the other file takes away from `rule`, if it is about the same name."""
    verb = "allowed" if rule.verb == "block" else "blocked"
    if rule.verb == "allow":
        for parent in (rule.name, *ancestors(rule.name)):
            wide = other.rules.get((parent, Scope.SUBTREE))
            if wide and wide.via == "zone" and wide.in_force(now):
                where = other.where(wide)
                return f"without effect: {wide.name} is a sinkhole zone of its own ({where})"
    if rule.scope is not Scope.SUBTREE:
        return None
    for scope, what in ((Scope.EXACT, "itself"), (Scope.BELOW, "what is below it")):
        narrow = other.rules.get((rule.name, scope))
        if narrow and narrow.in_force(now):
            return f"{what} stays {verb} by {narrow.verb} {narrow.shown()} ({other.where(narrow)})"
    return None


def _depth(rule: Rule) -> tuple[int, bool]:
    """Return how specific a rule is among those that cover one name or address."""
    if trigger_of(rule.name) in ADDRESSES:
        return triggers.network_of(rule.name).prefixlen, True
    return rule.name.count("."), rule.scope is not Scope.SUBTREE


def _recorded(
    file: rules.RuleFile, other: rules.RuleFile, subject: Subject, rule: Rule, now: datetime
) -> Result:
    old = file.rules.get(rule.subject)
    if old and old.in_force(now):
        # Each goes with the other: an action is one of the policy zone, or the sinkhole zone's.
        said = rule if rule.via == "zone" or rule.action else old
        merged = old._replace(
            expires=rule.expires,
            action=said.action,
            via=said.via,
            reason=rule.reason or old.reason,
            ticket=rule.ticket or old.ticket,
            forced=rule.forced or old.forced,
        )
        if merged == old:
            return Result(subject, "already", old, subject.note)
        return Result(subject, "changed", merged._replace(by=rule.by, at=rule.at), subject.note)
    wide = _covering(file, rule, now)
    nearer = _covering(other, rule, now)
    if nearer and wide and _depth(nearer) >= _depth(wide):
        wide = None  # an exception lies between: the wider rule does not reach here
    if wide and _adds_nothing(rule, wide):
        return Result(subject, "already", wide, f"by the rule {wide.shown()}")
    return Result(subject, "recorded", rule, subject.note)


def _covering(file: rules.RuleFile, rule: Rule, now: datetime) -> Rule | None:
    """Return the most specific rule in force that covers the subject of `rule` from a wider one."""
    candidates: list[tuple[Domain, Scope]] = []
    if rule.scope is not Scope.SUBTREE:
        candidates.append((rule.name, Scope.SUBTREE))
    if trigger_of(rule.name) in ADDRESSES:
        candidates = [(owner, Scope.EXACT) for owner in triggers.around(rule.name)]
    for parent in ancestors(rule.name):
        candidates += [(parent, Scope.BELOW), (parent, Scope.SUBTREE)]
    found = (file.rules.get(key) for key in candidates)
    return next((wide for wide in found if wide and wide.in_force(now)), None)


def _adds_nothing(rule: Rule, wide: Rule) -> bool:
    return (
        wide.expires is None
        and rule.via == wide.via
        and (rule.action is None or rule.action == wide.action)
        and not rule.forced
    )


def remove(
    book: Book, subjects: Sequence[Subject], verb: Verb, now: datetime
) -> tuple[Book, list[Result]]:
    """Take the rules on `subjects` out of the file of `verb`."""
    mine, other = (book.block, book.allow) if verb == "block" else (book.allow, book.block)
    results = []
    gone = []
    for subject in subjects:
        scopes = (subject.scope,) if subject.scope else tuple(Scope)
        found = [mine.rules[k] for s in scopes if (k := (subject.name, s)) in mine.rules]
        gone += [rule.subject for rule in found]
        results += [Result(subject._replace(scope=r.scope), "removed", r) for r in found]
        if not found:
            wide = _covering(mine, Rule(verb, subject.name, subject.scope or Scope.SUBTREE), now)
            note = wide and (
                f"covered by the rule {wide.shown()} at {mine.where(wide)}; "
                f"to except it: rpzctl {'allow' if verb == 'block' else 'block'} {subject.name}"
            )
            results.append(Result(subject, "absent", wide, note))
    return _book(verb, rules.without(mine, gone), other), results


def _book(verb: Verb, mine: rules.RuleFile, other: rules.RuleFile) -> Book:
    return Book(mine, other) if verb == "block" else Book(other, mine)
