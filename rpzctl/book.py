"""Both rule files together: read as one, changed as one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rpzctl import rules
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.files import link, read_text
from rpzctl.rule import Rule, Verb
from rpzctl.rules import RuleFile


class Book(NamedTuple):
    """Both rule files."""

    block: RuleFile
    allow: RuleFile

    @property
    def rules(self) -> list[Rule]:
        """All rules, expired ones included."""
        return [*self.block.rules.values(), *self.allow.rules.values()]

    def where(self, rule: Rule) -> str:
        """Return ``file:line`` of a rule."""
        return (self.block if rule.verb == "block" else self.allow).where(rule)


def read_book(repo: Path) -> Book:
    """Read the operator's rule files of the policy repo. Raises `UsageFault` with all faults."""
    return _read(repo / "policy")


def file_name(verb: Verb) -> str:
    """Return the name of a rule file."""
    return f"{verb}.list"


FILES = (file_name("block"), file_name("allow"))


def save(book: Book, folder: Path, before: Path | None) -> None:
    """Write the rules as they are to the generation in `folder`, for rpzctl's user alone.

    A file that says what it says in the folder `before` is a link to that.
    """
    for file in book:
        name = file_name(file.verb)
        if before and read_text(before / name) == file.text:
            link(before / name, folder / name)
            continue
        with (folder / name).open("w", encoding="utf-8", newline="") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(file.text)


def saved(folder: Path) -> Book | None:
    """Return the rules that the generation in `folder` was made from, if they are there."""
    return _read(folder) if all((folder / name).is_file() for name in FILES) else None


def _read(folder: Path) -> Book:
    found, faults = [], []
    verbs: tuple[Verb, ...] = ("block", "allow")
    for verb in verbs:
        try:
            found.append(rules.read(folder / file_name(verb), verb))
        except UsageFault as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        details = [line for fault in faults for line in (fault.message, *fault.details)]
        raise UsageFault("both rule files have faults", details=details, fix=faults[0].fix)
    return Book(found[0], found[1])


@contextmanager
def written(before: Book, after: Book) -> Iterator[None]:
    """Have the rule files say what `after` says, unless the block fails: `before` again then."""
    pairs = [
        (old, new)
        for old, new in ((before.block, after.block), (before.allow, after.allow))
        if old != new
    ]
    done: list[tuple[RuleFile, RuleFile]] = []
    try:
        for old, new in pairs:
            rules.write(new)
            done.append((old, new))
        yield
    except BaseException as cause:
        for old, new in done:
            try:
                rules.put_back(old, new)
            except RpzctlError as second:
                if isinstance(cause, RpzctlError):
                    told = (f"{new.path} could not be put back: {second.message}", *second.details)
                    cause.details += told
        raise
