"""How a command that may change something tells of itself: to log, metrics and hooks."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Given, command_of

if TYPE_CHECKING:
    from rpzctl.event import Done
    from rpzctl.run import Run


@contextmanager
def told(
    ctx: typer.Context, run: "Run", names: Sequence[str] = ()
) -> Iterator[Callable[["Done"], None]]:
    """Give what takes in what the command did; tell of that, or of the fault that ended the block.

    `names` are what it is about, should it fail. The log and the metrics are written when the block
    ends, in which all locks were released; the hooks are left for when the result is printed.
    """
    from rpzctl import afterwards, audit, event

    begun = time.monotonic()
    said: list[Done] = []
    command = command_of(ctx)
    before = run.store.number()
    with audit.present(run.config) as presence:
        try:
            yield said.append
        except BaseException as fault:
            seconds, after = time.monotonic() - begun, run.store.number()
            what = event.failed(run, command, before, after, names, fault, seconds)
            if afterwards.note(run, what, presence, show.note):
                _leave(ctx, afterwards.hooks(run, what, None, show.note))
            raise
        for done in said[-1:]:
            what = event.done(run, command, before, done, time.monotonic() - begun)
            if afterwards.note(run, what, presence, show.note):
                _leave(ctx, afterwards.hooks(run, what, done.plan, show.note))


def _leave(ctx: typer.Context, tell: Callable[[], None] | None) -> None:
    if tell is not None and isinstance(ctx.obj, Given):
        ctx.obj.last.append(tell)
