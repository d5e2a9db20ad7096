"""The operator's block and allow files: read, add, remove. One rule a line.

    evil.example action=drop reason="C2 of case 7" ticket=INC-7 by=anna at=2026-11-24T03:00:00Z
    *.tracker.example                      # only what is below it
    login.evil.example exact expires=2026-12-31

A line is edited alone: no other byte of the file changes, a new rule goes where it sorts
among its neighbours, and what people wrote around it stays. That also makes two branches that
each add a rule merge without a conflict in most cases (``.gitattributes`` asks git for a union
in the rest, so the same rule may stand twice: the later line counts).

This is the only module that writes rule files.
"""

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rpzctl import times
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.names import Domain, NameFault, parse, printable, sort_key
from rpzctl.rpz import Action, Scope, parse_action

Verb = Literal["block", "allow"]
Via = Literal["rpz", "zone"]

_WORDS = re.compile(r'[^\s"#=]+="(?:[^"\\]|\\.)*"|[^\s"#]+|#.*|\S')
_BARE = re.compile(r"[^\s\"#\\]+\Z")
_MARK = "\ufeff"
"""the byte order mark that some editors write first"""
Line = tuple[str, "Rule | None"]
"""A line of a rule file, and the rule that it states, if any."""
_KEYS: dict[Verb, tuple[str, ...]] = {
    "block": ("action", "via", "reason", "ticket", "by", "at", "expires", "forced"),
    "allow": ("reason", "ticket", "by", "at", "expires", "forced"),
}


class Rule(NamedTuple):
    """What an operator decided about a name."""

    verb: Verb
    name: Domain
    scope: Scope = Scope.SUBTREE
    action: Action | None = None
    """None: the configured default."""
    via: Via = "rpz"
    reason: str | None = None
    ticket: str | None = None
    by: str | None = None
    at: datetime | None = None
    expires: datetime | None = None
    forced: bool = False
    """A person overrode the guards for this rule."""

    @property
    def subject(self) -> tuple[Domain, Scope]:
        """What the rule speaks of; there is one rule for each subject in a file."""
        return self.name, self.scope

    def shown(self) -> str:
        """Return the subject as the rule file has it."""
        return subject_text(self.name, self.scope)

    def in_force(self, now: datetime) -> bool:
        """Tell whether the rule has not expired at `now`."""
        return self.expires is None or self.expires > now

    def line(self) -> str:
        """Return the rule as one line of a rule file, without the line feed."""
        words = [self.shown()]
        for key in _KEYS[self.verb]:
            text = _attribute(getattr(self, key), key)
            if text:
                words.append(f"{key}={text}")
        return " ".join(words)

    def value(self) -> dict[str, object]:
        """Return the rule as a JSON-ready document."""
        return {
            "verb": self.verb,
            "name": self.name,
            "scope": str(self.scope),
            "action": str(self.action) if self.action else None,
            "via": self.via if self.verb == "block" else None,
            "reason": self.reason,
            "ticket": self.ticket,
            "by": self.by,
            "at": times.show(self.at) if self.at else None,
            "expires": times.show(self.expires) if self.expires else None,
            "forced": self.forced,
        }


def subject_text(name: Domain, scope: Scope) -> str:
    """Return ``name``, ``name exact`` or ``*.name``."""
    if scope is Scope.BELOW:
        return "*." + name
    return f"{name} exact" if scope is Scope.EXACT else name


def _attribute(value: object, key: str) -> str:
    if value is None or value is False or (key == "via" and value == "rpz"):
        return ""
    if value is True:
        return "yes"
    text = times.show(value) if isinstance(value, datetime) else str(value)
    return text if _BARE.match(text) else json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True)
class RuleFile:
    """A rule file as read: each line as it stands, with the rule that it states, if any."""

    path: Path
    verb: Verb
    lines: tuple[Line, ...]
    raw: str | None = field(default=None, compare=False)
    """the text as it was read, of a file that was not changed"""

    @cached_property
    def rules(self) -> dict[tuple[Domain, Scope], Rule]:
        """The rules by subject; of two lines with one subject the later counts."""
        return {rule.subject: rule for _, rule in self.lines if rule}

    def where(self, rule: Rule) -> str:
        """Return ``file:line`` of the last line that states `rule`; lines count from 1."""
        numbers = [n for n, (_, other) in enumerate(self.lines, start=1) if other == rule]
        return f"{self.path}:{numbers[-1]}" if numbers else str(self.path)

    @property
    def text(self) -> str:
        """The file's text."""
        if self.raw is not None:
            return self.raw
        return "".join(text + "\n" for text, _ in self.lines)


