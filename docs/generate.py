"""Write the reference from the program: docs/reference/*.md.

The tests hold what is committed against what this writes.
"""

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from rpzctl import catalogue, config, doctor, shipped
from rpzctl.abilities import ABILITIES, CAN
from rpzctl.cli import app
from rpzctl.differences import DIFFERENCES
from rpzctl.monitoring import Hook
from rpzctl.resolver_settings import RESOLVERS, ResolverSettings
from rpzctl.rpz import Kind
from rpzctl.triggers import Trigger

HERE = Path(__file__).parent / "reference"
_NOTE = "<!-- written by docs/generate.py: make docs -->\n\n"


def commands() -> str:
    """Return the reference of all commands."""
    top = typer.main.get_command(app)
    parts = [_NOTE, "# Commands\n\n", f"{top.help}\n\n{top.epilog}\n"]
    for name, command in _commands(top, ""):
        parts.append(f"\n## rpzctl {name}\n\n{command.help}\n\n")
        lines = [line for param in command.params if (line := _option(param))]
        parts += ["| option | meaning |\n|---|---|\n", *lines] if lines else []
        if command.epilog:
            parts.append(f"\n{command.epilog}\n")
    return "".join(parts)


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer keeps its classes to itself
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _option(param: Any) -> str:  # noqa: ANN401 - same
    if param.name == "help":
        return ""
    is_option = param.opts[0].startswith("-")
    shown = ", ".join(param.opts) if is_option else ""
    if not getattr(param, "is_flag", False):
        metavar = param.metavar or param.name.rstrip("_").upper()
        shown = f"{shown} {metavar}".strip()
    return f"| `{shown}` | {(param.help or '').replace('|', '/')} |\n"


def configuration() -> str:
    """Return the reference of rpzctl.toml."""
    parts = [_NOTE, "# rpzctl.toml\n\nRelative paths are relative to the folder of the file.\n"]
    sections = [
        ("[paths]", config.Paths),
        ("[policy]", config.PolicySettings),
        ("[soa]", config.Soa),
        ("[sinkhole]", config.Sinkhole),
        ("[guards]", config.Guards),
        ("[fetch]", config.Fetch),
        ("[[resolver]]", ResolverSettings),
        *((f'[[resolver]] kind = "{kind}"', model) for kind, model in RESOLVERS.items()),
        ("[group.NAME]", config.Group),
        ("[git]", config.Git),
        ("[watch]", config.Watch),
        ("[audit]", config.Audit),
        ("[metrics]", config.Metrics),
        ("[hooks]", config.Hooks),
        ("[[hooks.on_success]], [[hooks.on_failure]]", Hook),
    ]
    for title, model in sections:
        parts.append(f"\n## {title}\n\n{inspect.getdoc(model)}\n\n")
        parts += ["| key | default | meaning |\n|---|---|---|\n", *_keys(model)]
    return "".join(parts)


def feeds() -> str:
    """Return the reference of feed definitions, and the list of those that are shipped."""
    parts = [
        _NOTE,
        "# Feed definitions\n\n`feeds/NAME.toml` in the policy repo, before shipped ones.\n\n",
        "| key | default | meaning |\n|---|---|---|\n",
        *_keys(catalogue.Feed),
        "\n## Shipped\n\nAll are off until `rpzctl feeds enable NAME`. How to choose: ",
        "[feeds](../feeds.md). Terms are those that publishers state; where they are not known ",
        "here, read them.\n\n",
        "| feed | zone | kind | format | licence | commercial use | interval |\n",
        "|---|---|---|---|---|---|---|\n",
    ]
    for path in sorted(shipped.folder("feeds").glob("*.toml")):
        feed = catalogue.read(path)
        title = f"[{feed.title}]({feed.homepage})" if feed.homepage else str(feed.title)
        allowed = {None: "not known", True: "yes", False: "**no**"}[feed.commercial]
        parts.append(
            f"| `{feed.name}`: {title} | {feed.zone} | {feed.kind} | {feed.format} | "
            f"{feed.licence} | {allowed} | {feed.every or '-'} |\n"
        )
    return "".join(parts)


