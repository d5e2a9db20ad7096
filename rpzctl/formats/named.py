"""Zone statements of named.conf: ``zone "name" { type primary; file "null.zone"; };``.

Source: the BIND 9 ARM, "zone Block Grammar". A zone that named serves itself takes the name and all
below it away; one that it forwards is an exception. Statements may span lines.
"""

import re

from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Gathered, Options, Parsed
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

name = "named"
summary = 'zone "name" { ... }; statements of named.conf: the name and all below it'
_COMMENT = re.compile(r'"[^"\n]*"|/\*.*?(?:\*/|\Z)|//[^\n]*|#[^\n]*', re.DOTALL)
_ZONE = re.compile(
    r'\bzone\s+"?([^"\s{}]+)"?\s*(?:IN\s*)?\{((?:[^{}]|\{[^{}]*\})*)\}\s*;', re.IGNORECASE
)
_TYPE = re.compile(r"\btype\s+([a-z-]+)\s*;", re.IGNORECASE)


def _blank(match: re.Match[str]) -> str:
    """Return spaces and line feeds in the place of a comment, so that lines keep their numbers."""
    text = match[0]
    return text if text.startswith('"') else re.sub(r"[^\n]", " ", text)


def read(data: bytes, _: Options) -> Parsed:
    """Read a feed of zone statements."""
    text = _COMMENT.sub(_blank, data.decode("utf-8", errors="replace").removeprefix("\ufeff"))
    found = Gathered()
    end, line = 0, 1
    for match in _ZONE.finditer(text):
        line = _between(found, text[end : match.start()], line)
        _statement(found, match, line)
        line += match[0].count("\n")
        end = match.end()
    _between(found, text[end:], line)
    return found.parsed()


def _between(found: Gathered, text: str, line: int) -> int:
    """Reject what stands between two statements; return the number of the line after it."""
    for number, rest in enumerate(text.split("\n"), start=line):
        if rest.strip():
            found.lines += 1
            found.reject(number, rest.strip(), "is not a zone statement")
    return line + text.count("\n")


def _statement(found: Gathered, match: re.Match[str], line: int) -> None:
    found.lines += 1
    kind = _TYPE.search(match[2])
    said = kind[1].lower() if kind else ""
    if said not in {"primary", "master", "forward"}:
        found.skip("a zone that is neither primary nor forwarded")
        return
    try:
        entry = Entry(parse(match[1]), BITS[Scope.SUBTREE], allow=said == "forward")
    except NameFault as fault:
        if said != "forward" and (address := network(match[1])):
            found.networks.add(address)
            return
        found.reject(line, match[0].split("\n")[0], f"the name {fault}")
        return
    found.entries.append(entry)
