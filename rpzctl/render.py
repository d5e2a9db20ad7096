"""Templates to text: the frames of zones, the shapes of records, the named.conf fragments.

A zone template owns the frame (SOA, NS, canary) *and* the text of each record, but is not run
once a record: ``{% call(owner, action) records() %}...{% endcall %}`` is called with
placeholders, checked not to depend on the name, and expanded in bulk. The frame keeps a mark
where the serial goes, so what a zone says can be compared and restored apart from its serial.

Only values of our own types reach a template.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import __version__, shipped
from rpzctl.config import Config
from rpzctl.errors import CheckFailed
from rpzctl.files import belong, make_folder
from rpzctl.rows import Shape, expand
from rpzctl.rpz import Action

if TYPE_CHECKING:
    import jinja2

SERIAL_MARK = "@@serial@@"
RECORDS_MARK = "@@records@@"
REMEMBERED = 64
"""so many results of templates are kept"""
CANARY_APEX = "rpzctl-canary.invalid"
_PLACEHOLDER = "rpzctl-placeholder.invalid"
_ODD_NAMES = ("a.b", "*.xn--p1ai-0.rpzctl_probe.example")


MONITORED = "; monitored: logged, and not applied\n"
"""begins a zone that is in shadow: so a group that comes out of it has another zone, which is
published under a new serial and proved"""


class Frame(NamedTuple):
    """The text of a zone around its records, with `SERIAL_MARK` where its serial goes."""

    head: str
    tail: str

    @property
    def monitored(self) -> bool:
        """Whether the zone is logged and not applied."""
        return self.head.startswith(MONITORED)

    def stamped(self, serial: int) -> tuple[bytes, bytes]:
        """Return head and tail with `serial` in place."""
        return (
            self.head.replace(SERIAL_MARK, str(serial)).encode("ascii"),
            self.tail.replace(SERIAL_MARK, str(serial)).encode("ascii"),
        )


class Drawn(NamedTuple):
    """A zone template carried out: its frame, and the shape of each action's records."""

    frame: Frame
    shapes: Mapping[Action, Shape]


def canary_name(origin: str, serial: int | str) -> str:
    """Return the trigger that answers exactly when this serial of the zone `origin` has effect.

    A name that is new with each serial is the only true witness: with the default
    ``min-update-interval`` BIND shows a new serial, and answers to a fixed name, up to a minute
    before new triggers bite.
    """
    return f"s{serial}.{origin.replace('.', '-')}.{CANARY_APEX}"


@dataclass
class _Recorder:
    """What ``records`` is in a zone template."""

    actions: Sequence[Action]
    shapes: dict[Action, Shape] = field(default_factory=dict)

    def __call__(self, caller: Callable[[str, Action], str]) -> str:
        for action in self.actions:
            self.shapes[action] = _shape(caller, action)
        return RECORDS_MARK + "\n"


def _shape(caller: Callable[[str, Action], str], action: Action) -> Shape:
    def draw(owner: str) -> str:
        lines = [line.strip() for line in str(caller(owner, action)).splitlines()]
        return "".join(line + "\n" for line in lines if line)

    shape = tuple(draw(_PLACEHOLDER).split(_PLACEHOLDER))
    for odd in _ODD_NAMES:
        if draw(odd) != expand(shape, odd):
            raise CheckFailed(
                f"the template's records for {action} depend on the name",
                fix="write the owner as {{ owner }} and nothing else that changes with it",
            )
    if len(shape) < 2:  # noqa: PLR2004 - no owner, no record
        raise CheckFailed(f"the template writes no record for the action {action}")
    for line in expand(shape, _PLACEHOLDER).splitlines():
        if not line.startswith(_PLACEHOLDER + " "):
            raise CheckFailed(
                f"the template writes a record of another owner for {action}: {line!r}",
                fix="begin each record with {{ owner }} and a space",
            )
    return shape


@dataclass(frozen=True, eq=False)
class Templates:
    """The templates in force, and a memory of what they came to.

    The same templates with the same values give the same text, so the quick lane need not even
    load Jinja. The memory is in the state folder, under a digest of all template files and values;
    whatever is wrong with it, the templates are carried out.
    """

    config: Config

    @cached_property
    def jinja(self) -> "jinja2.Environment":
        """The policy repo's own templates first, then the shipped ones.

        A template may say ``{% extends "shipped/bind/rpz.zone.j2" %}`` to extend a shipped one.
        """
        import jinja2

        ours = jinja2.FileSystemLoader(shipped.folder("templates"))
        own = jinja2.FileSystemLoader(self.config.repo / "templates")
        return strict(jinja2.ChoiceLoader([own, ours, jinja2.PrefixLoader({"shipped": ours})]))

    @cached_property
    def digest(self) -> str:
        """A digest of every template file, and of this version."""
        total = hashlib.sha256(__version__.encode())
        for folder in (shipped.folder("templates"), self.config.repo / "templates"):
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                total.update(f"\0{path}\0".encode() + path.read_bytes())
        return total.hexdigest()

    def recall(self, values: object, draw: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON
        """Return what `draw` gave for `values` before, or what it gives now; both are JSON."""
        text = json.dumps([self.digest, values], default=str, sort_keys=True)
        folder = self.config.state / "templates"
        path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_bytes())
            if kept["sum"] == _sum(kept["drawn"]):
                return kept["drawn"]
        drawn = draw()
        with suppress(OSError):  # read-only, or before the first apply
            make_folder(folder, 0o700)
            for old in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime)[:-REMEMBERED]:
                old.unlink()
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps({"sum": _sum(drawn), "drawn": drawn}), encoding="utf-8")
            belong(aside, folder)
            aside.replace(path)
        return drawn


