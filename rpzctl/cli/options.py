"""Options that several commands share, and what they are turned into."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from rpzctl.config import Config
    from rpzctl.doctor.scene import Scene
    from rpzctl.progress import Progress
    from rpzctl.run import Run

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Wait = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="Wait so long for another rpzctl.")
]
Force = Annotated[bool, typer.Option("--force", help="Overrule the guards.")]
NoReload = Annotated[
    bool, typer.Option("--no-reload", help="Publish, but do not tell or ask the resolver.")
]

NoCommit = Annotated[
    bool, typer.Option("--no-commit", help="Leave the commit in the policy repo to you.")
]

WAIT = 60.0


class Given(NamedTuple):
    """What goes with one call of the program."""

    last: list[Callable[[], None]]
    """what is to be done when the result is printed"""
    config: Path | None = None
    """of the command line"""


def config_given(ctx: typer.Context) -> Path | None:
    """Return the configuration that the command line names."""
    given = ctx.obj.config if isinstance(ctx.obj, Given) else None
    given = given or ctx.find_root().params.get("config")  # the shell completes
    return Path(given) if given else None


def config_of(ctx: typer.Context) -> "Config":
    """Return the settings that the command line, the environment or the folder point at."""
    from rpzctl import config

    return config.load(config.find(config_given(ctx)))


def run_of(
    ctx: typer.Context,
    *,
    wait: float = WAIT,
    force: bool = False,
    reload: bool = True,
    commit: bool = True,
    progress: "Progress | None" = None,
) -> "Run":
    """Return what the pipeline needs to know, the clock read."""
    from rpzctl.manifest import Cause
    from rpzctl.resolvers import kinds
    from rpzctl.run import Run

    config = config_of(ctx)
    run = Run(
        config=config,
        now=datetime.now(UTC),
        resolvers=tuple(kinds.of(config, settings) for settings in config.resolver),
        wait=wait,
        force=force,
        reload=reload,
        commit=commit,
        cause=Cause(command_of(ctx), invoker()),
    )
    return run._replace(progress=progress) if progress else run


def command_of(ctx: typer.Context) -> str:
    """Return the command without the program's name: ``block``, ``feeds enable``."""
    names: list[str] = []
    name, above = ctx.info_name, ctx.parent
    while above is not None:
        names.insert(0, name or "")
        name, above = above.info_name, above.parent
    return " ".join(names)


def invoker() -> str:
    """Return who asks: the user behind sudo or doas, or the one whose process this is."""
    import pwd

    behind = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER")
    if behind and behind.isprintable():
        return behind
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def scene_of(ctx: typer.Context, *, online: bool) -> "Scene":
    """Return what `doctor` looks at, the clock read; also where the settings cannot be read."""
    import time

    from rpzctl.doctor.scene import SECONDS, Scene
    from rpzctl.errors import RpzctlError

    try:
        given: Config | RpzctlError = config_of(ctx)
    except RpzctlError as fault:
        given = fault
    return Scene(given, datetime.now(UTC), time.monotonic() + SECONDS, online)


def complete_feed(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the feeds whose name begins so, for the shell's completion."""
    from rpzctl import catalogue
    from rpzctl.errors import RpzctlError

    try:
        feeds = catalogue.load(config_of(ctx))
    except RpzctlError:
        return []
    return [name for name in feeds if name.startswith(incomplete)]


FeedNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FEED...",
        help="These only.",
        show_default=False,
        autocompletion=complete_feed,
    ),
]
OneFeed = Annotated[str, typer.Argument(metavar="FEED", autocompletion=complete_feed)]


def complete_blocked(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the blocked names that begin so, for the shell's completion."""
    return _complete_rule(ctx, "block", incomplete)


def complete_allowed(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the allowed names that begin so, for the shell's completion."""
    return _complete_rule(ctx, "allow", incomplete)


def complete_trigger(incomplete: str) -> list[str]:
    """Return the triggers that begin so, for the shell's completion."""
    from rpzctl.triggers import Trigger

    return [trigger for trigger in Trigger if trigger.startswith(incomplete)]


def _complete_rule(ctx: typer.Context, verb: str, incomplete: str) -> list[str]:
    from rpzctl.book import read_book
    from rpzctl.errors import RpzctlError

    try:
        book = read_book(config_of(ctx).repo)
    except RpzctlError:
        return []
    return [r.name for r in book.rules if r.verb == verb and r.name.startswith(incomplete)]
