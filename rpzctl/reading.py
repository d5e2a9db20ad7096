"""A list read without being a feed: what its reader would make of it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import fetch
from rpzctl.catalogue import Feed
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.typed import Faults

if TYPE_CHECKING:
    from rpzctl.formats import Parsed
    from rpzctl.formats.guess import Guess


class Inspected(NamedTuple):
    """What a reader made of a list."""

    format: str
    parsed: "Parsed"
    guesses: "tuple[Guess, ...]" = ()
    """formats that it looks like, where none was said"""
    data: bytes = b""
    """the list itself"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return self.parsed.value(self.format)


def inspect(
    source: str,
    form: str | None,
    member: str = "",
    stage: Callable[[str], None] = lambda _: None,
) -> Inspected:
    """Read the list at `source`, a path or a URL, in the format `form` or the likeliest.

    Of an archive the file `member` is read, or the only one. `stage` is told of what takes long.

    Raises `UsageFault` for an unknown format or one that cannot be guessed, `RpzctlError` when
    there is nothing to read.
    """
    from rpzctl import formats, shape

    known = [reader.name for reader in formats.READERS]
    if form is not None and form not in known:
        raise UsageFault(f"there is no format {form!r}", details=[", ".join(known)])
    feed = _feed(source, form, member)
    stage(f"reading {source}")  # it holds no password, else it were no feed
    data = _octets(feed, source)
    if form is None:
        return _likeliest(data, source)
    fault = shape.fault_of_octets(data)
    if fault is not None:
        raise RpzctlError(f"{source} {fault}")
    return Inspected(form, formats.read(data, form), data=data)


def guessed(feed: Feed) -> Inspected:
    """Read the list of `feed` in the format that it is likely to be in.

    Raises `UsageFault` if it cannot be guessed, `RpzctlError` when there is nothing to read.
    """
    return _likeliest(_octets(feed, feed.url), feed.url)


def _likeliest(data: bytes, source: str) -> Inspected:
    from rpzctl import formats, shape
    from rpzctl.formats.guess import guess

    fault = shape.fault_of_octets(data)
    if fault is not None:
        raise RpzctlError(f"{source} {fault}")
    guesses = tuple(guess(data))
    if not guesses:
        raise UsageFault(
            f"{source} is in none of the known formats",
            details=[", ".join(reader.name for reader in formats.READERS)],
            fix="'rpzctl feeds inspect --format' shows what a reader rejects, and why",
        )
    form = guesses[0].format
    return Inspected(form, formats.read(data, form), guesses, data)


def _feed(source: str, form: str | None, member: str) -> Feed:
    url = source if "://" in source else Path(source).absolute().as_uri()
    keys = {
        "file": Path.cwd() / "x",
        "name": "x",
        "url": url,
        "format": form or ("rpz" if url.startswith("axfr:") else "domains"),
        "zone": "x",
        "member": member,
        "plain_http": True,  # a person who types http: means it
    }
    try:
        return Feed.of(keys)
    except Faults as found:
        shown = source.rpartition("@")[2]  # before it may stand a password
        raise UsageFault(f"cannot read {shown}", details=found.lines()) from None


def _octets(feed: Feed, source: str) -> bytes:
    got = fetch.fetch(feed, fetch.Validators())
    if got.data is None:
        fault = got.fault or ""
        told = fault if fault.startswith("cannot read ") else f"cannot read {source}: {fault}"
        raise RpzctlError(told)
    return got.data
