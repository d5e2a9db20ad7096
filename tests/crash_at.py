"""Run the command line, and kill it with SIGKILL right before its Nth side effect.

    python -m tests.crash_at N ARGUMENTS...

Side effects are what Python's audit hooks tell of: files made, renamed, linked, removed, opened to
be written; programs started; sockets connected and sent on; locks. Nothing of rpzctl is replaced.
Without such an Nth one the command runs to its end, and exits as ever.
"""

import os
import signal
import sys
from collections.abc import Iterator
from itertools import count

EVENTS = {
    "fcntl.flock",
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "shutil.rmtree",
    "socket.connect",
    "socket.sendmsg",
    "socket.sendto",
    "subprocess.Popen",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def is_effect(event: str, arguments: tuple[object, ...]) -> bool:
    """Tell whether an audit event is a side effect."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & WRITING)
    return event in EVENTS


def die_at(number: int) -> None:
    """Let this process be killed before its side effect `number`, counted from 1."""
    numbers: Iterator[int] = count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if is_effect(event, arguments) and next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    from rpzctl.cli import run

    die_at(int(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
