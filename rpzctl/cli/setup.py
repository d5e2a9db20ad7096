"""init: a policy repo to start with."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Given, Json, invoker, run_of
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl.initial import Made


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Example: rpzctl init /etc/rpzctl, or, to try it: rpzctl init policy --output out "
        "--state state --port 5300 --rndc-port 9530 --rndc-key rndc.key"
    )(init)


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the policy repo goes.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Zones and fragments, readable by named [/var/lib/bind/rpzctl]."),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="rpzctl's own [/var/lib/rpzctl].")] = None,
    server: Annotated[
        str | None, typer.Option(metavar="ADDR", help="Where named answers [127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port of queries there [53].")
    ] = None,
    rndc_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port of its control channel [953].")
    ] = None,
    rndc_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The key that rndc is given [/etc/bind/rndc.key]."),
    ] = None,
    named_conf: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The configuration that will hold the includes [/etc/bind/named.conf].",
        ),
    ] = None,
    no_git: Annotated[bool, typer.Option("--no-git", help="Do not make it a git repo.")] = False,
    json: Json = False,
) -> None:
    """Write a policy repo, and publish an empty policy for named to include."""
    from rpzctl import initial
    from rpzctl.manifest import Cause

    _is_address(server)
    given = {
        "output": output.absolute() if output else None,
        "state": state.absolute() if state else None,
        "server": server,
        "port": port,
        "rndc_port": rndc_port,
        "rndc_key": rndc_key.absolute() if rndc_key else None,
        "named_conf": named_conf.absolute() if named_conf else None,
    }
    made = initial.init(
        folder,
        {key: value for key, value in given.items() if value is not None},
        git=not no_git,
        cause=Cause("init", invoker()),
    )
    settings = made.repo / "rpzctl.toml"
    _note(ctx, made, settings)
    if settings in made.kept and any(value is not None for value in given.values()):
        show.note(f"{settings} stays as it is: the options were not taken; edit it instead")
    if json:
        show.document(made.value())
        return
    _tell(made)


def _is_address(server: str | None) -> None:
    from ipaddress import ip_address

    from rpzctl.errors import UsageFault

    try:
        ip_address("127.0.0.1" if server is None else server)
    except ValueError:
        raise UsageFault(f"--server is an IP address, not {server!r}") from None


def _note(ctx: typer.Context, made: "Made", settings: Path) -> None:
    """Tell of the first policy, by settings that are only there now."""
    from rpzctl.event import Done

    ctx.obj = Given(ctx.obj.last, settings)
    with told(ctx, run_of(ctx)) as tell:
        tell(Done(made.outcome, recorded=bool(made.written)))


def _tell(made: "Made") -> None:
    for path in made.written:
        print(f"wrote {path}")
    for path in made.kept:
        print(f"kept {path}")
    if made.git:
        print(f"made {made.repo} a git repository")
    print(f"published: generation {made.generation}")
    print("\nInside options { } of named.conf (Debian: /etc/bind/named.conf.options):")
    print(f"    {made.options_include}")
    print("At its top level (Debian: /etc/bind/named.conf.local):")
    print(f"    {made.zones_include}")
    print("Then: rndc reconfig, and try: rpzctl block evil.example")
