"""What people see of long work, on a real terminal; and what cron does not."""

import os
import pty
import re
import select
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from rpzctl.cli.progress import Terminal, Timings
from rpzctl.progress import Silent, Step
from tests.integration.test_feeds import define, local, publisher
from tests.publisher import Publisher
from tests.servers import Site

__all__ = ["publisher"]  # the fixture


def on_a_terminal(site: Site, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, and return its exit code and all that it drew."""
    screen, end = pty.openpty()
    child = subprocess.Popen(
        site.command(*arguments),
        stdin=end,
        stdout=end,
        stderr=end,
        cwd=site.home,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(end)
    drawn = b""
    while True:
        ready, _, _ = select.select([screen], [], [], 60)
        try:
            data = os.read(screen, 65536) if ready else b""
        except OSError:  # Linux says so when the other end is closed
            data = b""
        if not data:
            break
        drawn += data
    os.close(screen)
    return child.wait(60), drawn.decode(errors="replace")


def slow(publisher: Publisher, path: str, body: bytes, gone: threading.Event) -> str:
    """Return a URL whose second half is kept back until `gone` is set."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        half = len(body) // 2
        request.wfile.write(body[:half])
        request.wfile.flush()
        gone.wait(20)
        request.wfile.write(body[half:])

    publisher.answers[path] = answer
    return publisher.url(path)


def test_a_long_fetch_is_shown_on_a_terminal(site: Site, publisher: Publisher) -> None:
    gone = threading.Event()
    body = b"".join(b"0.0.0.0 n%d.bad.example\n" % n for n in range(20_000))
    define(site, "long", slow(publisher, "/long", body, gone))
    threading.Timer(1.5, gone.set).start()
    status, drawn = on_a_terminal(site, "sync")
    assert status == 0, drawn
    assert "fetching and reading 1 feeds" in drawn
    amounts = r"long +fetching +2[0-9]{2}\.[0-9] kB of 5[0-9]{2}\.[0-9] kB, [0-9.]+ [kM]B/s"
    assert re.search(amounts, drawn), drawn
    assert "live: generation" in drawn.replace("\x1b[32mlive\x1b[0m", "live")
    assert re.search(r"[12]\.[0-9] s  fetching and reading", drawn), "told when it is over"


def test_a_feed_that_fails_is_counted_apart_and_quiet_draws_nothing(
    site: Site, publisher: Publisher
) -> None:
    gone = threading.Event()
    define(site, "bad", publisher.gives("/bad", b"<!DOCTYPE html><html>no list</html>\n"))
    define(site, "long", slow(publisher, "/long", b"0.0.0.0 c2.bad.example\n" * 2, gone))
    threading.Timer(0.7, gone.set).start()
    _, drawn = on_a_terminal(site, "sync")
    assert "0 done, 1 failed, 0 to come" in drawn, drawn
    gone.clear()
    threading.Timer(0.7, gone.set).start()
    _, drawn = on_a_terminal(site, "sync", "--quiet")
    assert "\x1b" not in drawn
    assert "bad: " in drawn


def test_what_is_quick_draws_nothing(site: Site) -> None:
    local(site, "one", b"0.0.0.0 c2.bad.example\n")
    site.ok("sync")
    status, drawn = on_a_terminal(site, "sync")
    assert status == 0
    assert "\x1b[?25l" not in drawn, "the cursor stays"
    done = site.cli("sync")
    assert "\x1b" not in done.stdout + done.stderr


def test_quiet_tells_what_changed_or_went_wrong_and_nothing_else(site: Site) -> None:
    path = local(site, "one", b"0.0.0.0 c2.bad.example\n")
    done = site.ok("sync", "--quiet")
    assert done.stdout.startswith("live: generation")
    assert done.stderr == ""
    before = site.current
    log = site.state / "audit.jsonl"
    logged = log.read_bytes()
    done = site.ok("sync", "--quiet", "--now")
    assert (done.stdout, done.stderr) == ("", "")
    assert (site.current, log.read_bytes()) == (before, logged), "no trace"
    path.write_bytes(b"<!DOCTYPE html><html>no list</html>\n")
    done = site.cli("sync", "--quiet", "--now")
    assert done.stdout == ""
    assert "one: " in done.stderr
    assert "keeps its" in done.stderr


def test_where_nothing_changed_one_line_says_so_however_many_feeds_there_are(
    site: Site, publisher: Publisher
) -> None:
    listed = b"0.0.0.0 c2.bad.example\n0.0.0.0 co.uk\n@@||good.bad.example^\n"
    for name in ("one", "two", "three"):
        seldom = {"every": "1d"} if name == "one" else {}
        define(site, name, publisher.gives(f"/{name}", listed), **seldom)
    assert "guards left out" in site.ok("sync").stderr
    before = site.current
    done = site.ok("sync")
    assert done.stderr == ""
    [line] = done.stdout.splitlines()
    live = r"nothing to publish; live on named at \S+ port \d+"
    assert re.fullmatch(live + r"; unchanged: 2 of 3 feeds; not due: 1, next is one at 2\S+", line)
    assert site.current == before


def test_a_terminal_is_told_from_many_threads_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Drawing and telling take each other's locks; nothing may wait for ever."""
    shown = Terminal()
    clock = Timings(shown)
    time.sleep(0.4)  # beyond the patience: it is drawn from here on

    def tell(name: str) -> None:
        for n in range(300):
            clock.feed(name, Step.FETCHING, 1000)
            if n % 50 == 0:
                clock.stage(f"{name} {n}\x1b[2J")
        clock.feed(name, Step.FETCHED)
        clock.feed(name, Step.READING)
        clock.feed(name, Step.DONE)

    threads = [threading.Thread(target=tell, args=(f"feed{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    shown.close()
    assert "\x1b[2J" not in capfd.readouterr().err, "no text of others steers the terminal"
    assert sum(clock.seconds().values()) > 0.3


def test_nobody_is_told_where_nobody_looks() -> None:
    silent = Silent()
    silent.stage("x", 1)
    silent.feed("x", Step.DONE)
    assert not vars(silent)
