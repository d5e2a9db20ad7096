"""What systemd is told: sd_notify(3), over the datagram socket that it names.

Without NOTIFY_SOCKET nobody is told.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple


class Notify(NamedTuple):
    """Where to tell, and how often."""

    address: str = ""
    """a path, or ``@name`` in the abstract namespace; empty: nowhere"""
    watchdog: float | None = None
    """seconds between two pings, if systemd wants them: half of what it waits for"""

    def tell(self, **said: str) -> None:
        """Send ``KEY=value`` lines. That nobody listens is no fault of the policy's."""
        if not self.address:
            return
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        text = "".join(f"{key}={' '.join(value.split())}\n" for key, value in said.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.settimeout(1.0)
            out.connect(address)
            out.send(text.encode())


def of(environment: Mapping[str, str]) -> Notify:
    """Return what the environment says (sd_notify(3), sd_watchdog_enabled(3))."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        address = ""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
        mine = int(environment.get("WATCHDOG_PID", os.getpid())) == os.getpid()
    except ValueError:
        return Notify(address)
    return Notify(address, microseconds / 2e6 if mine and microseconds > 0 else None)
