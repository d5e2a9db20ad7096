"""Feeds by https, and by http where the definition says so.

Runs on an event loop: only there does one bound hold for all that waits, be it for a connection,
a header or an octet a second.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from rpzctl import __version__, unpack
from rpzctl.catalogue import Feed
from rpzctl.fetch import manifest, secret
from rpzctl.fetch.fetched import Broken, Fetched, Limits, Validators, left, too_late, too_much
from rpzctl.names import printable

if TYPE_CHECKING:
    import ssl

    import httpx

USER_AGENT = f"rpzctl/{__version__}"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_AS_ASKED = frozenset({307, 308})
"""redirects that keep the method (RFC 9110, section 15.4)"""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 509, 520, 521, 522, 523, 524})
"""statuses that may be others in a moment"""
_LONGEST_VALIDATOR = 1000
_SHORTEST_SECRET = 4
_SILENCE = 30.0
"""seconds in which a server must say something"""


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


@dataclass(frozen=True, eq=False)
class Trust:
    """The certificates that are trusted, read once for many fetches: that takes 20 ms each time."""

    @cached_property
    def context(self) -> "ssl.SSLContext":
        """The context of httpx. Raises OSError or ValueError for bad SSL_CERT_FILE and the like."""
        import httpx

        return httpx.create_ssl_context()


def get(feed: Feed, known: Validators, limits: Limits, deadline: float, *, trust: Trust) -> Fetched:
    """Fetch `feed`. Raises `Broken`."""
    import asyncio

    ask = _Ask(
        feed.url,
        _headers(feed, known),
        _secrets(feed),
        _origin(feed.url),
        feed.body,
        _forms(feed),
    )
    try:
        return asyncio.run(_session(feed, ask, known, limits, left(deadline, limits), trust))
    except Broken as fault:
        raise fault.saying(_without(str(fault), ask.hidden)) from None


async def _session(
    feed: Feed, ask: _Ask, known: Validators, limits: Limits, seconds: float, trust: Trust
) -> Fetched:
    import asyncio

    import httpx

    try:
        async with asyncio.timeout(seconds), _client(limits, trust) as client:
            got, url = await _get(client, ask, known, limits)
            if got.data is None or not manifest.is_one(feed):
                return got
            found = await _events(client, ask, url, manifest.events(got.data), limits)
            return got._replace(data=manifest.document(found))
    except TimeoutError:
        raise too_late(limits) from None
    except httpx.TransportError as fault:
        raise _broken(fault, ask.hidden) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
        said = _without(str(fault), ask.hidden)
        raise Broken(printable(f"{type(fault).__name__}: {said}", 300)) from None


@asynccontextmanager
async def _client(limits: Limits, trust: Trust) -> "AsyncIterator[httpx.AsyncClient]":
    import httpx

    pool = httpx.Limits(max_connections=limits.per_host)
    try:
        patience = httpx.Timeout(_SILENCE, connect=10.0)
        client = httpx.AsyncClient(verify=trust.context, timeout=patience, limits=pool)
    except (ValueError, ImportError, OSError):  # what it says may hold a password
        raise Broken(
            "http_proxy, https_proxy, all_proxy, SSL_CERT_FILE or SSL_CERT_DIR has a value that "
            "cannot be used"
        ) from None
    async with client:
        yield client


async def _events(
    client: "httpx.AsyncClient", ask: _Ask, url: str, uuids: list[str], limits: Limits
) -> list[bytes]:
    """Fetch the events beside a manifest, as many at a time as the host is to bear."""
    import asyncio

    turn = asyncio.Semaphore(limits.per_host)
    room = limits.octets
    ask = ask._replace(headers=_headers(None, Validators()), body="")

    async def event(uuid: str) -> bytes:
        nonlocal room
        async with turn:
            there = ask._replace(url=urljoin(url, f"{uuid}.json"))
            got, _ = await _get(client, there, Validators(), limits._replace(octets=room))
            data = got.data or b""
            room -= len(data)
            if room < 0:
                raise too_much(limits.octets)
            return data

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(event(uuid)) for uuid in uuids]
    except ExceptionGroup as faults:  # the first ends all; none is passed over
        raise faults.exceptions[0] from None
    return [task.result() for task in tasks]


async def _get(
    client: "httpx.AsyncClient", ask: _Ask, known: Validators, limits: Limits
) -> tuple[Fetched, str]:
    """Return the answer, and the URL that gave it in the end."""
    url, body = ask.url, ask.body
    for _ in range(limits.redirects + 1):
        headers = ask.headers | (ask.secrets if _origin(url) == ask.origin else {})
        if body:
            headers["Content-Type"] = "application/json"
        async with client.stream(
            "POST" if body else "GET", url, headers=headers, content=body or None
        ) as response:
            if response.status_code not in _REDIRECTS:
                return await _answer(response, known, limits, ask.hidden), url
            body = body if response.status_code in _AS_ASKED else ""
            url = _redirected(url, response.headers.get("Location", ""), ask.hidden)
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
    """Return the secret of `feed` in the forms in which a server may say it back. Raises `Broken`.

    One of a few characters is no secret, and would be found in any text.
    """
    value = secret.line(feed) or ""
    sent = {word for text in _secrets(feed).values() for word in (text, *text.split())}
    forms = {value, *(sent - {"Basic", "Bearer", "Token"})}
    forms |= {quote(form, safe=safe) for form in forms for safe in ("", "/")}
    forms |= {quote_plus(form) for form in forms}
    return frozenset(form for form in forms if len(form) >= _SHORTEST_SECRET)


def _without(text: str, hidden: frozenset[str]) -> str:
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
        raise Broken(f"redirected to {printable(_without(location, hidden))!r}")
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise Broken("redirected from https to http")
    return target


async def _answer(
    response: "httpx.Response", known: Validators, limits: Limits, hidden: frozenset[str]
) -> Fetched:
    status = response.status_code
    if status == 304 and any(known):  # noqa: PLR2004 - Not Modified
        return Fetched(unchanged=True, validators=known, served=True)
    if status != 200:  # noqa: PLR2004 - OK
        raise Broken(
            f"HTTP status {status}",
            passing=status in _PASSING,
            wait=_wait(response) if status in {429, 503} else None,
        )
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limits.octets:
            raise too_much(limits.octets)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        data = unpack.gunzip(bytes(body), limits.unpacked)
    elif encoding in {"", "identity"}:
        data = bytes(body)
    else:
        told = printable(_without(encoding, hidden), 40)
        raise Broken(f"is encoded as {told!r}, which was not asked for")
    validators = Validators(
        _header(response, "ETag", hidden), _header(response, "Last-Modified", hidden)
    )
    return Fetched(data=data, validators=validators, served=True)


def _header(response: "httpx.Response", name: str, hidden: frozenset[str]) -> str | None:
    """Return a validator; None for one that is no sane text, or holds a secret: it is kept."""
    value: str = response.headers.get(name, "")
    sane = value.isascii() and value.isprintable() and len(value) < _LONGEST_VALIDATOR
    return value if value and sane and value == _without(value, hidden) else None


def _wait(response: "httpx.Response") -> float | None:
    """Return how many seconds the server wants to be left alone (RFC 9110, section 10.2.3).

    A date is held against the server's own.
    """
    from email.utils import parsedate_to_datetime

    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:  # noqa: PLR2004 - three years
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        span = until - parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, span.total_seconds())


def _broken(fault: "httpx.TransportError", hidden: frozenset[str]) -> Broken:
    """Return what a connection's fault comes to, by what lies at its bottom."""
    import socket
    import ssl

    import httpx

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
    told = _without(str(fault), hidden)
    said = printable(f"{kind}: {told}" if told else kind, 300)
    lasting = isinstance(fault, httpx.UnsupportedProtocol | httpx.LocalProtocolError)
    return Broken(said, passing=not lasting)
