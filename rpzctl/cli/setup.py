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


ADDRESS = typer.Option(metavar="ADDR", help="Where the resolver answers [127.0.0.1].")
Output = Annotated[
    Path | None,
    typer.Option(help="Zones and fragments, for the resolver to read [/var/lib/bind/rpzctl]."),
]
State = Annotated[Path | None, typer.Option(help="rpzctl's own [/var/lib/rpzctl].")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="The port of queries there [53].")]
RndcPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="The port of its control channel [953].")
]
RndcKey = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The key that rndc is given [/etc/bind/rndc.key]."),
]
NamedConf = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The configuration that will hold the includes [/etc/bind/named.conf].",
    ),
]
ResolverKind = Annotated[
    str, typer.Option(metavar="KIND", help="bind, unbound, pdns-recursor or knot.")
]
UnboundConf = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Of unbound: its configuration [/etc/unbound/unbound.conf]."),
]
ConfigDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Of pdns-recursor: where recursor.conf is [/etc/powerdns]."),
]
SocketDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Of pdns-recursor: its control socket [/run/pdns-recursor]."),
]
Control = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Of knot: its control sockets [/run/knot-resolver/control]."),
]


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the policy repo goes.")],
    output: Output = None,
    state: State = None,
    server: Annotated[str | None, ADDRESS] = None,
    port: Port = None,
    rndc_port: RndcPort = None,
    rndc_key: RndcKey = None,
    named_conf: NamedConf = None,
    resolver_kind: ResolverKind = "bind",
    unbound_conf: UnboundConf = None,
    config_dir: ConfigDir = None,
    socket_dir: SocketDir = None,
    control: Control = None,
    no_git: Annotated[bool, typer.Option("--no-git", help="Do not make it a git repo.")] = False,
    json: Json = False,
) -> None:
    """Write a policy repo, and publish an empty policy for the resolver to include."""
    from rpzctl import initial
    from rpzctl.errors import UsageFault
    from rpzctl.manifest import Cause

    _is_address(server)
    if resolver_kind not in initial.OUTPUTS:
        raise UsageFault(
            f"--resolver-kind is one of {', '.join(initial.OUTPUTS)}, not {resolver_kind!r}"
        )
    paths = {
        "output": output,
        "state": state,
        "rndc_key": rndc_key,
        "named_conf": named_conf,
        "unbound_conf": unbound_conf,
        "config_dir": config_dir,
        "socket_dir": socket_dir,
        "control": control,
    }
    given: dict[str, object] = {
        **{key: path.absolute() if path else None for key, path in paths.items()},
        "server": server,
        "port": port,
        "rndc_port": rndc_port,
        "kind": resolver_kind if resolver_kind != "bind" else None,
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
    print()
    for include in made.includes:
        print(include.where)
        print(f"    {include.line}")
    print(f"Then: {' and '.join(made.then)}, and try: rpzctl block evil.example")
