"""The command line: read options, call one function, print.

Modules of commands import nothing heavy at their top: `rpzctl --version` and the quick lane
pay only for what they use.
"""

import errno
import io
import sys
from contextlib import nullcontext, redirect_stderr, suppress
from pathlib import Path
from typing import Annotated

import typer

from rpzctl import __version__
from rpzctl.cli import (
    define,
    deploy,
    doctor,
    exchange,
    feed,
    history,
    listing,
    monitor,
    policy,
    quick,
    rule,
    setup,
    test,
    watch,
    why,
)
from rpzctl.cli.options import Given

app = typer.Typer(
    name="rpzctl",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="DNS policy that is provably live: block names and feeds on BIND, checked, published in "
    "one step, asked of the resolver, and undone when it is not true.",
    epilog="Exit codes: 0 done or nothing to do, 1 failed, 2 usage or configuration, 3 refused as "
    "unsafe, 4 check failed and nothing published, 5 not live and previous policy restored, "
    "6 another rpzctl is at work.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rpzctl {__version__}")
        raise typer.Exit


@app.callback()
def common(
    ctx: typer.Context,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The configuration: else $RPZCTL_CONFIG, ./rpzctl.toml, /etc/rpzctl/rpzctl.toml.",
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options that stand before the command."""
    last = ctx.obj.last if isinstance(ctx.obj, Given) else []
    ctx.obj = Given(last, None if config is None else Path(config))


for module in (
    setup,
    rule,
    listing,
    policy,
    history,
    feed,
    define,
    why,
    test,
    exchange,
    doctor,
    deploy,
    watch,
    monitor,
):
    module.register(app)


def run(arguments: list[str]) -> int:
    """Run the command line, then what it left for its end, and return the exit code.

    That is the command's, whatever becomes of the rest.
    """
    given = Given([])
    status = _run(arguments, given)
    if given.last:
        with suppress(OSError, KeyboardInterrupt):
            sys.stdout.flush()  # who asked need not wait for others
            sys.stderr.flush()
            for each in given.last:
                each()
    return status


def _run(arguments: list[str], given: Given) -> int:
    """Run the command line and return its exit code.

    Every error that a user, a feed or a resolver can cause ends here, in one form.
    """
    from rpzctl.errors import RpzctlError, UsageFault

    as_json = "--json" in arguments
    said = io.StringIO()
    try:
        with redirect_stderr(said) if as_json else nullcontext():
            quick.options(typer.main.get_command(app))(arguments, obj=given)
    except SystemExit as ended:
        sys.stderr.write(said.getvalue())
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if as_json and status == UsageFault.exit_code:
            from rpzctl.cli import show

            show.document(UsageFault(said.getvalue().strip().splitlines()[-1]).value())
        return status
    except RpzctlError as fault:
        from rpzctl.cli import show

        sys.stderr.write(said.getvalue())
        show.error(fault, as_json=as_json)
        return fault.exit_code
    except KeyboardInterrupt:
        print("rpzctl: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except OSError as fault:
        if fault.filename is not None or fault.errno not in {errno.ENOSPC, errno.EIO}:
            raise
        print(f"rpzctl: cannot write what was asked for: {fault.strerror}", file=sys.stderr)
        return 1
    return 0
