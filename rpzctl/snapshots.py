"""The last good copy of each feed: ``<state>/feeds/NAME/`` with its octets, names and record.

A copy is taken only when it has the shape of a feed and has not swung; otherwise the one before
stays, and the record says why. Nothing here empties a policy.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from rpzctl import exceptions
from rpzctl.catalogue import Feed
from rpzctl.errors import RpzctlError
from rpzctl.fetch.fetched import Fetched, Validators
from rpzctl.files import write_aside
from rpzctl.shape import Size

READER = 5
"""raised when the readers come to other names from the same octets"""


class Record(NamedTuple):
    """What is known of a feed. Times are RFC 3339, UTC."""

    sha256: str = ""
    """of the last good copy's octets; empty: there is none"""
    read_as: str = ""
    """format and reader that its names were read with"""
    url: str = ""
    """where it came from"""
    names: int = 0
    rejected: int = 0
    exceptions: int | None = None
    """None: they were not counted yet"""
    networks: int | None = None
    """same; for answers with an address in one of them"""
    refused: int = 0
    """of the networks: left out by guards"""
    expires: str | None = None
    """when the first of its entries expires; the copy is read again then"""
    last_ok: str | None = None
    """when the publisher last gave a good copy, or said that ours still is one"""
    last_changed: str | None = None
    last_checked: str | None = None
    fault: str | None = None
    """why the last check brought no good copy"""
    source: str = ""
    """digest of what the last good copy was asked by"""
    asked: str = ""
    """digest of what was asked at the last check"""
    failures: int = 0
    """how many checks in a row brought no answer"""
    not_before: str | None = None
    """until when the publisher wants to be left alone"""
    validators: Validators = Validators()
    """of the last good copy"""

    @property
    def size(self) -> Size:
        """How much of each sort the last good copy holds."""
        return Size(self.names, self.exceptions, self.networks)

    @property
    def counts(self) -> tuple[Size, int, int]:
        """The size, how many lines were rejected, and how many networks guards refused."""
        return self.size, self.rejected, self.refused

    def value(self) -> dict[str, Any]:
        """Return the record as a JSON-ready document."""
        return {**self._asdict(), "validators": self.validators._asdict()}


class Snapshots(NamedTuple):
    """The folder of last good copies."""

    folder: Path

    def record(self, name: str) -> Record:
        """Return what is known of the feed `name`; a damaged record counts as none."""
        try:
            value = json.loads((self.folder / name / "record.json").read_text(encoding="utf-8"))
            return Record(**{**value, "validators": Validators(**value["validators"])})
        except (OSError, ValueError, KeyError, TypeError):
            return Record()

    def names_file(self, name: str) -> Path:
        """Return where the names of the last good copy are, as Parquet."""
        return self.folder / name / "names.parquet"

    def data(self, name: str) -> bytes:
        """Return the octets of the last good copy. Raises `RpzctlError`."""
        path = self.folder / name / "data"
        try:
            return path.read_bytes()
        except OSError as fault:
            raise RpzctlError(f"cannot read {path}: {fault.strerror}") from None

    def keep(self, name: str, record: Record) -> None:
        """Write the record alone."""
        text = json.dumps(record.value(), indent=1) + "\n"
        write_aside(self.folder / name / "record.json", text.encode(), mode=0o600)

    def forget(self, name: str) -> bool:
        """Remove all that is kept of the feed `name`; tell whether there was anything.

        Raises `RpzctlError`.
        """
        place = self.folder / name
        try:
            shutil.rmtree(place)
        except FileNotFoundError:
            return False
        except OSError as fault:
            raise RpzctlError(f"cannot remove {place}: {fault.strerror}") from None
        return True

    def exceptions(self, name: str) -> bytes | None:
        """Return the exceptions of the last good copy, as `rpzctl.exceptions.text` wrote them.

        None when they cannot be read.
        """
        try:
            text = (self.folder / name / "exceptions").read_bytes()
            exceptions.of_text(text)
        except (OSError, ValueError):
            return None
        return text

    def accept(
        self, name: str, data: bytes, names: bytes, exceptions: bytes, record: Record
    ) -> None:
        """Make `data` the last good copy of the feed `name`, with its `names` as Parquet.

        The record is written last: it names the copy by digest, and a run that was killed between
        leaves a copy that the record does not name, which the next sync fetches again.
        """
        write_aside(self.folder / name / "data", data, mode=0o600)
        write_aside(self.names_file(name), names, mode=0o600)
        write_aside(self.folder / name / "exceptions", exceptions, mode=0o600)
        self.keep(name, record)


def read_as(feed: Feed) -> str:
    """Return what the names of a copy depend on besides its octets."""
    reading = json.dumps(feed.reading, sort_keys=True) if feed.reading else ""
    return f"{feed.format}/{READER}{reading}"


def is_copy(feed: Feed, record: Record, data: bytes) -> bool:
    """Tell whether `data` is the last good copy, and read as it was when it was accepted."""
    return record.read_as == read_as(feed) and record.sha256 == digest(data)


def source(feed: Feed) -> str:
    """Return a digest of what the octets of a copy depend on: where they are, what is asked."""
    return digest(json.dumps([feed.url, feed.member, feed.body]).encode())


def asking(feed: Feed) -> str:
    """Return a digest of all that a check of `feed` depends on, but the secret itself."""
    secret = [feed.header, feed.user, feed.secret_env, str(feed.secret_file or "")]
    return digest(json.dumps([source(feed), read_as(feed), *secret]).encode())


def known(feed: Feed, record: Record) -> Validators:
    """Return the validators to ask with: none if the copy is of another definition."""
    same = record.sha256 and record.source == source(feed) and record.read_as == read_as(feed)
    return record.validators if same else Validators()


def digest(data: bytes) -> str:
    """Return the SHA-256 of a copy."""
    return hashlib.sha256(data).hexdigest()


def checked(feed: Feed, record: Record, fetched: Fetched, at: str, later: str | None) -> Record:
    """Return `record` after a fetch that brought no new copy; `later` is its new `not_before`.

    A fault of a whole answer is no failure of the publisher's: it is asked again when it is due;
    where nobody was asked, at once.
    """
    asked = asking(feed) if fetched.asked else ""
    record = record._replace(last_checked=at, asked=asked, not_before=later)
    if fetched.fault:
        failures = 0 if fetched.served else record.failures + 1
        return record._replace(fault=fetched.fault, failures=failures)
    return record._replace(last_ok=at, fault=None, failures=0, validators=fetched.validators)
