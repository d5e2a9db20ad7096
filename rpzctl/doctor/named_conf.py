"""named.conf with its includes, as statements that know their file and line.

named-checkconf says whether named would take it; this says where things stand, also when named
would not. Source: BIND 9 ARM: configuration file grammar.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<skip>\s+|/\*.*?(?:\*/|\Z)|//[^\n]*|\#[^\n]*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")'
    r"|(?P<mark>[{};])"
    r'|(?P<word>[^\s{};"]+|")',
    re.DOTALL,
)
_MOST = 4 << 20
"""octets of one file; zone statements of some ten thousand sinkholes"""
_DEEPEST = 32
"""includes within includes"""
_GLOB = frozenset("*?[")
Block = tuple["Statement", ...]


class Statement(NamedTuple):
    """``words { block } tail;`` of a file. The block of an include is what it includes."""

    words: tuple[str, ...]
    block: Block | None
    tail: tuple[str, ...]
    file: Path
    line: int

    @property
    def name(self) -> str:
        """The first word, which says what it is."""
        return self.words[0] if self.words else ""

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"

    def value(self, key: str) -> str | None:
        """Return the word after `key`, before or after the block."""
        for words in (self.words[1:], self.tail):
            if key in words[:-1]:
                return words[words.index(key) + 1]
        return None


class View(NamedTuple):
    """A view; `name` is empty for the one that BIND makes where none is written."""

    name: str
    statement: Statement | None
    block: Block

    @property
    def shown(self) -> str:
        """What to call it."""
        return f'view "{self.name}"' if self.statement else "named.conf"


class Included(NamedTuple):
    """An include statement and what it stands in."""

    statement: Statement
    inside: tuple[Statement, ...]
    """from the outermost to the nearest block; none at the top level"""

    @property
    def path(self) -> Path:
        """The file, as it is written."""
        return Path(self.statement.words[1]) if len(self.statement.words) > 1 else Path()


class NamedConf(NamedTuple):
    """A configuration as written."""

    file: Path
    block: Block
    faults: tuple[tuple[str, str], ...] = ()
    """where and what: files that are not there or cannot be read"""

    @property
    def options(self) -> Statement | None:
        """The options statement."""
        return next(named(self.block, "options"), None)

    @property
    def has_views(self) -> bool:
        """Whether views are written."""
        return next(named(self.block, "view"), None) is not None

    @property
    def views(self) -> list[View]:
        """The views of class IN; without any, the whole as one."""
        written = [
            View(s.words[1] if len(s.words) > 1 else "", s, s.block or ())
            for s in named(self.block, "view")
            if "chaos" not in [word.lower() for word in s.words[2:]]
        ]
        return written or [View("", None, self.block)]

    def setting(self, view: View, key: str) -> Statement | None:
        """Return the statement `key` that counts in `view`: its own, or that of options."""
        own = next(named(view.block, key), None) if view.statement else None
        if own is not None:
            return own
        options = self.options
        return next(named((options.block if options else None) or (), key), None)

    def policies(self) -> list[Statement]:
        """Return all response-policy statements."""
        inside = [s.block or () for s in flat(self.block) if s.name in {"options", "view"}]
        return [policy for block in inside for policy in named(block, "response-policy")]

    def includes(self) -> list[Included]:
        """Return all include statements."""
        return list(_includes(self.block, ()))


def flat(block: Sequence[Statement]) -> Iterator[Statement]:
    """Give the statements of a block, those of included files in the place of the include."""
    for statement in block:
        if statement.name == "include":
            yield from flat(statement.block or ())
        else:
            yield statement


def named(block: Sequence[Statement], name: str) -> Iterator[Statement]:
    """Give the statements of a block that begin with the word `name`."""
    return (statement for statement in flat(block) if statement.name == name)


def zones(block: Sequence[Statement]) -> list[str]:
    """Return the names of the zones of a block, lower case, without a final dot."""
    return [zone_name(statement) for statement in named(block, "zone")]


def zone_name(statement: Statement) -> str:
    """Return the zone that a zone statement, or one in response-policy, names."""
    return statement.words[1].lower().rstrip(".") if len(statement.words) > 1 else ""


def _includes(block: Sequence[Statement], inside: tuple[Statement, ...]) -> Iterator[Included]:
    for statement in block:
        if statement.name == "include":
            yield Included(statement, inside)
            yield from _includes(statement.block or (), inside)
        elif statement.block and statement.name in {"options", "view", "zone"}:
            yield from _includes(statement.block, (*inside, statement))


def read(file: Path) -> NamedConf:
    """Return the configuration in `file`. Raises OSError or ValueError for that file alone."""
    faults: list[tuple[str, str]] = []
    return NamedConf(file, _parsed(file, (), file.parent, faults), tuple(faults))


def parse(text: str, file: Path) -> NamedConf:
    """Return the configuration that `text` says; includes are looked up beside `file`."""
    faults: list[tuple[str, str]] = []
    return NamedConf(file, _block(text, file, (), file.parent, faults), tuple(faults))


class _Open(NamedTuple):
    """A block that is being read, and its statement that is not ended yet."""

    block: list[Statement]
    words: list[str]
    head: tuple[str, ...] | None
    inner: Block | None
    began: int


def _parsed(
    file: Path, around: tuple[Path, ...], base: Path, faults: list[tuple[str, str]]
) -> Block:
    with file.open("rb") as opened:
        text = opened.read(_MOST).decode("utf-8")
    return _block(text, file, around, base, faults)


def _block(
    text: str, file: Path, around: tuple[Path, ...], base: Path, faults: list[tuple[str, str]]
) -> Block:
    """Return the statements of `text`. Braces that do not match end it, without complaint."""
    stack: list[_Open] = []
    at = _Open([], [], None, None, 1)
    line = 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match["mark"] == "{":
            stack.append(at)
            at = _Open([], [], None, None, line)
        elif match["mark"] == "}" and stack:
            closed, at = at.block, stack.pop()
            # Of several blocks in one statement (inet ... allow { } keys { }) the first is kept.
            if at.inner is None:
                at = at._replace(head=tuple(at.words), words=[], inner=tuple(closed))
        elif match["mark"] == ";":
            head, tail = (at.words, ()) if at.inner is None else (at.head or (), at.words)
            if head or at.inner:
                made = Statement(tuple(head), at.inner, tuple(tail), file, at.began)
                at.block.append(_followed(made, around, base, faults))
            at = _Open(at.block, [], None, None, line)
        elif not match["skip"]:
            if not at.words and at.inner is None:
                at = at._replace(began=line)
            at.words.append(token[1:-1] if match["text"] else token)
        line += token.count("\n")
    return tuple((stack[0] if stack else at).block)


def _followed(
    statement: Statement, around: tuple[Path, ...], base: Path, faults: list[tuple[str, str]]
) -> Statement:
    """Return an include with what it includes; any other statement as it is."""
    if statement.name != "include" or len(statement.words) < 2:  # noqa: PLR2004 - include FILE
        return statement
    path = base / statement.words[1]
    found = sorted(path.parent.glob(path.name)) if set(path.name) & _GLOB else [path]
    within = (*around, statement.file)
    block: list[Statement] = []
    for each in found:
        if each in within or len(within) > _DEEPEST:
            faults.append((statement.where, f"includes {each}, which includes it"))
            continue
        try:
            block += _parsed(each, within, base, faults)
        except (OSError, ValueError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "no text"
            faults.append((statement.where, f"includes {each}: {why}"))
    return statement._replace(block=tuple(block))
