"""Secrets of feeds and hooks: from a file or the environment, and nowhere else; never told."""

import os
import stat
from pathlib import Path
from typing import Protocol

from rpzctl.fetch.fetched import Broken

_LONGEST = 1 << 16


class Keyed(Protocol):
    """What says where its secret is: a feed's definition, or a hook."""

    @property
    def secret_env(self) -> str | None:
        """The environment variable that holds it."""

    @property
    def secret_file(self) -> Path | None:
        """The file that holds it, beside `file` if relative."""

    @property
    def file(self) -> Path:
        """Where that is said."""


def of(keyed: Keyed) -> str | None:
    """Return the secret of `keyed`; None if it names none. Raises `Broken`."""
    if keyed.secret_env is not None:
        value = os.environ.get(keyed.secret_env, "")
        if not value.strip():
            raise _missing(
                f"its secret is missing: set the environment variable {keyed.secret_env}"
            )
        return value.strip()
    return _in_file(keyed) if keyed.secret_file is not None else None


def line(keyed: Keyed) -> str | None:
    """Return the secret of `keyed` as it can stand in a header. Raises `Broken`."""
    value = of(keyed)
    if value is not None and not (value.isascii() and value.isprintable()):
        place = f"${keyed.secret_env}" if keyed.secret_env else str(_path(keyed))
        raise _missing(f"the secret in {place} is not one line of ASCII")
    return value


def _missing(reason: str) -> Broken:
    return Broken(reason, asked=False)


def _path(keyed: Keyed) -> str:
    return str(keyed.file.parent / (keyed.secret_file or ""))


def _in_file(keyed: Keyed) -> str:
    path = _path(keyed)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - its mode is that of what is read
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST)
    except OSError as fault:
        raise _missing(f"cannot read its secret from {path}: {fault.strerror}") from None
    if stat.S_IMODE(mode) & stat.S_IRWXO:
        raise _missing(f"everybody may read or change its secret: chmod o= {path}")
    try:
        value = data.decode().strip()
    except UnicodeDecodeError:
        raise _missing(f"the secret in {path} is not text") from None
    if not value:
        raise _missing(f"the file of its secret is empty: {path}")
    return value
