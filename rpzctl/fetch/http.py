"""Feeds by https, and by http where the definition says so.

What goes over the network goes through `web`, which is imported by the first such fetch.
"""

import os
import re
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from rpzctl import __version__, unpack
from rpzctl.catalogue import Feed
from rpzctl.fetch import manifest, secret
from rpzctl.fetch.fetched import Broken, Came, Fetched, Limits, Validators, left, too_late, too_much
from rpzctl.names import printable

if TYPE_CHECKING:
    import ssl

    from rpzctl.fetch import web

USER_AGENT = f"rpzctl/{__version__}"
BAD_ENVIRONMENT = (
    "http_proxy, https_proxy, all_proxy, SSL_CERT_FILE or SSL_CERT_DIR has a value that "
    "cannot be used"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AS_ASKED = frozenset({307, 308})
"""redirects that keep the method (RFC 9110, section 15.4)"""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524})
"""statuses that may be others in a moment"""
_LONGEST_VALIDATOR = 1000
_SHORTEST_SECRET = 4


class _Ask(NamedTuple):
    """What is asked of a publisher."""

    url: str
    headers: dict[str, str]
    """without secrets"""
    secrets: dict[str, str]
    """headers for the origin of the feed's URL alone"""
    origin: tuple[str, str | None, int | None]
    body: str = ""
    hidden: frozenset[str] = frozenset()
    """secrets in all their forms: a server may say back what it was told"""


class Trust:
    """The certificates that are trusted, read once for many fetches: that takes 20 ms each time."""

    @cached_property
    def context(self) -> "ssl.SSLContext":
        """The context of TLS. Raises OSError or ValueError for bad SSL_CERT_FILE and the like."""
        import ssl

        import certifi

        file, folder = (os.environ.get(f"SSL_CERT_{kind}") or None for kind in ("FILE", "DIR"))
        if file is None and folder is None:
            file = certifi.where()
        return ssl.create_default_context(cafile=file, capath=None if file else folder)


class _Room:
    """How many octets may still come, for fetches beside each other."""

    def __init__(self, octets: int) -> None:
        self.left = octets
        self._turn = Lock()

    def takes(self, octets: int) -> bool:
        """Take in so many; tell whether there was room."""
        with self._turn:
            self.left -= octets
            return self.left >= 0


def get(
    feed: Feed, known: Validators, limits: Limits, deadline: float, came: Came, *, trust: Trust
) -> Fetched:
    """Fetch `feed`. Raises `Broken`."""
    from rpzctl.fetch import web

    ask = _Ask(
        feed.url,
        _headers(feed, known),
        _secrets(feed),
        _origin(feed.url),
        feed.body,
        _forms(feed),
    )
    left(deadline, limits)
    try:
        with web.Web(lambda: trust.context, deadline, limits.per_host, came) as connections:
            return _fetched(feed, connections, ask, known, limits)
    except Broken as fault:
        raise fault.saying(without(str(fault), ask.hidden)) from None
    except web.BadEnvironment:
        raise Broken(BAD_ENVIRONMENT) from None
    except web.Late:
        raise too_late(limits) from None
    except web.FAULTS as fault:
        if time.monotonic() >= deadline:
            raise too_late(limits) from None
        raise broken(fault, ask.hidden) from None
    except ValueError as fault:
        said = without(str(fault), ask.hidden)
        raise Broken(printable(f"{type(fault).__name__}: {said}", 300)) from None


def _fetched(
    feed: Feed, connections: "web.Web", ask: _Ask, known: Validators, limits: Limits
) -> Fetched:
    got, url = _get(connections, ask, known, limits)
    if got.data is None or not manifest.is_one(feed):
        return got
    found = _events(connections, ask, url, manifest.events(got.data), limits)
    return got._replace(data=manifest.document(found))


def _events(
    connections: "web.Web", ask: _Ask, url: str, uuids: list[str], limits: Limits
) -> list[bytes]:
    """Fetch the events beside a manifest, as many at a time as the host is to bear."""
    ask = ask._replace(headers=_headers(None, Validators()), body="")
    room = _Room(limits.octets)

    def event(uuid: str) -> bytes:
        there = ask._replace(url=urljoin(url, f"{uuid}.json"))
        got, _ = _get(connections, there, Validators(), limits._replace(octets=room.left))
        data = got.data or b""
        if not room.takes(len(data)):
            raise too_much(limits.octets)
        return data

    with ThreadPoolExecutor(limits.per_host) as lanes:
        tasks = [lanes.submit(event, uuid) for uuid in uuids]
        wait(tasks, return_when=FIRST_EXCEPTION)
        faults = (task.exception() for task in tasks if task.done())
        fault = next((fault for fault in faults if fault is not None), None)
        if fault is not None:  # the first ends all; none is passed over
            lanes.shutdown(wait=False, cancel_futures=True)
            connections.end()
            raise fault
    return [task.result() for task in tasks]


def _get(
    connections: "web.Web", ask: _Ask, known: Validators, limits: Limits
) -> tuple[Fetched, str]:
    """Return the answer, and the URL that gave it in the end."""
    url, body = ask.url, ask.body
    for _ in range(limits.redirects + 1):
        headers = ask.headers | (ask.secrets if _origin(url) == ask.origin else {})
        if body:
            headers["Content-Type"] = "application/json"
        with connections.asked(url, headers, body) as answer:
            if answer.status not in _REDIRECTS:
                return _answer(answer, known, limits, ask.hidden), url
            body = body if answer.status in _AS_ASKED else ""
            url = _redirected(url, answer.header("Location"), ask.hidden)
    raise Broken(f"more than {limits.redirects} redirects")


