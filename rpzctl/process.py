"""The only place that starts other programs: an argument list, never a shell; bounded in time."""

import contextlib
import os
import pwd
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rpzctl.errors import RpzctlError

_LAST_WORDS = 2000
"""octets of what a program says that are kept"""
_GLANCE = 0.05
"""seconds between looks whether a program that says nothing has ended"""
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


class Finished(NamedTuple):
    """A program that ended: its exit status and what it wrote."""

    status: int
    out: str
    err: str
    raw: bytes = b""
    """`out` as it came"""

    @property
    def said(self) -> str:
        """What it wrote, on both channels, trimmed."""
        return "\n".join(part for part in (self.out.strip(), self.err.strip()) if part)


class Running(NamedTuple):
    """A program that was started and not yet waited for."""

    argv: tuple[str, ...]
    child: subprocess.Popen[bytes]

    def wait(self, *, stdin: bytes | None = None, timeout: float = 30.0) -> Finished:
        """Give it `stdin`, wait at most `timeout` seconds, return how it ended.

        Raises `RpzctlError` when it takes longer; it is killed then. Both of its channels are
        read while it runs, so it cannot block on a full pipe.
        """
        try:
            out, err = self.child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            self._end()
            raise RpzctlError(
                f"{self.argv[0]} did not end within {timeout:g} s",
                details=[" ".join(self.argv)],
            ) from None
        except BaseException:
            self._end()
            raise
        return Finished(
            self.child.returncode, out.decode(errors="replace"), err.decode(errors="replace"), out
        )

    def kill(self) -> None:
        """Kill it and what it started: a child of its own may hold the pipes open."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)

    def _end(self) -> None:
        self.kill()
        self.child.communicate()


def find(program: str) -> str | None:
    """Return the path of `program`: on PATH, or where Debian keeps servers' tools."""
    return shutil.which(program) or shutil.which(program, path=_SBIN)


def bounded(
    argv: Sequence[str],
    text: bytes,
    seconds: float,
    env: Mapping[str, str],
    stopped: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run `argv` with `text` as its standard input for at most `seconds`; as `start`.

    For a program that is not known: all that it started is killed with it when time is up, it is
    waited for and nothing else (a child that lives on may hold its channels), and of what it says
    the end alone is kept, in `Finished.out`. Time is up, too, when it is `stopped`. Raises
    `RpzctlError`, also when time is up.
    """
    path = _found(argv[0])
    deadline = time.monotonic() + seconds
    given = os.memfd_create("rpzctl")
    with os.fdopen(given, "w+b", buffering=0) as stdin:
        stdin.write(text)
        stdin.seek(0)
        try:
            child = subprocess.Popen(
                [path, *argv[1:]],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )
        except OSError as fault:
            raise RpzctlError(f"cannot start {path}: {fault.strerror}") from None
    assert child.stdout is not None, "it is a pipe"  # noqa: S101 - as said
    with child.stdout as channel:
        os.set_blocking(channel.fileno(), False)
        try:
            said = _last_words(child, channel.fileno(), deadline, stopped)
        except BaseException:
            _kill(child)
            raise
    if child.returncode is None:
        _kill(child)
        raise RpzctlError(f"{argv[0]} did not end within {seconds:g} s")
    return Finished(child.returncode, said.decode(errors="replace"), "")


def _last_words(
    child: subprocess.Popen[bytes], channel: int, deadline: float, stopped: Callable[[], bool]
) -> bytes:
    """Read what `child` says until it ended or time is up; return the end of it."""
    said, open_ = b"", True
    while True:
        ended = child.poll() is not None
        while open_:
            try:
                more = os.read(channel, 65536)
            except BlockingIOError:
                break
            said, open_ = (said + more)[-_LAST_WORDS:], bool(more)
            if time.monotonic() >= deadline:
                break
        left = deadline - time.monotonic()
        if ended or left <= 0 or stopped():
            return said
        if open_:
            select.select([channel], [], [], min(left, _GLANCE))
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(min(left, _GLANCE))


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(1.0)


def _found(program: str) -> str:
    path = find(program)
    if path is None:
        raise RpzctlError(f"the program {program} is not installed")
    return path


def start(
    argv: Sequence[str],
    *,
    takes_input: bool = False,
    env: Mapping[str, str] | None = None,
    owner: int | None = None,
) -> Running:
    """Start `argv`; `find` looks up its first word. Raises `RpzctlError` if it is missing.

    `env` is set besides what the environment has. `owner` is the user to run it as, with the
    groups and the home of that one; only root may say so.
    """
    path = _found(argv[0])
    try:
        child = subprocess.Popen(
            [path, *argv[1:]],
            stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C", **_home(owner), **(env or {})},
            start_new_session=True,
            **_as(owner),
        )
    except OSError as fault:
        raise RpzctlError(f"cannot start {path}: {fault.strerror}") from None
    return Running(tuple(argv), child)


def _as(owner: int | None) -> dict[str, Any]:
    if owner is None:
        return {}
    try:
        user = pwd.getpwuid(owner)
    except KeyError:
        return {"user": owner, "group": owner, "extra_groups": []}
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return {"user": owner, "group": user.pw_gid, "extra_groups": groups}


def _home(owner: int | None) -> dict[str, str]:
    if owner is None:
        return {}
    try:
        user = pwd.getpwuid(owner)
    except KeyError:
        return {"HOME": "/nonexistent"}
    return {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}


def run(argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 30.0) -> Finished:
    """Start `argv` and wait for it; as `start` and `Running.wait`."""
    return start(argv, takes_input=stdin is not None).wait(stdin=stdin, timeout=timeout)
