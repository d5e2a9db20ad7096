"""The only place that starts other programs: an argument list, never a shell; bounded in time."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rpzctl.errors import RpzctlError

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
    path = find(argv[0])
    if path is None:
        raise RpzctlError(f"the program {argv[0]} is not installed")
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
