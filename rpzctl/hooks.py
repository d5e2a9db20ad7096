"""Programs and web servers that are told of each change: [hooks] in rpzctl.toml.

All are told at once, each within its time; what goes wrong with one is said, and changes nothing.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from rpzctl import process
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.event import Event
from rpzctl.monitoring import Hook
from rpzctl.names import printable
from rpzctl.plan import Plan

INSIDE = "RPZCTL_HOOK"
"""set for the programs: an rpzctl that they start tells no hooks"""
_GRACE = 2.0
"""seconds after a hook's time until it is not waited for any more: names are looked up by the
system, in its own time"""


class _Key(NamedTuple):
    """Where the secret of a hook is."""

    secret_env: str | None
    secret_file: Path | None
    file: Path


def wanted(config: Config, told: Event) -> list[Hook]:
    """Return the hooks that are to be told: none of what is quiet, and none from within a hook."""
    if told.is_quiet or os.environ.get(INSIDE):
        return []
    hooks = config.hooks.on_success if told.is_good else config.hooks.on_failure
    return [hook for hook in hooks if not hook.only or told.outcome in hook.only]


def document(told: Event, plan: Plan | None) -> str:
    """Return what hooks are given: the event, a line for people, and the plan."""
    value = {"text": f"rpzctl: {told.text()}", **told.value(), "plan": plan and plan.value()}
    return json.dumps(value)


def tell(config: Config, hooks: Sequence[Hook], told: Event, text: str) -> list[str]:
    """Tell all `hooks` at once; return what went wrong, for people.

    An interrupt ends the wait, and the programs with it.
    """
    faults: list[str] = []
    stop = threading.Event()

    def one(hook: Hook, ended: threading.Event) -> None:
        try:
            _tell(config, hook, told, text, stop.is_set)
        except RpzctlError as fault:
            faults.append(f"the hook {title(hook)}: {fault.message}")
        finally:
            ended.set()

    # An interrupt of Thread.join makes Python 3.11 take the thread for ended.
    running = [(hook, threading.Event()) for hook in hooks]
    begun = time.monotonic()
    try:
        for each in running:
            threading.Thread(target=one, args=each, daemon=True).start()
        for hook, ended in running:
            if not ended.wait(max(0.0, begun + hook.timeout + _GRACE - time.monotonic())):
                faults.append(f"the hook {title(hook)}: did not end within {hook.timeout:g} s")
    except KeyboardInterrupt:
        stop.set()
        for _, ended in running:
            ended.wait(_GRACE / len(running))
        raise
    return faults


def title(hook: Hook) -> str:
    """Return what to call a hook: its program, or the host of its URL, without what is secret."""
    if hook.command:
        return printable(hook.command[0], 200)
    return f"at {urlsplit(hook.url or '').hostname}"


def _tell(config: Config, hook: Hook, told: Event, text: str, stopped: Callable[[], bool]) -> None:
    """Tell one hook. Raises `RpzctlError`."""
    if not hook.command:
        _post(config, hook, text)
        return
    program, *arguments = hook.command
    path = str(config.repo / program) if "/" in program else program
    about = {INSIDE: "1", "RPZCTL_OUTCOME": told.outcome, "RPZCTL_GENERATION": str(told.generation)}
    done = process.bounded([path, *arguments], text.encode(), hook.timeout, about, stopped)
    if done.status != 0:
        how = f"exit {done.status}" if done.status > 0 else f"killed by signal {-done.status}"
        raise RpzctlError(": ".join(part for part in (how, printable(done.said, 300)) if part))


def _post(config: Config, hook: Hook, text: str) -> None:
    from rpzctl.fetch.fetched import Broken
    from rpzctl.fetch.post import Letter, post

    key = _Key(hook.secret_env, hook.secret_file, config.file)
    try:
        post(Letter(hook.url or "", text, key, hook.header), hook.timeout)
    except Broken as fault:
        raise RpzctlError(str(fault)) from None