def read(path: Path, verb: Verb) -> RuleFile:
    """Read the rule file at `path`; a missing file has no rules.

    Raises `UsageFault` that lists every bad line, with its number and the reason.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    except OSError as fault:
        raise UsageFault(f"cannot read {path}: {fault.strerror}") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = raw[: fault.start].count(b"\n") + 1
        raise UsageFault(f"{path}:{line}: not UTF-8 text") from None
    return parse_text(text, path, verb)


def parse_text(text: str, path: Path, verb: Verb) -> RuleFile:
    """Return the rule file that `text` is; `path` is for messages. Raises as `read` does."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    parsed: list[Line] = []
    faults = []
    known: Attributes = {}
    for number, line in enumerate(lines, start=1):
        try:
            parsed.append((line, parse_line(line.removeprefix(_MARK), verb, known)))
        except ValueError as fault:
            faults.append(f"{path}:{number}: {fault}: {printable(line.strip(), 80)}")
    if faults:
        count = "1 bad line" if len(faults) == 1 else f"{len(faults)} bad lines"
        raise UsageFault(
            f"{path} has {count}",
            details=faults,
            fix="mend the lines; nothing was changed",
        )
    return RuleFile(path, verb, tuple(parsed), text)


Attributes = dict[tuple[str, ...], dict[str, Any]]
"""What the words after a name say. Names come in batches, whose lines differ in nothing else."""


def parse_line(line: str, verb: Verb, known: Attributes | None = None) -> Rule | None:
    """Return the rule on `line`, or None for a blank line or a comment. Raises ValueError.

    `known` are the attributes of lines that were read before; this line's are added.
    """
    words = _WORDS.findall(line) if '"' in line or "#" in line else line.split()
    while words and words[-1].startswith("#"):
        words.pop()
    if not words:
        return None
    below = words[0].startswith("*.")
    try:
        name = parse(words[0][2:] if below else words[0])
    except NameFault as fault:
        raise ValueError(f"the name {fault}") from None
    scope = Scope.BELOW if below else Scope.SUBTREE
    rest = words[1:]
    if rest and rest[0] == "exact":
        if below:
            raise ValueError("'*.' and 'exact' contradict each other")
        scope, rest = Scope.EXACT, rest[1:]
    values = known.get(tuple(rest)) if known is not None else None
    if values is None:
        values = _attributes(rest, verb)
        if known is not None:
            known[tuple(rest)] = values
    rule = Rule(verb, name, scope, **values)
    return checked(rule) if rule.via == "zone" else rule


def _attributes(words: list[str], verb: Verb) -> dict[str, Any]:
    """Return the values of ``key=value`` words. Raises ValueError."""
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS[verb]:
            known = ", ".join(_KEYS[verb])
            raise ValueError(f"{printable(word, 40)!r} is not one of {known} with =VALUE")
        if key in values:
            raise ValueError(f"{key} stands twice")
        values[key] = _value(key, value)
    return values


def _value(key: str, text: str) -> object:  # noqa: C901 - one branch for each key
    if text[:1] == '"':
        try:
            text = json.loads(text)
        except json.JSONDecodeError:
            raise ValueError(f"the quotes of {key} do not close as in JSON") from None
    if not text:
        raise ValueError(f"{key} is empty")
    if not text.isprintable():
        raise ValueError(f"{key} has a control character")
    if key == "action":
        return parse_action(text)
    if key in {"at", "expires"}:
        try:
            return times.parse(text)
        except ValueError:
            raise ValueError(f"{key}={text} is no RFC 3339 time or date") from None
    if key == "via" and text not in {"rpz", "zone"}:
        raise ValueError("via is rpz or zone")
    if key == "forced":
        if text not in {"yes", "no"}:
            raise ValueError("forced is yes or no")
        return text == "yes"
    return text


def checked(rule: Rule) -> Rule:
    """Return `rule` unless its parts contradict each other; raises ValueError then."""
    if rule.via == "zone":
        if rule.scope is not Scope.SUBTREE:
            raise ValueError("a sinkhole zone (via zone) always covers the name and all below it")
        if rule.action is not None and str(rule.action) != "sinkhole":
            raise ValueError("a sinkhole zone (via zone) has only the action sinkhole")
    return rule


