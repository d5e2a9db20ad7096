"""The only place that fetches feeds. Conditional, bounded in size, time and redirects.

What it returns is octets or a reason; whether they are a feed is judged by others.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from rpzctl import __version__
from rpzctl.catalogue import Feed
from rpzctl.names import printable

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 512 * 1024 * 1024
MAX_SECONDS = 300.0
MAX_REDIRECTS = 5
_USER_AGENT = f"rpzctl/{__version__}"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Validators(NamedTuple):
    """What a server said of its last answer, to ask whether it holds (RFC 9110, section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None


class Fetched(NamedTuple):
    """How a fetch ended. Exactly one of: data, unchanged, fault."""

    data: bytes | None = None
    unchanged: bool = False
    fault: str | None = None
    validators: Validators = Validators()


class Limits(NamedTuple):
    """Bounds of one fetch."""

    octets: int = MAX_BYTES
    """after decoding"""
    seconds: float = MAX_SECONDS
    redirects: int = MAX_REDIRECTS


class _TooMuchError(Exception):
    """A bound was reached; the message says which."""


def fetch(feed: Feed, known: Validators, limits: Limits = Limits()) -> Fetched:  # noqa: B008 - an immutable value
    """Fetch `feed`; with `known` validators a server may answer that nothing changed."""
    path = feed.local_path
    if path is not None:
        return _read(path, known, limits)
    return _get(feed.url, known, limits)


def _read(path: Path, known: Validators, limits: Limits) -> Fetched:
    try:
        stat = path.stat()
        mark = Validators(etag=f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}")
        if mark == known:
            return Fetched(unchanged=True, validators=known)
        if not path.is_file():
            return Fetched(fault=f"{path} is not a file")
        if stat.st_size > limits.octets:
            return Fetched(fault=f"{path} is larger than {limits.octets} octets")
        return Fetched(data=path.read_bytes(), validators=mark)
    except OSError as fault:
        return Fetched(fault=f"cannot read {path}: {fault.strerror}")


def _get(url: str, known: Validators, limits: Limits) -> Fetched:
    import httpx

    headers = {"User-Agent": _USER_AGENT, "Accept": "text/plain, */*;q=0.5"}
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    deadline = time.monotonic() + limits.seconds
    try:
        with httpx.Client(headers=headers, timeout=httpx.Timeout(30.0)) as client:
            for _ in range(limits.redirects + 1):
                with client.stream("GET", url) as response:
                    if response.status_code in _REDIRECTS:
                        url = _redirected(url, response.headers.get("Location", ""))
                        continue
                    return _answer(response, known, limits, deadline)
        return Fetched(fault=f"more than {limits.redirects} redirects")
    except _TooMuchError as fault:
        return Fetched(fault=str(fault))
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        kind = type(fault).__name__
        return Fetched(fault=printable(f"{kind}: {fault}" if str(fault) else kind, 300))


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    scheme = urlsplit(target).scheme
    if scheme not in {"http", "https"}:
        raise _TooMuchError(f"redirected to {printable(target)!r}")
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise _TooMuchError("redirected from https to http")
    return target


def _answer(
    response: "httpx.Response", known: Validators, limits: Limits, deadline: float
) -> Fetched:
    if response.status_code == 304:  # noqa: PLR2004 - Not Modified
        return Fetched(unchanged=True, validators=known)
    if response.status_code != 200:  # noqa: PLR2004 - OK
        return Fetched(fault=f"HTTP status {response.status_code}")
    body = bytearray()
    for chunk in response.iter_bytes(1 << 16):
        body += chunk
        if len(body) > limits.octets:
            raise _TooMuchError(f"more than {limits.octets} octets")
        if time.monotonic() > deadline:
            raise _TooMuchError(f"not done within {limits.seconds:g} s")
    validators = Validators(
        _header(response, "ETag"),
        _header(response, "Last-Modified"),
    )
    return Fetched(data=bytes(body), validators=validators)


def _header(response: "httpx.Response", name: str) -> str | None:
    value = response.headers.get(name)
    return value if value and value.isprintable() and len(value) < 1000 else None  # noqa: PLR2004 - a sane bound
