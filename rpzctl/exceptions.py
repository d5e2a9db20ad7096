"""Exceptions of feeds: names that no feed may block. The operator's own blocks stay."""

from collections.abc import Iterable
from typing import NamedTuple

from rpzctl.names import Domain, ancestors, parse
from rpzctl.rpz import BITS, Scope

_BELOW = BITS[Scope.BELOW]


class Allow(NamedTuple):
    """An exception: no feed may block this name, or what is below it, or both."""

    name: Domain
    scope: int
    """of `rpzctl.rpz.BITS`"""


def united(allows: Iterable[Allow], public: set[str]) -> tuple[Allow, ...]:
    """Return `allows` with each name once, sorted, those inside another left out.

    What is in `public`, the public suffixes among them, is not listened to: it would lift blocks of
    people who have nothing to do with each other.
    """
    scopes: dict[Domain, int] = {}
    for name, scope in allows:
        if name not in public:
            scopes[name] = scopes.get(name, 0) | scope
    wide = {name for name, scope in scopes.items() if scope & _BELOW}
    return tuple(
        Allow(name, scope)
        for name, scope in sorted(scopes.items())
        if not any(parent in wide for parent in ancestors(name))
    )


def text(allows: Iterable[tuple[str, int]]) -> bytes:
    """Return exceptions as they are kept beside a feed's last good copy: one a line, sorted."""
    scopes: dict[str, int] = {}
    for name, scope in allows:
        scopes[name] = scopes.get(name, 0) | (scope or BITS[Scope.EXACT])
    return "".join(f"{name} {scope}\n" for name, scope in sorted(scopes.items())).encode("ascii")


def of_text(kept: bytes) -> list[Allow]:
    """Return the exceptions that `text` wrote. Raises ValueError when they are damaged."""
    return [_allow(line) for line in kept.decode("ascii").splitlines()]


def _allow(line: str) -> Allow:
    name, scope = line.split(" ")
    allow = Allow(parse(name), int(scope))
    if allow.name != name or allow.scope not in BITS.values():
        raise ValueError(f"{line!r} is no exception")
    return allow