def with_rules(file: RuleFile, rules: Iterable[Rule]) -> RuleFile:
    """Return `file` with each of `rules` in place of the one on its subject, or where it sorts.

    A comment that stands directly above a rule belongs to it and stays with it; one at the end
    of a line that is replaced stays at its end. The comment at the head of the file ends with a
    blank line and stays at the head.
    """
    standing: dict[tuple[Domain, Scope], list[int]] = {}
    for index, (_, old) in enumerate(file.lines):
        if old:
            standing.setdefault(old.subject, []).append(index)
    replaced: dict[int, Line | None] = {}
    fresh: list[Line] = []
    for rule in rules:
        at = standing.get(rule.subject)
        if not at:
            fresh.append((rule.line(), rule))
            continue
        replaced.update(dict.fromkeys(at))
        comments = dict.fromkeys(_end_comment(file.lines[index][0]) for index in at)
        replaced[at[-1]] = (rule.line() + "".join(comments), rule)
    return _merged(file, replaced, fresh)


def _merged(file: RuleFile, replaced: dict[int, Line | None], fresh: list[Line]) -> RuleFile:
    """Return `file` with some lines replaced or (None) taken out, and `fresh` where they sort."""
    numbered = [(index, rule) for index, (_, rule) in enumerate(file.lines) if rule]
    # Running maxima rise even where people wrote lines in another order, and the first of them
    # above a key belongs to the first rule above it: that makes the search a bisection.
    keys = list(accumulate((_key(rule) for _, rule in numbered), max))
    inserted: dict[int, list[Line]] = {}
    for text, rule in fresh:
        assert rule is not None, "only rules are inserted"  # noqa: S101 - the caller's duty
        after = bisect_right(keys, _key(rule))
        above = numbered[after][0] if after < len(keys) else len(file.lines)
        inserted.setdefault(_above_comment(file, above), []).append((text, rule))
    merged: list[Line] = []
    for index in range(len(file.lines) + 1):
        merged += sorted(inserted.get(index, ()), key=lambda line: _key(line[1]))
        if index < len(file.lines):
            line = replaced.get(index, file.lines[index])
            merged += [line] if line is not None else []
    if file.lines and file.lines[0][0].startswith(_MARK):  # stays the file's first character
        merged = [(text.removeprefix(_MARK), rule) for text, rule in merged]
        merged[:1] = [(_MARK + text, rule) for text, rule in merged[:1]]
    return RuleFile(file.path, file.verb, tuple(merged))


def _above_comment(file: RuleFile, index: int) -> int:
    """Return the index of the first of the comment lines directly above the rule at `index`."""
    if index == len(file.lines):
        return index
    while index > 0 and file.lines[index - 1][0].lstrip().startswith("#"):
        index -= 1
    return index


def _end_comment(line: str) -> str:
    comment = next((word for word in _WORDS.findall(line) if word.startswith("#")), None)
    return f"  {comment}" if comment else ""


def without(file: RuleFile, subjects: Iterable[tuple[Domain, Scope]]) -> RuleFile:
    """Return `file` without the rules on `subjects`; comment lines stay."""
    gone = set(subjects)
    kept = tuple(line for line in file.lines if not (line[1] and line[1].subject in gone))
    return file if kept == file.lines else RuleFile(file.path, file.verb, kept)


def _key(rule: Rule | None) -> tuple[str, str]:
    return (sort_key(rule.name), str(rule.scope)) if rule else ("", "")


def write(file: RuleFile) -> None:
    """Write `file` in place of the old one: aside, to disk, then one rename. Keeps its mode."""
    target = file.path.resolve()
    aside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(file)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        with aside.open("w", encoding="utf-8", newline="") as out:
            out.write(file.text)
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        aside.replace(target)
    except OSError as fault:
        with suppress(OSError):
            aside.unlink()
        raise RpzctlError(
            f"cannot write {target}: {fault.strerror}", fix="nothing was changed"
        ) from None


def sweep(file: RuleFile) -> None:
    """Remove what a run that was killed left beside a rule file; the caller holds the lock."""
    target = file.path.resolve()
    with suppress(OSError):
        for left in target.parent.glob(f".{target.name}.*.new"):
            left.unlink()


def put_back(old: RuleFile, new: RuleFile) -> None:
    """Undo `write(new)`: `old` again, unless somebody edited the file since.

    Then only the lines that `new` brought go, as far as they still stand as it wrote them, and
    those that it took out come back.
    """
    now = read(new.path, new.verb)
    if now.text == new.text:
        write(old)
        return
    was: dict[tuple[Domain, Scope], Line] = {
        rule.subject: (text, rule) for text, rule in old.lines if rule
    }
    brought: dict[str, Line | None] = {
        text: was.get(rule.subject)
        for text, rule in new.lines
        if rule and was.get(rule.subject) != (text, rule)
    }
    replaced = {i: brought[text] for i, (text, _) in enumerate(now.lines) if text in brought}
    standing = {**new.rules, **now.rules}
    gone = [line for subject, line in was.items() if subject not in standing]
    write(_merged(now, replaced, [*gone]))