def examinations() -> str:
    """Return the reference of what `rpzctl doctor` looks at."""
    parts = [
        _NOTE,
        "# rpzctl doctor\n\nEach examination by its id. How to use it: [doctor](../doctor.md).\n",
    ]
    for each in doctor.EXAMINATIONS:
        said = doctor.described(each)
        parts.append(
            f"\n## {said.id}\n\n{said.title}\n\n- Harm: {said.harm}\n- Example: {said.example}\n"
            f"- Reference: {said.reference}\n"
        )
    return "".join(parts)


def resolvers() -> str:
    """Return what each kind of resolver can do."""
    able = list(ABILITIES.values())
    rows = [
        *((f"action `{kind}`", [each.actions[kind] for each in able]) for kind in Kind),
        *((f"trigger `{name}`", [each.triggers[name] for each in able]) for name in Trigger),
        ("action `cname` to \\*.NAME", [each.wildcard_targets for each in able]),
        ("a name that a CNAME leads to", [each.cname_targets for each in able]),
        ("`max_policy_ttl` of a group", [CAN if each.max_ttl else "does nothing" for each in able]),
        ("a change is brought by", [each.change for each in able]),
        ("proof", [each.proof for each in able]),
    ]
    return "".join(
        [
            _NOTE,
            "# Resolvers\n\nWhat each kind does with policy; how to set them up, and more of what ",
            "differs: [resolvers](../resolvers.md). Actions, and the triggers qname, response-ip ",
            "and client-ip, are held against the real daemons by tests/conformance.\n\n",
            f"| | {' | '.join(each.title for each in able)} |\n|---{'|---' * len(able)}|\n",
            *(
                f"| {title} | {' | '.join('yes' if cell == CAN else cell for cell in cells)} |\n"
                for title, cells in rows
            ),
            *_differences(),
        ]
    )


def _differences() -> Iterator[str]:
    """Give what each kind does otherwise than BIND, and the table of what was seen."""
    yield (
        "\n## What they do otherwise than BIND\n\nEach row predicts the answers of the real "
        "resolver in `make test-differential`, and has a smallest policy of its own that shows "
        "it (tests/differential/cases.py). `rpzctl check` warns of a policy that depends on one, "
        "where the zones tell: of `shared` they do not.\n\n"
        "| | row | a policy that has | what happens instead |\n|---|---|---|---|\n"
    )
    for kind, rows in DIFFERENCES.items():
        for each in rows:
            told = (ABILITIES[kind].title, f"`{each.id}`", each.needs, each.told)
            yield f"| {' | '.join(told)} |\n"
    seen = json.loads(HERE.with_name("conformance.json").read_text(encoding="utf-8"))
    yield (
        "\n## What was seen\n\nWhat a rule of each trigger and action did to a question that was "
        "asked twice: what BIND means by it (yes), or what happened instead. Written by `make "
        "conformance` from the real resolvers; `make test-differential` holds it against "
        "them.\n\n"
        f"| | {' | '.join(ABILITIES[kind].title for kind in seen)} |\n|---{'|---' * len(seen)}|\n"
    )
    for cell in seen["bind"]:
        trigger, action = cell.split(" ")
        yield f"| {trigger}: `{action}` | {' | '.join(told[cell] for told in seen.values())} |\n"


def _keys(model: type[Any]) -> Iterator[str]:
    """Give a row for each key: its default, and the text that stands below it in the source."""
    [node] = ast.parse(inspect.getsource(model)).body
    assert isinstance(node, ast.ClassDef)  # noqa: S101 - the source of a class
    following = [*node.body[1:], None]
    for line, after in zip(node.body, following, strict=True):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        key = line.target.id
        if key == "file":
            continue
        text = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).split())
        required = model.fields[key].required
        default = "required" if required else f"`{_default(getattr(model, key))}`"
        yield f"| `{key}` | {default} | {text} |\n"


def _default(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    return f'"{value}"' if not isinstance(value, int | float) else str(value)


PAGES = {
    "commands.md": commands,
    "configuration.md": configuration,
    "feeds.md": feeds,
    "doctor.md": examinations,
    "resolvers.md": resolvers,
}


def main() -> None:
    """Write all pages."""
    HERE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
