"""The last good copy of each feed: ``<state>/feeds/NAME/`` with its octets, names and record.

A copy is taken only when it has the shape of a feed and has not swung; otherwise the one before
stays, and the record says why. Nothing here empties a policy.
"""

import hashlib
import ipaddress
import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rpzctl import exceptions, times
from rpzctl.catalogue import Feed
from rpzctl.errors import RpzctlError
from rpzctl.fetch.fetched import Fetched, Validators
from rpzctl.files import write_aside
from rpzctl.shape import Size

_TIMES = ("expires", "last_ok", "last_changed", "last_checked", "not_before")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_PARQUET = b"PAR1"
"""begins and ends a Parquet file"""
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


class Read(NamedTuple):
    """What a reader made of a copy."""

    names: bytes
    """as Parquet"""
    exceptions: bytes
    """as `rpzctl.exceptions.text` writes them"""
    networks: tuple[str, ...] = ()


class Snapshots(NamedTuple):
    """The folder of last good copies."""

    folder: Path

    def record(self, name: str) -> Record:
        """Return what is known of the feed `name`.

        Where the record is damaged or gone, it is made anew from the copy: that stays, is read
        again, and the publisher is asked at once. Raises `RpzctlError` when the record cannot be
        read: the policy is not to lose a feed because of a file's mode.
        """
        path = self.folder / name / "record.json"
        try:
            return _record(json.loads(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, RecursionError):
            return self._rebuilt(name)
        except OSError as fault:
            raise _unreadable(path, fault) from None

    def _rebuilt(self, name: str) -> Record:
        """Return a record of the last good copy as far as its files tell."""
        path = self.folder / name / "data"
        try:
            with path.open("rb") as file:
                held = hashlib.file_digest(file, "sha256").hexdigest()
                moment = os.fstat(file.fileno()).st_mtime
        except (FileNotFoundError, NotADirectoryError):
            return Record()  # without its octets nothing says that its names are whole
        except OSError as fault:
            raise _unreadable(path, fault) from None
        try:
            kept = times.show(datetime.fromtimestamp(moment, UTC))
            times.parse(kept) + times.LONGEST
        except (ValueError, OverflowError, OSError):
            kept = None
        return Record(sha256=held, last_ok=kept, last_changed=kept, last_checked=kept)

    def is_whole(self, name: str, octets: int | None = None) -> bool:
        """Tell whether the copy's files look undamaged; its names cost a look at both ends.

        `octets` is how many the copy has, if that is known.
        """
        try:
            size = (self.folder / name / "data").stat().st_size
            with self.names_file(name).open("rb") as file:
                begin = file.read(len(_PARQUET))
                file.seek(-len(_PARQUET), os.SEEK_END)
                end = file.read()
        except OSError:
            return False
        sound = begin == end == _PARQUET and self.exceptions(name) is not None
        return sound and octets in {None, size}

    def names_file(self, name: str) -> Path:
        """Return where the names of the last good copy are, as Parquet."""
        return self.folder / name / "names.parquet"

    def data(self, name: str) -> bytes:
        """Return the octets of the last good copy. Raises `RpzctlError`."""
        path = self.folder / name / "data"
        try:
            return path.read_bytes()
        except OSError as fault:
            raise RpzctlError(
                f"cannot read the last good copy {path}: {fault.strerror}",
                fix=f"'rpzctl sync --accept {name}' fetches it anew",
            ) from None

    def keep(self, name: str, record: Record, *, sure: bool = True) -> None:
        """Write the record alone; where it is not to be `sure`, a power cut may damage it."""
        text = json.dumps(record.value(), indent=1) + "\n"
        write_aside(self.folder / name / "record.json", text.encode(), mode=0o600, sure=sure)

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

    def networks(self, name: str) -> list[str] | None:
        """Return the networks that the last good copy lists; None when they cannot be read."""
        try:
            text = (self.folder / name / "networks").read_text(encoding="ascii")
            for line in text.splitlines():
                ipaddress.ip_network(line)
        except (OSError, ValueError):
            return None
        return text.splitlines()

    def accept(self, name: str, data: bytes, read: Read, record: Record) -> None:
        """Make `data` the last good copy of the feed `name`, with what was `read` of it.

        The record is written last: it names the copy by digest, and a run that was killed between
        leaves a copy that the record does not name, which the next sync fetches again.
        """
        write_aside(self.folder / name / "data", data, mode=0o600)
        write_aside(self.names_file(name), read.names, mode=0o600)
        write_aside(self.folder / name / "exceptions", read.exceptions, mode=0o600)
        networks = self.folder / name / "networks"
        if read.networks:
            text = "".join(f"{net}\n" for net in read.networks)
            write_aside(networks, text.encode(), mode=0o600)
        else:  # as most have none
            networks.unlink(missing_ok=True)
        self.keep(name, record)


def _record(value: object) -> Record:
    """Return the record that a document says. Raises ValueError or TypeError if it is damaged."""
    if not isinstance(value, dict):
        raise TypeError("is no object")
    validators = Validators(**_fields(Validators, value.get("validators")))
    record = Record(**_fields(Record, {**value, "validators": validators}))
    if not _DIGEST.fullmatch(record.sha256):
        raise ValueError("sha256 is none")
    for key in _TIMES:
        moment = getattr(record, key)
        if moment is not None:
            try:
                times.parse(moment) + times.LONGEST  # it is added to
            except OverflowError:
                raise ValueError(f"{key} is beyond what can be said") from None
    return record


def _fields(kind: type[tuple[Any, ...]], value: object) -> dict[str, Any]:
    """Return those of the keys of `value` that `kind` has; others are of a newer version.

    Raises ValueError or TypeError for what cannot be one of its values.
    """
    if not isinstance(value, Mapping):
        raise TypeError("is no object")
    known = {key: type_ for key, type_ in kind.__annotations__.items() if key in value}
    for key, type_ in known.items():
        given = value[key]
        if not isinstance(given, type_) or isinstance(given, bool):
            raise TypeError(f"{key} has the wrong type")
        if isinstance(given, int) and given < 0:
            raise ValueError(f"{key} is negative")
    return {key: value[key] for key in known}


def _unreadable(path: Path, fault: OSError) -> RpzctlError:
    return RpzctlError(
        f"cannot read {path}: {fault.strerror}",
        fix="nothing was changed; let the user that rpzctl runs as read the state folder",
    )


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
