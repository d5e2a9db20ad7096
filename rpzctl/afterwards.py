"""What follows a command that may have changed something: the log, the metrics, the hooks.

It comes when the effect was proved and no lock is held; what goes wrong here is told, and changes
neither the policy nor how the command ends.
"""

from collections.abc import Callable

from rpzctl import audit, last_runs
from rpzctl.audit import Presence
from rpzctl.errors import RpzctlError
from rpzctl.event import Event
from rpzctl.monitoring import Hooks
from rpzctl.plan import Plan
from rpzctl.run import Run

Warn = Callable[[str], None]


def note(run: Run, told: Event, presence: Presence, warn: Warn) -> bool:
    """Write how the run ended, the log, and the metrics; tell whether it is news for hooks."""
    news = True

    def record() -> None:
        nonlocal news
        news = last_runs.keep(run.config.state, told)

    _guarded(record, "this run is not on record", warn)
    if run.config.audit.enabled and news and not told.is_quiet:
        _guarded(
            lambda: audit.tell(run.config, run.store, told, presence),
            "the audit log was not written",
            warn,
        )
    if run.config.metrics.file is not None:
        from rpzctl import metrics

        _guarded(lambda: metrics.refresh(run, told, warn), "the metrics are old", warn)
    return news


def hooks(run: Run, told: Event, plan: Plan | None, warn: Warn) -> Callable[[], None] | None:
    """Return what tells the hooks, for when the result is printed; None: there are none to tell."""
    if run.config.hooks == Hooks():
        return None
    from rpzctl import hooks as room

    wanted = room.wanted(run.config, told)

    def tell() -> None:
        for line in room.tell(run.config, wanted, told, room.document(told, plan)):
            warn(line)

    return (lambda: _guarded(tell, "the hooks were not told", warn)) if wanted else None


def _guarded(act: Callable[[], None], lost: str, warn: Warn) -> None:
    """Do what no command may fail by."""
    try:
        act()
    except RpzctlError as fault:
        warn(f"{lost}: {fault.message}")
    except Exception as fault:  # noqa: BLE001 - the policy is as the command says, whatever happens here
        warn(f"{lost}: {type(fault).__name__}: {fault}")
