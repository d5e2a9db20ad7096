"""Is a name a public suffix? By the public suffix list, its private part included.

The list comes with the `publicsuffixlist` package (https://publicsuffix.org/list/ has the
format). That package builds a table of all ten thousand rules first, which costs more than
the rest of ``rpzctl block`` does; the one question asked here is answered by looking for at
most three lines of the file. The bulk lane takes the rules as sets.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rpzctl.names import NameFault, parse, to_unicode

FEW = 300
"""Up to so many names are looked for in the text; for more, the rules are read into sets."""


@dataclass(frozen=True)
class Suffixes:
    """The list's text, with a line feed before the first line and after the last."""

    text: bytes

    def is_suffix(self, name: str) -> bool:
        """Tell whether the A-label `name` is a public suffix, or the parent of a rule ``*.name``.

        A rule without a dot that the list does not have counts as well: the list's own default
        rule is ``*``.
        """
        if "." not in name:
            return True
        if self._has("!" + name):
            return False
        parents = ("*." + name, "*." + name.partition(".")[2])
        return self._has(name) or any(self._has(rule) for rule in parents)

    def _has(self, rule: str) -> bool:
        if b"\n" + rule.encode() + b"\n" in self.text:
            return True
        if "xn--" not in rule:
            return False
        mark = rule[: len(rule) - len(rule.lstrip("!*."))]
        try:
            unicode = to_unicode(parse(rule[len(mark) :]))
        except NameFault:
            return False
        return unicode is not None and b"\n" + (mark + unicode).encode() + b"\n" in self.text

    def among(self, names: Iterable[str]) -> set[str]:
        """Return those of `names` that are public suffixes."""
        wanted = set(names)
        if len(wanted) <= FEW:
            return {name for name in wanted if self.is_suffix(name)}
        plain, wildcard, exception = self.rules
        return {
            name
            for name in wanted
            if name not in exception
            and (
                "." not in name
                or name in plain
                or name in wildcard
                or name.partition(".")[2] in wildcard
            )
        }

    @cached_property
    def rules(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The plain rules, the parents of wildcard rules and the exceptions, as A-labels."""

        def a_labels(rule: str) -> str:
            return rule.lower() if rule.isascii() else str(parse(rule))

        plain, wildcard, exception = set(), set(), set()
        for raw in self.text.decode("utf-8").splitlines():
            line = raw.strip()
            if not line or line.startswith("//"):
                continue
            with suppress(NameFault):  # what is no name is no suffix of one
                if line.startswith("!"):
                    exception.add(a_labels(line[1:]))
                elif line.startswith("*."):
                    wildcard.add(a_labels(line[2:]))
                else:
                    plain.add(a_labels(line))
        return frozenset(plain), frozenset(wildcard), frozenset(exception)


def load(path: Path | None = None) -> Suffixes:
    """Read the list at `path`, or the one that the installed package brings.

    Raises OSError when there is none, ValueError when it is no list.
    """
    if path is None:
        import importlib.util

        spec = importlib.util.find_spec("publicsuffixlist")
        assert spec is not None and spec.origin is not None, "a dependency of rpzctl"  # noqa: S101, PT018 - installed with rpzctl
        path = Path(spec.origin).with_name("public_suffix_list.dat")
    text = path.read_bytes().replace(b"\r\n", b"\n")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
    return Suffixes(b"\n" + text + b"\n")
