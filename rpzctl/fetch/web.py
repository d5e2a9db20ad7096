"""Connections to web servers and proxies, all of whose waits end at one moment.

Whatever is waited for goes through one place, so that one bound holds for all of it, be it a
connection, a header or an octet a second. Names are looked up by the system, in its own time.
"""

import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import httpcore

from rpzctl.fetch.fetched import Came

FAULTS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)
"""of a connection"""
LASTING = (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError)
"""those of them that another try will not mend"""
_PATIENCE = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}
"""seconds in which a server must say something"""
_PLAIN = "/%:@!$&'()*+,;=~-._[]"
"""stay as they are in a path"""
_LENGTH = re.compile("[0-9]{1,15}", re.ASCII)


class BadEnvironment(Exception):
    """A variable that names a proxy or certificates has a value that cannot be used."""


class Late(Exception):
    """Time is up."""


class Answer(NamedTuple):
    """What a server says before its content comes."""

    status: int
    headers: Mapping[str, str]
    """by their names in lower case"""
    chunks: Iterator[bytes]
    """of the content, as it comes"""

    def header(self, name: str) -> str:
        """Return a header; empty text if there is none."""
        return self.headers.get(name.lower(), "")


class _Network(httpcore.NetworkBackend):
    """The network until the `deadline`, by the monotonic clock."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._network = httpcore.SyncBackend()
        self._opened: list[httpcore.NetworkStream] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        opened = self._network.connect_tcp(
            host, port, self.left(timeout), local_address, socket_options
        )
        self._opened.append(opened)
        return _Stream(opened, self)

    def left(self, most: float | None) -> float:
        """Return how many seconds may be waited, at `most`. Raises `Late`."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late
        return left if most is None else min(left, most)

    def end(self) -> None:
        """Let all that waits end now."""
        self.deadline = 0.0
        for stream in self._opened:
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class _Stream(httpcore.NetworkStream):
    """A connection that waits no longer than its network."""

    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._network.left(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._network)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        return self._stream.get_extra_info(info)


class Web:
    """Web servers for one fetch, directly or by the proxies of the environment."""

    def __init__(
        self,
        trust: Callable[[], ssl.SSLContext],
        deadline: float,
        most: int,
        came: Came,
    ) -> None:
        """Take what gives the context of TLS, when time is up, and connections at a time.

        `came` is told how many octets of content come, and of how many if servers say it.
        """
        self._trust = trust
        self._most = most
        self._came = came
        self._network = _Network(deadline)
        self._pools: dict[tuple[str, str | None], httpcore.ConnectionPool] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._open.close()

    def end(self) -> None:
        """Let all that waits end now: in other threads with a fault."""
        self._network.end()

    @contextmanager
    def asked(self, url: str, headers: Mapping[str, str], body: str) -> Iterator[Answer]:
        """Ask for `url`, by POST if there is a `body`.

        Raises `BadEnvironment`, `Late`, one of `FAULTS`, or ValueError for what cannot be sent.
        """
        asked = _ascii(url)
        extensions = {"timeout": _PATIENCE}
        with self._pool(url).stream(
            "POST" if body else "GET",
            asked,
            headers=list(headers.items()),
            content=body.encode() if body else None,
            extensions=extensions,
        ) as response:
            told: dict[str, str] = {}
            for name, value in response.headers:
                key, text = name.decode("ascii").lower(), _text(value)
                told[key] = f"{told[key]}, {text}" if key in told else text
            yield Answer(
                response.status, told, self._counted(response.iter_stream(), _length(told))
            )

    def _counted(self, chunks: Iterator[bytes], length: int) -> Iterator[bytes]:
        self._came(due=length)
        try:
            for chunk in chunks:
                length -= len(chunk)
                self._came(len(chunk))
                yield chunk
        finally:
            if length > 0:  # it broke off
                self._came(due=-length)

    def _pool(self, url: str) -> httpcore.ConnectionPool:
        """Return the connections by which `url` is reached."""
        scheme = urlsplit(url).scheme
        proxy = _proxy(url)
        known = self._pools.get((scheme, proxy))
        if known is not None:
            return known
        try:
            made = httpcore.ConnectionPool(
                ssl_context=self._trust() if scheme == "https" else None,  # None verifies, too
                max_connections=self._most,
                proxy=_proxied(proxy) if proxy else None,
                network_backend=self._network,
            )
        except (ValueError, ImportError, RuntimeError, OSError):  # what it says may hold a password
            raise BadEnvironment from None
        self._pools[scheme, proxy] = self._open.enter_context(made)
        return made


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for `url`."""
    if not any(name.lower().endswith("_proxy") and os.environ[name] for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    known = getproxies()
    parts = urlsplit(url)
    proxy = known.get(parts.scheme) or known.get("all")
    host = parts.hostname or ""
    named = host if parts.port is None else f"{host}:{parts.port}"
    if not proxy or proxy_bypass(named):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxied(url: str) -> httpcore.Proxy:
    """Return a proxy as httpcore wants it. Raises ValueError."""
    from urllib.parse import unquote

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not parts.hostname:
        raise ValueError("is no proxy")
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ValueError("needs socksio")
    auth = None
    if parts.username or parts.password:
        auth = (unquote(parts.username or ""), unquote(parts.password or ""))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    return httpcore.Proxy(f"{parts.scheme}://{host}{port}", auth=auth)


def _ascii(url: str) -> str:
    """Return `url` as it goes over the wire. Raises ValueError for a host that is no name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host.isascii():
        import idna

        host = idna.encode(host).decode("ascii")
    netloc = f"[{host}]" if ":" in host else host
    netloc += "" if parts.port is None else f":{parts.port}"
    path = quote(parts.path, safe=_PLAIN) or "/"
    return f"{parts.scheme}://{netloc}{path}" + (
        f"?{quote(parts.query, safe=_PLAIN + '?')}" if parts.query else ""
    )


def _length(headers: Mapping[str, str]) -> int:
    """Return the octets of content that a server says will come, 0 if it does not."""
    said = headers.get("content-length", "")
    return int(said) if _LENGTH.fullmatch(said) else 0


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
