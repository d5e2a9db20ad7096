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

import os
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.files import belong, make_folder
from rpzctl.names import Domain, printable, sort_key
from rpzctl.rpz import Scope
from rpzctl.rule import WORDS, Attributes, Rule, Verb, parse_line

_MARK = "\ufeff"
"""the byte order mark that some editors write first"""
Line = tuple[str, Rule | None]
"""A line of a rule file, and the rule that it states, if any."""


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
    comment = next((word for word in WORDS.findall(line) if word.startswith("#")), None)
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
        make_folder(target.parent, 0o777, above=True)
        sweep(file)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        with aside.open("w", encoding="utf-8", newline="") as out:
            out.write(file.text)
            out.flush()
            os.fchmod(out.fileno(), mode)
            belong(out.fileno(), target)
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