def _sum(drawn: object) -> str:
    return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()


def strict(loader: "jinja2.BaseLoader") -> "jinja2.Environment":
    """Return an environment of templates from `loader`, in which what is not defined is a fault."""
    import jinja2

    env = jinja2.Environment(  # noqa: S701 - text files of servers, not HTML; only typed values go in
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    env.filters["txt"] = character_strings
    env.filters["quoted"] = named_string
    return env


def environment(config: Config) -> Templates:
    """Return the templates that are in force."""
    return Templates(config)


def character_strings(text: str) -> str:
    """Return `text` as the data of a TXT record: quoted strings of at most 255 octets.

    Source: RFC 1035, sections 3.3.14 and 5.1.
    """
    octets = text.encode("utf-8")
    parts = [octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(_escaped(o) for o in part) + '"' for part in parts)


def _escaped(octet: int) -> str:
    char = chr(octet)
    if char in '"\\;':
        return "\\" + char
    return char if " " <= char <= "~" else f"\\{octet:03d}"


def named_string(text: object) -> str:
    """Return `text` as a quoted string of named.conf. Raises CheckFailed if it cannot be one."""
    string = str(text)
    if not string.isprintable() or '"' in string or "\\" in string:
        raise CheckFailed(f"{string!r} cannot stand in named.conf")
    return f'"{string}"'


def zone(
    env: Templates, template: str, config: Config, origin: str, actions: Iterable[Action]
) -> Drawn:
    """Carry out the zone template `template` for `origin`. Raises CheckFailed."""
    wanted = sorted(actions)
    values = (template, origin, repr(config.soa), repr(config.sinkhole), [str(a) for a in wanted])
    head, tail, shapes = env.recall(values, lambda: _zone(env, template, config, origin, wanted))
    if config.group_of(origin).mode == "monitor":
        head = MONITORED + head
    return Drawn(
        Frame(head, tail),
        {action: tuple(shape) for action, shape in zip(wanted, shapes, strict=True)},
    )


def _zone(
    env: Templates, template: str, config: Config, origin: str, actions: list[Action]
) -> tuple[str, str, list[Shape]]:
    recorder = _Recorder(actions)
    text = _render(
        env,
        template,
        origin=origin,
        soa=config.soa,
        sinkhole=config.sinkhole,
        serial=SERIAL_MARK,
        canary=canary_name(origin, SERIAL_MARK),
        records=recorder,
    )
    head, mark, tail = text.partition(RECORDS_MARK + "\n")
    if actions and not mark:
        raise CheckFailed(f"the template {template} leaves out the records")
    if SERIAL_MARK not in head:
        raise CheckFailed(f"the template {template} leaves out the serial")
    if not text.isascii():
        raise CheckFailed(f"the template {template} writes characters outside ASCII")
    return head, tail, [recorder.shapes[action] for action in actions]


def fragment(env: Templates, template: str, **values: object) -> str:
    """Carry out the template of a named.conf fragment. Raises CheckFailed.

    What a function among the values gives must follow from the other values.
    """
    plain = {key: repr(value) for key, value in values.items() if not callable(value)}
    text: str = env.recall((template, plain), lambda: _render(env, template, **values))
    return text


def _render(env: Templates, template: str, **values: Any) -> str:  # noqa: ANN401 - a template takes anything
    import jinja2

    try:
        return env.jinja.get_template(template).render(values)
    except jinja2.TemplateSyntaxError as fault:
        where = f"{fault.filename or template}:{fault.lineno}"
        raise CheckFailed(f"{where}: {fault.message}") from None
    except jinja2.TemplateError as fault:
        raise CheckFailed(f"the template {_place(template, fault)}: {fault.message}") from None
    except CheckFailed:
        raise
    except Exception as fault:  # an operator's template can raise anything that Python can
        raise CheckFailed(f"the template {_place(template, fault)}: {fault}") from fault


def _place(template: str, fault: BaseException) -> str:
    """Return ``file:line`` of the innermost template line in the traceback of `fault`."""
    place, trace = template, fault.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if Path(file).suffix == ".j2":
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