def _headers(feed: Feed | None, known: Validators) -> dict[str, str]:
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Accept-Encoding": "gzip",  # what is decoded within a bound
    }
    if feed is not None and not feed.body:
        headers |= {"If-None-Match": known.etag} if known.etag else {}
        headers |= {"If-Modified-Since": known.last_modified} if known.last_modified else {}
    return headers


def _secrets(feed: Feed) -> dict[str, str]:
    import base64

    value = secret.line(feed)
    if value is None:
        return {}
    if feed.user:
        pair = base64.b64encode(f"{feed.user}:{value}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {feed.header: value}


def _forms(feed: Feed) -> frozenset[str]:
    """Return the secret of `feed` as a server may say it back. Raises `Broken`."""
    return forms(secret.line(feed), _secrets(feed).values())


def forms(value: str | None, sent: Iterable[str]) -> frozenset[str]:
    """Return the secret `value` in all forms in which it may come back, having been `sent` so.

    One of a few characters is no secret, and would be found in any text.
    """
    words = {word for text in sent for word in (text, *text.split())}
    found = {value or "", *(words - {"Basic", "Bearer", "Token"})}
    found |= {quote(form, safe=safe) for form in found for safe in ("", "/")}
    found |= {quote_plus(form) for form in found}
    return frozenset(form for form in found if len(form) >= _SHORTEST_SECRET)


def without(text: str, hidden: frozenset[str]) -> str:
    """Return what a server said without the secrets in it, in whatever case."""
    for form in sorted(hidden, key=lambda each: (-len(each), each)):
        text = re.sub(re.escape(form), "(secret)", text, flags=re.IGNORECASE)
    return text


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}
    return parts.scheme, parts.hostname, parts.port or usual.get(parts.scheme)


def _redirected(url: str, location: str, hidden: frozenset[str]) -> str:
    if not location:
        raise Broken("redirected without saying where to")
    try:
        target = urljoin(url, location)
        scheme = _origin(target)[0]
    except ValueError:
        scheme = target = ""
    if scheme not in {"http", "https"}:
        raise Broken(f"redirected to {printable(without(location, hidden))!r}")
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise Broken("redirected from https to http")
    return target


def _answer(
    answer: "web.Answer", known: Validators, limits: Limits, hidden: frozenset[str]
) -> Fetched:
    status = answer.status
    date = _header(answer, "Date", hidden)
    if status == 304 and any(known):  # noqa: PLR2004 - Not Modified
        return Fetched(unchanged=True, validators=known, served=True, date=date)
    if status != 200:  # noqa: PLR2004 - OK
        raise Broken(
            f"HTTP status {status}",
            passing=status in _PASSING,
            wait=_wait(answer) if status in {429, 503} else None,
        )
    body = bytearray()
    for chunk in answer.chunks:
        body += chunk
        if len(body) > limits.octets:
            raise too_much(limits.octets)
    encoding = answer.header("Content-Encoding").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        data = unpack.gunzip(bytes(body), limits.unpacked)
    elif encoding in {"", "identity"}:
        data = bytes(body)
    else:
        told = printable(without(encoding, hidden), 40)
        raise Broken(f"is encoded as {told!r}, which was not asked for")
    validators = Validators(
        _header(answer, "ETag", hidden), _header(answer, "Last-Modified", hidden)
    )
    return Fetched(data=data, validators=validators, served=True, date=date)


def _header(answer: "web.Answer", name: str, hidden: frozenset[str]) -> str | None:
    """Return a validator; None for one that is no sane text, or holds a secret: it is kept."""
    value = answer.header(name)
    sane = value.isascii() and value.isprintable() and len(value) < _LONGEST_VALIDATOR
    return value if value and sane and value == without(value, hidden) else None


def _wait(answer: "web.Answer") -> float | None:
    """Return how many seconds the server wants to be left alone (RFC 9110, section 10.2.3).

    A date is held against the server's own.
    """
    from email.utils import parsedate_to_datetime

    text = answer.header("Retry-After").strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:  # noqa: PLR2004 - three years
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        span = until - parsedate_to_datetime(answer.header("Date"))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, span.total_seconds())


def broken(fault: BaseException, hidden: frozenset[str]) -> Broken:
    """Return what a connection's fault comes to, by what lies at its bottom."""
    import socket
    import ssl

    from rpzctl.fetch import web

    causes: list[BaseException] = []
    each: BaseException | None = fault
    while each is not None and each not in causes:
        causes.append(each)
        each = each.__cause__ or each.__context__
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Broken(printable(f"the certificate is not trusted: {cause.verify_message}", 300))
        if isinstance(cause, socket.gaierror):
            return Broken(f"the host's name has no address: {cause.strerror}", passing=True)
        if isinstance(cause, ConnectionRefusedError):
            return Broken("the host refuses the connection", passing=True)
    kind = type(fault).__name__
    told = without(str(fault), hidden)
    said = printable(f"{kind}: {told}" if told else kind, 300)
    lasting = isinstance(fault, web.LASTING)
    return Broken(said, passing=not lasting)
