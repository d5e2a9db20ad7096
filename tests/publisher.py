"""A publisher of feeds: a real HTTP(S) server on a loopback port, with good days and bad ones."""

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Publisher:
    """What is published at which path, and what was asked for."""

    port: int = 0
    scheme: str = "http"
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """paths with headers, in order"""
    posted: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def times_asked(self, path: str) -> int:
        return [asked for asked, _ in self.asked].count(path)

    def gives(self, path: str, body: bytes, *, etag: str = "", **headers: str) -> str:
        """Publish `body`, with an entity tag that is honoured; return its URL."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            if etag and request.headers.get("If-None-Match") == etag:
                send(request, 304, b"")
            else:
                send(request, 200, body, **headers, **({"ETag": etag} if etag else {}))

        self.answers[path] = answer
        return self.url(path)

    def encodes(self, path: str, body: bytes) -> str:
        """Publish `body` with the content encoding gzip."""
        return self.gives(path, gzip.compress(body), **{"Content-Encoding": "gzip"})

    def cuts_short(self, path: str, body: bytes) -> str:
        """Announce twice as much as is sent."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(2 * len(body)))
            request.end_headers()
            request.wfile.write(body)
            request.close_connection = True

        self.answers[path] = answer
        return self.url(path)

    def dribbles(self, path: str, body: bytes, *, head: bool = False) -> str:
        """Send an octet of the body, or already of the `head`, each fiftieth of a second."""
        opening = b"HTTP/1.1 200 OK\r\n" + (b"X-Padding: " if head else b"\r\n")

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.close_connection = True
            with contextlib.suppress(OSError):
                request.wfile.write(opening)
                for octet in body:
                    request.wfile.write(bytes([octet]))
                    request.wfile.flush()
                    if self.ended.wait(0.02):
                        return

        self.answers[path] = answer
        return self.url(path)

    def recovers(self, path: str, body: bytes, *bad: int, **headers: str) -> str:
        """Answer with the statuses `bad`, one after another, then with the body."""
        left = list(bad)

        def answer(request: BaseHTTPRequestHandler) -> None:
            if left:
                send(request, left.pop(0), b"not now", **headers)
            else:
                send(request, 200, body)

        self.answers[path] = answer
        return self.url(path)

    def fails(self, path: str, status: int, body: bytes = b"no", /, **headers: str) -> str:
        """Answer with an error status."""
        self.answers[path] = lambda request: send(request, status, body, **headers)
        return self.url(path)

    def redirects(self, path: str, target: str, status: int = 302) -> str:
        """Answer with a redirect."""
        self.answers[path] = lambda request: send(request, status, b"", Location=target)
        return self.url(path)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send a whole answer."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def carry(source: socket.socket, target: socket.socket) -> None:
    """Carry what comes until nothing does any more, as a proxy does."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def publishing(tls: ssl.SSLContext | None = None) -> Iterator[Publisher]:
    """Give a publisher that serves until the block ends, by https if there is a certificate."""
    publisher = Publisher(scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked.append((self.path, dict(self.headers)))
            answer = publisher.answers.get(self.path)
            answer(self) if answer else send(self, 404, b"nothing here")

        def do_POST(self) -> None:
            publisher.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def do_CONNECT(self) -> None:
            publisher.asked.append((self.path, dict(self.headers)))
            host, _, port = self.path.rpartition(":")
            self.close_connection = True
            with socket.create_connection((host, int(port)), timeout=10) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=carry, args=(there, self.connection))
                back.start()
                carry(self.connection, there)
                back.join()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Keep quiet: a client that does not like our certificate hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    publisher.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        publisher.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
