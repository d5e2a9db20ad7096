"""A publisher of feeds: a real HTTP server on a loopback port, with good days and bad ones."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Publisher:
    """What is published at which path, and what was asked for."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def gives(self, path: str, body: bytes, *, etag: str = "") -> str:
        """Publish `body`, with an entity tag that is honoured; return its URL."""

        def answer(request: BaseHTTPRequestHandler) -> None:
            if etag and request.headers.get("If-None-Match") == etag:
                send(request, 304, b"")
            else:
                send(request, 200, body, ETag=etag) if etag else send(request, 200, body)

        self.answers[path] = answer
        return self.url(path)

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

    def fails(self, path: str, status: int, body: bytes = b"no") -> str:
        """Answer with an error status."""
        self.answers[path] = lambda request: send(request, status, body)
        return self.url(path)

    def redirects(self, path: str, target: str) -> str:
        """Answer with a redirect."""
        self.answers[path] = lambda request: send(request, 302, b"", Location=target)
        return self.url(path)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send a whole answer."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextlib.contextmanager
def publishing() -> Iterator[Publisher]:
    """Give a publisher that serves until the block ends."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.asked.append((self.path, dict(self.headers)))
            answer = publisher.answers.get(self.path)
            answer(self) if answer else send(self, 404, b"nothing here")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
