"""The long-lived process: it waits, lets a child work, and tells what came of it."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from rpzctl import config as settings
from rpzctl import process, times
from rpzctl.config import Config
from rpzctl.errors import Locked, RpzctlError
from rpzctl.log import Log
from rpzctl.store import Store
from rpzctl.times import Clock
from rpzctl.watch import signature
from rpzctl.watch.events import Events
from rpzctl.watch.notify import Notify
from rpzctl.watch.schedule import Pace, Schedule
from rpzctl.watch.telling import Result, Told, tell

WATCH_LOCK = "watch.lock"
_LONGEST_RUN = 7200.0
"""seconds after which a run is killed: feeds and resolvers have bounds of their own"""
_JUMP = 30.0
"""seconds by which no clock goes wrong by itself between two looks"""
_PATIENCE = 90.0
"""seconds that an apply has to be finished or undone when the watcher is to end"""


class Edge(NamedTuple):
    """What a watcher is given of the world."""

    log: Log
    notify: Notify
    clock: Clock
    """gives the time of day, UTC; waits are by the monotonic clock"""
    find: Callable[[], Path]
    """gives the configuration: a link on the way to it may lead elsewhere by now"""
    options: Sequence[str] = ()
    """of the runs"""


class Ended(NamedTuple):
    """What a watcher tells when it has ended."""

    runs: int
    """that it made"""
    fault: str
    """of the last one; empty: it was good"""


class Watcher:
    """One policy repo, followed until a signal ends it."""

    def __init__(self, config: Config, edge: Edge) -> None:
        self._config = config
        self._edge = edge
        self._wake = threading.Event()
        self._noticed = False
        self._ending = False
        self._reload = False
        self._seen: signature.Signature | None = None
        self._schedule = Schedule()
        self._told = Told()
        self._blind = ""
        self._clocks = self._both_clocks()
        self._runs = 0

    def run(self) -> Ended:
        """Watch until SIGTERM or SIGINT. Raises `Locked` where another watcher is at work."""
        with ExitStack() as held:
            self._hold(held, self._config)
            before = [signal.signal(number, self._signalled) for number in _SIGNALS]
            held.callback(_put_back, before)
            events = Events(self._notice)
            held.callback(events.close)
            self._arm(events)
            self._edge.notify.tell(READY="1", STATUS=self._told.status)
            self._edge.log.note(f"watching {self._config.repo}")
            self._schedule = self._schedule.changed(time.monotonic() - self._pace.most)
            while not self._ending:
                self._turn(held, events)
            self._edge.notify.tell(STOPPING="1")
            self._edge.log.note("ended")
        return Ended(self._runs, self._told.fault)

    @property
    def _pace(self) -> Pace:
        said = self._config.watch
        return Pace(said.quiet, said.most, said.poll, said.every)

    def _turn(self, held: ExitStack, events: Events) -> None:
        """Run if it is time to; else wait until it is, something happens, or a poll is due."""
        if self._reload:
            self._reloaded(held)
        if self._noticed:
            self._noticed = False
            self._schedule = self._schedule.changed(time.monotonic())
        moment = self._schedule.at(self._pace)
        now = time.monotonic()
        if moment is not None and moment <= now:
            if self._is_to_run(now):
                self._run(held)
            return
        pause = self._pace.poll if moment is None else min(self._pace.poll, moment - now)
        woken = self._rest(pause)
        if not woken and (moment is None or time.monotonic() < moment):
            self._relocate(held)
            self._arm(events)
            if self._clock_was_set() or self._differs():
                self._schedule = self._schedule.changed(time.monotonic())

    def _rest(self, pause: float) -> bool:
        """Wait so long, or until something happens; return whether it did."""
        ping = self._edge.notify.watchdog
        woken = self._wake.wait(pause if ping is None else min(pause, ping))
        self._wake.clear()
        self._edge.notify.tell(WATCHDOG="1")
        return woken

    def _both_clocks(self) -> tuple[float, float]:
        return time.monotonic(), self._edge.clock().timestamp()

    def _clock_was_set(self) -> bool:
        """Tell whether the time of day jumped: what is due by it is another thing then."""
        before, self._clocks = self._clocks, self._both_clocks()
        jumped = (self._clocks[1] - before[1]) - (self._clocks[0] - before[0])
        if abs(jumped) < _JUMP:
            return False
        self._edge.log.note(f"the clock was set by {jumped:+.0f} s")
        self._seen = None
        return True

    def _is_to_run(self, now: float) -> bool:
        """Tell whether it is time for more than a look; events of no consequence are forgotten."""
        asked = [m for m in (self._schedule.retry, self._schedule.due) if m is not None]
        if any(moment <= now for moment in asked) or self._differs():
            return True
        self._schedule = self._schedule._replace(first=None, last=None)
        return False

    def _differs(self) -> bool:
        if self._seen is None:
            return True
        now = signature.take(self._config, self._seen)
        if now.differs_from(self._seen):
            return True
        self._seen = now  # what was only touched is not read again
        return False

    def _run(self, held: ExitStack) -> None:
        self._load_settings(held)
        self._runs += 1
        self._schedule = self._schedule.began()
        self._seen = signature.take(self._config, self._seen)
        result = self._child()
        self._told = tell(self._edge.log, self._told, result)
        self._edge.notify.tell(STATUS=self._told.status)
        wait = self._seconds_to((result.document or {}).get("next"))
        now = time.monotonic()
        self._schedule = self._schedule.ended(now, self._pace, good=result.good, wait=wait)
        if self._differs():
            self._schedule = self._schedule.changed(time.monotonic())

    def _seconds_to(self, moment: object) -> float | None:
        try:
            until = times.parse(str(moment)) if moment else None
        except ValueError:
            until = None
        return None if until is None else (until - self._edge.clock()).total_seconds()

    def _child(self) -> Result:
        """Have the work done, and wait for it; a watcher that is to end lets it finish."""
        try:
            command = [sys.executable, "-m", "rpzctl", "--config", str(self._config.file)]
            running = process.start([*command, "sync", "--json", *self._edge.options])
        except RpzctlError as fault:
            return Result(1, fault.value())
        done: list[Result] = []

        def wait() -> None:
            try:
                ended = running.wait(timeout=_LONGEST_RUN)
                done.append(Result(ended.status, _document(ended.out), ended.err))
            except RpzctlError as fault:
                done.append(Result(1, fault.value()))
            finally:
                self._wake.set()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        until: float | None = None
        while thread.is_alive():
            self._rest(1.0)
            if self._ending and until is None:
                until = time.monotonic() + _PATIENCE
                self._edge.notify.tell(STOPPING="1", STATUS="waiting for the apply in hand")
            if until is not None and time.monotonic() > until:
                self._edge.log.fault("the apply in hand did not end; it is killed")
                running.kill()
            thread.join(0.05)
        return done[0]

    def _arm(self, events: Events) -> None:
        """See to it that events come; tell once why they cannot."""
        why = events.arm(self._config.repo) or ""
        if why and why != self._blind:
            self._edge.log.caution(f"{why}; looking each {self._pace.poll:g} s")
        self._blind = why

    def _relocate(self, held: ExitStack) -> None:
        """Follow a link to the policy repo that leads elsewhere by now."""
        try:
            moved = self._edge.find() != self._config.file
        except RpzctlError:
            return
        if moved:
            self._load_settings(held)
            self._seen = None

    def _load_settings(self, held: ExitStack) -> None:
        """Read the settings anew; with faults in them the old ones stay, and the run tells."""
        try:
            new = settings.load(self._edge.find())
        except RpzctlError:
            return
        if new.state != self._config.state:
            try:
                self._hold(held, new)
            except Locked as fault:
                self._edge.log.fault(f"{fault.message}: {new.state}")
                return
        self._config = new

    def _hold(self, held: ExitStack, config: Config) -> None:
        try:
            held.enter_context(Store(config.output, config.state).lock(0, WATCH_LOCK))
        except Locked:
            raise Locked(
                "another rpzctl watches this policy", fix="one is enough: see 'systemctl status'"
            ) from None

    def _reloaded(self, held: ExitStack) -> None:
        self._reload = False
        microseconds = str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
        self._edge.notify.tell(RELOADING="1", MONOTONIC_USEC=microseconds)
        self._load_settings(held)
        self._seen = None  # run, whatever the files say
        self._schedule = self._schedule.changed(time.monotonic() - self._pace.most)
        self._edge.notify.tell(READY="1", STATUS=self._told.status)
        self._edge.log.note("settings read anew")

    def _notice(self) -> None:
        self._noticed = True
        self._wake.set()

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._ending = True
        self._wake.set()


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _put_back(before: Sequence[object]) -> None:
    for number, handler in zip(_SIGNALS, before, strict=True):
        signal.signal(number, handler)  # type: ignore[arg-type] # as `signal.signal` gave it


def _document(out: str) -> dict[str, object] | None:
    try:
        found = json.loads(out)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
