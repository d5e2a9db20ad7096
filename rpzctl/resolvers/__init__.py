"""Name servers that serve the policy: how a change reaches them, and how they are asked for proof.

`Resolver` is what each kind implements; `bind` is the first.
"""

from collections.abc import Sequence
from enum import StrEnum
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
    """the policy zone that rewrote the answer, where the server says so: BIND puts its SOA into the
    additional section, others name it in an extended error (RFC 8914)"""
    authoritative: bool = False
    """the AA flag"""
    bare: bool = False
    """there are no records in the answer and authority sections: not even the SOA that comes with
    every negative answer from the internet (RFC 2308)"""

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


class Marks(StrEnum):
    """How an answer tells that it comes of policy."""

    ZONE = "zone"
    """it names the policy zone that rewrote it"""
    MATCH = "match"
    """it names the policy zone that speaks of the name, also where that lets it through"""
    AUTHORITATIVE = "authoritative"
    """its AA flag is set, as that of nothing that comes from the internet is"""
    NONE = "none"
    """it does not"""


def rewritten(answer: Answer, marks: Marks) -> bool:
    """Tell whether policy made `answer`, as far as it shows."""
    if marks is Marks.AUTHORITATIVE:
        return answer.authoritative
    if marks is Marks.NONE:
        return answer.truncated
    if marks is Marks.MATCH and answer.rcode in {"NOERROR", "NXDOMAIN"} and not answer.bare:
        return False  # local data, or let through
    return answer.policy_zone is not None


class Change(NamedTuple):
    """What a name server has to take in."""

    unknown: bool = False
    """it is not known what it serves: it is told everything"""
    reload: tuple[str, ...] = ()
    """policy zones whose file changed"""
    sinkholes: tuple[str, ...] = ()
    """sinkhole zones that stay while the zone file that they share changed"""
    fragments: tuple[str, ...] = ()
    """the fragments that changed, of all kinds of resolvers"""
    zones: tuple[str, ...] = ()
    """all policy zones in order of precedence"""
    names: tuple[str, ...] | None = None
    """the names, with all below them, whose policy changed; None: they are many, or not known"""

    def __bool__(self) -> bool:
        return any(self[:4])


class Resolver(Protocol):
    """A name server that serves the policy."""

    @property
    def title(self) -> str:
        """What to call it in messages: its kind and address."""

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""

    @property
    def marks(self) -> Marks:
        """How its answers tell that they come of policy."""

    @property
    def advice(self) -> str:
        """Where to look when it does not take a change."""

    def policy(self, zones: Sequence[str]) -> list[str]:
        """Return those of the policy zones `zones`, in their order, that it is to serve.

        In the order in which it does.
        """

    @property
    def sinkholes(self) -> bool:
        """Whether it is to serve the sinkhole zones."""

    def ready(self) -> None:
        """Raise `RpzctlError` when no change could be brought to it: no tool, no key, no answer."""

    def load(self, change: Change) -> None:
        """Make it take `change`. Raises `RpzctlError`; silence is no proof that it did."""

    def loaded(self, zones: Sequence[str]) -> dict[str, int | None]:
        """Return under which serial each of the monitored policy zones `zones` is loaded.

        No answer can tell, for such a zone makes none. None: it is not. Raises `RpzctlError`.
        """

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return its answers, in the order of the questions."""
