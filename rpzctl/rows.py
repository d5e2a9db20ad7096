"""Rows of one policy zone: the protocol of both lanes, and the quick lane.

The quick lane (the operator's zone, a few thousand rows) is plain Python; the bulk lane is
`rpzctl.table`. Both write the same text from the same shapes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from rpzctl.errors import RpzctlError
from rpzctl.files import Out
from rpzctl.names import Domain, printable
from rpzctl.rpz import PASSTHRU, RECORD, RECORDS, Action, Row, Scope, owners, parse_action

Shape = tuple[str, ...]
"""The text of one owner's records, cut at each place where the owner stands."""


class RowSet(Protocol):
    """Some rows, perhaps very many."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Row]: ...

    def sample(self, size: int) -> list[Row]:
        """Return at most `size` rows: the first, the last, the longest, the deepest, others."""


class Diff(NamedTuple):
    """How the rows of a zone differ from those that were published."""

    added: RowSet
    removed: RowSet
    changed: RowSet
    """rows of the same name and scope with another action; as they are now"""

    def __bool__(self) -> bool:
        return bool(len(self.added) or len(self.removed) or len(self.changed))


class Rows(Protocol):
    """All rows of a policy zone, sorted canonically, each name and scope once."""

    @property
    def suffix(self) -> str:
        """The ending of the file that `save` writes."""

    def __len__(self) -> int: ...

    def all(self) -> RowSet:
        """Return the rows themselves."""

    def digest(self) -> str:
        """Return a digest of the rows, the same for the same rows."""

    def diff(self, saved: Path | None) -> Diff:
        """Return the difference from the rows saved at `saved` (None: from nothing)."""

    def save(self, path: Path) -> None:
        """Write the rows to `path` for a later `diff`."""

    def write(self, out: Out, shapes: Mapping[Action, Shape]) -> None:
        """Write the records to `out`."""

    def recheck(
        self,
        path: Path,
        span: tuple[int, int],
        shapes: Mapping[Action, Shape],
        sha256: str | None = None,
    ) -> list[str]:
        """Read the octets `span` (start, length) of the zone file back; return what is wrong.

        `sha256` may say what the whole file is to be: the digest of the text that was handed over
        to be written. Each line must have the form of one record, and the owners must be those of
        the rows, in their order: names in are names out.
        """


def expand(shape: Shape, owner: str) -> str:
    """Return the records of `owner`."""
    return owner.join(shape)


def spread(rows: Sequence[Row], size: int) -> list[Row]:
    """Return a stratified sample of `rows`, the same for the same rows."""
    if len(rows) <= size:
        return list(rows)
    quarter = max(1, size // 4)
    picked = dict.fromkeys((rows[0], rows[-1]))
    picked.update(dict.fromkeys(sorted(rows, key=lambda r: -len(r.name))[:quarter]))
    picked.update(dict.fromkeys(sorted(rows, key=lambda r: -r.name.count("."))[:quarter]))
    import random

    chance = random.Random(len(rows))  # noqa: S311 - a reproducible sample, no secret
    while len(picked) < size:
        picked[rows[chance.randrange(len(rows))]] = None
    return list(picked)[:size]


@dataclass(frozen=True, eq=False)
class Few:
    """A row set in plain Python."""

    rows: tuple[Row, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def sample(self, size: int) -> list[Row]:
        """Return a stratified sample."""
        return spread(self.rows, size)


@dataclass(frozen=True, eq=False)
class QuickRows:
    """The rows of a small zone."""

    rows: tuple[Row, ...]
    suffix: str = ".rows"

    def __len__(self) -> int:
        return len(self.rows)

    def all(self) -> RowSet:
        """Return the rows themselves."""
        return Few(self.rows)

    @cached_property
    def _lines(self) -> list[str]:
        return [f"{row.name} {row.scope} {row.action}" for row in self.rows]

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256("\n".join(self._lines).encode("ascii")).hexdigest()

    def digest(self) -> str:
        """Return a digest of the rows."""
        return self._digest

    def diff(self, saved: Path | None) -> Diff:
        """Return the difference from the rows saved at `saved`."""
        before = _saved_lines(saved) if saved else []
        old_lines, new_lines = set(before), set(self._lines)
        gone = {r[:2]: r for r in (_parse(line) for line in before if line not in new_lines)}
        come = {r[:2]: r for r in (_parse(line) for line in self._lines if line not in old_lines)}
        return Diff(
            added=Few(tuple(row for key, row in come.items() if key not in gone)),
            removed=Few(tuple(row for key, row in gone.items() if key not in come)),
            changed=Few(tuple(row for key, row in come.items() if key in gone)),
        )

    def save(self, path: Path) -> None:
        """Write the rows to `path`, one a line."""
        path.write_text("".join(line + "\n" for line in self._lines), encoding="ascii")

    def write(self, out: Out, shapes: Mapping[Action, Shape]) -> None:
        """Write the records."""
        out.write(self._text(shapes).encode("ascii"))

    def recheck(
        self,
        path: Path,
        span: tuple[int, int],
        shapes: Mapping[Action, Shape],
        sha256: str | None = None,  # noqa: ARG002 - of no use for so few
    ) -> list[str]:
        """Read the written records back; return what is wrong."""
        with path.open("rb") as file:
            file.seek(span[0])
            text = file.read(span[1]).decode("ascii", errors="replace")
        faults = []
        if not RECORDS.fullmatch(text):
            faults = record_faults(text.split("\n")[:-1])
            faults = faults or ["the last record has no line end"]
        # Each line is one record, and the file is the rows' own text: names in are names out.
        if text != self._text(shapes):
            faults.append("the owners in the file are not those of the policy")
        return faults

    def _text(self, shapes: Mapping[Action, Shape]) -> str:
        return "".join(
            [
                owner.join(shapes[action])
                for name, scope, action in self.rows
                for owner in owners(name, scope)
            ]
        )


def record_faults(lines: Iterable[str], limit: int = 5) -> list[str]:
    """Return a fault for each of `lines` that has not the form of one record, at most `limit`."""
    odd = (line for line in lines if not RECORD.match(line))
    return [f"not a record: {printable(line)!r}" for line in islice(odd, limit)]


def read(path: Path) -> Iterator[Row]:
    """Give the rows that `QuickRows.save` wrote. Raises `RpzctlError` when they are damaged."""
    return map(_parse, _saved_lines(path))


def _saved_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise damaged(str(path)) from None


def _parse(line: str) -> Row:
    """Return the row on a line that `QuickRows.save` wrote."""
    try:
        name, scope, action = line.split(" ", 2)
        made = PASSTHRU if action == "passthru" else parse_action(action)
        return Row(Domain(name), Scope(scope), made)
    except ValueError:
        raise damaged(line) from None


def damaged(what: str) -> RpzctlError:
    """Return the fault of saved rows that `what` shows to be damaged."""
    return RpzctlError(
        f"the saved rows of the published generation are damaged: {printable(what)!r}",
        fix="move the output folder away and run 'rpzctl init' and 'rpzctl apply' again",
    )
