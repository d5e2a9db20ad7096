"""Options that are of their type already are taken as they are.

Typer converts each with Pydantic, which takes as long to import as Typer itself; here an option is
text nearly always. One that is not, is converted by Typer as ever, and told of as ever.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args, get_origin


class _Taken(NamedTuple):
    """What Typer asks for an option's value; as `typer.core` names it."""

    kind: Any
    """the annotation, without None"""
    typers: Callable[[], Any]

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401 - of any type
        """Return the value that the command gets. Raises what Typer raises."""
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if _is(self.kind, value):
            return value
        return self.typers().coerce(value, param=param, ctx=ctx)


def _is(kind: Any, value: object) -> bool:  # noqa: ANN401 - an annotation is of any type
    if get_origin(kind) is list:
        each = get_args(kind)[0]
        return isinstance(value, list | tuple) and all(type(one) is each for one in value)
    return type(value) is kind


def options(command: Any) -> Any:  # noqa: ANN401 - Typer keeps its classes to itself
    """Return `command` with options that are taken so, in all its commands."""
    given = command.get_params  # which makes --help only when it is asked
    command.get_params = lambda ctx: [_quick(param) for param in given(ctx)]
    for below in getattr(command, "commands", {}).values():
        options(below)
    return command


def _quick(param: Any) -> Any:  # noqa: ANN401 - same
    """Return an option of Typer's; a Typer that converts in another way is left as it is."""
    described, own = (getattr(param, n, None) for n in ("type_descriptor", "get_runtime_param"))
    if described is not None and own is not None and "get_runtime_param" not in vars(param):
        taken = _Taken(described.annotation, own)
        param.get_runtime_param = lambda: taken
    return param
