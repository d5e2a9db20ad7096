"""Secrets of feeds: from a file or an environment variable, and nowhere else; never told."""

import os
import stat

from rpzctl.catalogue import Feed
from rpzctl.fetch.fetched import Broken

_LONGEST = 1 << 16


def of(feed: Feed) -> str | None:
    """Return the secret of `feed`; None if its definition names none. Raises `Broken`."""
    if feed.secret_env is not None:
        value = os.environ.get(feed.secret_env, "")
        if not value.strip():
            raise _missing(f"its secret is missing: set the environment variable {feed.secret_env}")
        return value.strip()
    return _in_file(feed) if feed.secret_file is not None else None


def line(feed: Feed) -> str | None:
    """Return the secret of `feed` as it can stand in a header. Raises `Broken`."""
    value = of(feed)
    if value is not None and not (value.isascii() and value.isprintable()):
        place = f"${feed.secret_env}" if feed.secret_env else str(_path(feed))
        raise _missing(f"the secret in {place} is not one line of ASCII")
    return value


def _missing(reason: str) -> Broken:
    return Broken(reason, asked=False)


def _path(feed: Feed) -> str:
    return str(feed.file.parent / (feed.secret_file or ""))


def _in_file(feed: Feed) -> str:
    path = _path(feed)
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
