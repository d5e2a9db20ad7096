"""watch: one long-lived process that keeps the policy up to date."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, NoReload, config_given


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog="Example: rpzctl watch --log-format json. As a service: "
        "rpzctl deploy install watch. SIGHUP reads the settings anew and syncs; SIGTERM lets an "
        "apply end."
    )(watch)


def watch(
    ctx: typer.Context,
    log_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Of the lines on stderr: human, json (one object a line), journald "
            "[under systemd that, else human].",
        ),
    ] = None,
    no_reload: NoReload = False,
    json: Json = False,
) -> None:
    """Follow the policy repo: sync when files change, feeds are due, or rules expire."""
    from rpzctl import config, log, times
    from rpzctl.errors import UsageFault
    from rpzctl.watch import notify, supervisor

    if log_format is not None and log_format not in set(log.Form):
        raise UsageFault(f"--log-format is one of {', '.join(log.Form)}, not {log_format!r}")
    # With --json the command line keeps stderr back until the end: lines go past it.
    lines = sys.__stderr__ or sys.stderr
    form = log.Form(log_format) if log_format else log.usual(os.environ, lines.fileno())

    def clock() -> datetime:
        return datetime.now(UTC)

    def find() -> Path:
        return config.find(config_given(ctx))

    edge = supervisor.Edge(
        log.Log(lines, form, lambda: times.show(clock())),
        notify.of(os.environ),
        clock,
        find,
        ("--no-reload",) if no_reload else (),
    )
    ended = supervisor.Watcher(config.load(find()), edge).run()
    if json:
        show.document(ended._asdict())
