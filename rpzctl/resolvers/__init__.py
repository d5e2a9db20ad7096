"""Name servers that serve the policy: how a change reaches them, and how they are asked for proof.

`Resolver` is what each kind implements; `bind` is the first.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Question(NamedTuple):
    """A name and a record type."""

    name: str
    type: str = "A"


class Answer(NamedTuple):
    """What a name server said; `rcode` is None when nothing came within the time."""

    question: Question
    rcode: str | None = None
    records: tuple[tuple[str, str], ...] = ()
    """type and data of the answer section, owners left out, in the server's order"""
    truncated: bool = False
    policy_zone: str | None = None
    """the policy zone that rewrote the answer: BIND puts its SOA into the additional section"""

    def data(self, rdtype: str) -> list[str]:
        """Return the data of the answer's records of one type, sorted."""
        return sorted(data for kind, data in self.records if kind == rdtype)

    def text(self) -> str:
        """Return the answer for people."""
        if self.rcode is None:
            return "no answer"
        parts = [self.rcode]
        parts += [f"{kind} {data}" for kind, data in self.records]
        if self.truncated:
            parts.append("truncated")
        if self.policy_zone:
            parts.append(f"rewritten by {self.policy_zone}")
        return " ".join(parts)


class Change(NamedTuple):
    """What a name server has to take in.

    `sinkholes` are sinkhole zones that stay while the zone file that they share changed.
    """

    reconfigure: bool = False
    reload: tuple[str, ...] = ()
    sinkholes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reconfigure or self.reload or self.sinkholes)


class Resolver(Protocol):
    """A name server that serves the policy."""

    @property
    def title(self) -> str:
        """What to call it in messages: its kind and address."""

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""

    def ready(self) -> None:
        """Raise `RpzctlError` when no change could be brought to it: no tool, no key, no answer."""

    def load(self, change: Change) -> None:
        """Make it take `change`. Raises `RpzctlError`; silence is no proof that it did."""

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return its answers, in the order of the questions."""
