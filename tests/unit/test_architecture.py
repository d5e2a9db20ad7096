"""The law "one room owns each side effect", and the shape of the house, read from the source."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import rpzctl

PACKAGE = Path(rpzctl.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}

ROOMS = {
    "subprocess": {"process.py": "the only subprocess wrapper"},
    "socket": {
        "resolvers/ask.py": "the only place that asks DNS questions",
        "resolvers/bind.py": "tries whether named listens for rndc, before anything changes",
        "resolvers/knot.py": "the control sockets of Knot Resolver, which has no tool for them",
        "fetch/axfr.py": "zone transfers",
        "git.py": "the name of this host, for an address of people that git does not know",
        "fetch/http.py": "tells the faults of names and addresses apart",
        "fetch/web.py": "ends what waits in other threads",
        "watch/notify.py": "the socket that systemd names",
    },
    "watchdog": {"watch/events.py": "what the kernel tells of the policy repo"},
    "httpx": {},
    "pydantic": {},
    "httpcore": {"fetch/web.py": "the only feed network"},
    "urllib.request": {"fetch/web.py": "the proxies that the environment names"},
    "http": {},
    "shelve": {},
    "pickle": {},
    "asyncio": {},
    "fcntl": {"store.py": "the lock", "audit.py": "who has yet to tell, and whole lines"},
    "rich": {"cli/progress.py": "the terminal"},
}
CLOCKS = {
    "cli/options.py": "the edge: the moment of the run",
    "cli/rule.py": "the edge: the moment that a rule records",
    "cli/listing.py": "the edge: which rules are in force when they are shown",
    "cli/watch.py": "the edge: the watcher is handed the clock",
    "deliver.py": "the moment of proof, which comes long after the run began",
    "initial.py": "the edge: init has no run before it",
    "fetch/axfr.py": "the moment at which a message is signed (TSIG)",
}
MUTATING = {"append", "add", "update", "setdefault", "extend", "insert", "pop", "clear", "remove"}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the modules that the statement `node` imports, if it is an import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def ours(node: ast.AST) -> set[str]:
    """Return our own modules that `node` imports: `from package import module` means the module."""
    found = {name for name in imports(node) if name in MODULES}
    return found - {name for name in found if any(o.startswith(name + ".") for o in found)}


def at_import(body: list[ast.stmt]) -> Iterator[str]:
    """Yield our modules that are imported when the module is imported."""
    for node in body:
        yield from ours(node)
        if isinstance(node, ast.If | ast.Try) and not is_typing_only(node):
            yield from at_import(node.body)


def calls(path: Path, said: Callable[[str], bool]) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and said(ast.unparse(node.func))
    ]


@pytest.mark.parametrize("module", ROOMS)
def test_one_room_owns_each_side_effect(module: str) -> None:
    users = {
        room(path)
        for path in FILES
        for node in ast.walk(tree(path))
        for name in imports(node)
        if name == module or name.startswith(module + ".")
    }
    assert set() == users - set(ROOMS[module])


def test_only_the_command_line_prints() -> None:
    printers = {room(path) for path in FILES if calls(path, lambda f: f == "print")}
    assert {name for name in printers if name.startswith("cli/")} == printers


def test_only_the_edge_writes_to_or_reads_from_the_terminal() -> None:
    users = {
        room(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"sys.stdout", "sys.stderr", "sys.stdin"}
    }
    assert set() == {name for name in users if not name.startswith("cli/")} - {"__main__.py"}


def test_the_clock_is_read_at_the_edge() -> None:
    asked = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    readers = {room(path) for path in FILES if calls(path, lambda f: f in asked)}
    assert set(CLOCKS) == readers, "a new reader of the clock? pass the moment in instead"


def test_the_clock_is_read_in_utc() -> None:
    naive = [
        f"{room(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "datetime.now"
        and [ast.unparse(argument) for argument in node.args] != ["UTC"]
    ]
    assert [] == naive


def test_no_shell_and_no_evaluation() -> None:
    banned = {"eval", "exec", "os.system", "os.popen", "compile", "__import__"}
    users = {room(path) for path in FILES if calls(path, lambda f: f in banned)}
    shells = {
        room(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    }
    assert set() == users | shells


def test_only_the_commands_end_the_process() -> None:
    enders = {
        room(path) for path in FILES if calls(path, lambda f: f in {"sys.exit", "os._exit", "exit"})
    }
    assert {"__main__.py"} >= {name for name in enders if not name.startswith("cli/")}


def module_names(module: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in module.body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found


def changed_name(node: ast.AST) -> str | None:
    """Return the plain name whose value `node` changes in place, if it does that."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        target: ast.AST | None = node.func.value if node.func.attr in MUTATING else None
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        target = node.value
    elif isinstance(node, ast.AugAssign):
        target = node.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def test_no_module_keeps_state() -> None:
    found = []
    for path in FILES:
        names = module_names(tree(path))
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Global):
                found.append(f"{room(path)}:{node.lineno}: global")
            name = changed_name(node)
            if name in names:
                found.append(f"{room(path)}:{getattr(node, 'lineno', 0)}: {name} is changed")
            if isinstance(node, ast.FunctionDef) and any(
                "cache" in ast.unparse(each) and "cached_property" not in ast.unparse(each)
                for each in node.decorator_list
            ):
                found.append(f"{room(path)}:{node.lineno}: a cache of the module")
    assert [] == found


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that are left when all without a way on are taken away."""
    left = dict(graph)
    while ends := [name for name, to in left.items() if not (to & left.keys())]:
        for name in ends:
            del left[name]
    return sorted(left)


def test_imports_form_no_cycle() -> None:
    graph = {
        name: set(at_import(tree(path).body)) - {name, "rpzctl"} for name, path in MODULES.items()
    }
    assert [] == cycle(graph)


def test_imports_form_no_cycle_even_with_those_made_later() -> None:
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        typing_only = {
            id(inner)
            for node in ast.walk(tree(path))
            if is_typing_only(node)
            for inner in ast.walk(node)
        }
        nodes = (node for node in ast.walk(tree(path)) if id(node) not in typing_only)
        found = {each for node in nodes for each in ours(node)}
        graph[name] = found - {name, "rpzctl"}
    assert [] == cycle(graph)


def test_leaves_do_not_import_the_path_or_the_command_line() -> None:
    above = {
        "rpzctl.pipeline",
        "rpzctl.commands",
        "rpzctl.sync",
        "rpzctl.deliver",
        "rpzctl.initial",
    }
    leaves = [
        *("names", "rpz", "serial", "rules", "policy", "render", "check", "store", "process"),
        *("errors", "times", "guards", "suffixes", "rows", "config", "edits", "book", "fetch"),
        *("table", "resolvers.ask", "resolvers.bind", "resolvers.verify"),
    ]
    wrong = {
        (leaf, name)
        for leaf in leaves
        for node in ast.walk(tree(MODULES[f"rpzctl.{leaf}"]))
        for name in imports(node)
        if name in above or name.startswith("rpzctl.cli")
    }
    assert set() == wrong


def test_only_the_program_imports_the_command_line() -> None:
    users = {
        room(path)
        for path in FILES
        for node in ast.walk(tree(path))
        for name in imports(node)
        if name.startswith("rpzctl.cli")
    }
    assert {"__main__.py"} == {name for name in users if not name.startswith("cli/")}


def test_every_module_and_every_public_thing_says_what_it_is() -> None:
    silent = []
    for path in FILES:
        if not ast.get_docstring(tree(path)):
            silent.append(room(path))
        silent += [
            f"{room(path)}: {node.name}"
            for node in tree(path).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert [] == silent


def test_files_and_functions_are_short_enough_to_read() -> None:
    long = [
        f"{room(path)}: {lines} lines"
        for path in FILES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    ]
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 60:
                    long.append(f"{room(path)}: {node.name} has {lines} lines")
    assert [] == long


@pytest.mark.parametrize("word", ["blacklist", "whitelist", "master", "slave"])
def test_words_that_the_house_does_not_use(word: str) -> None:
    pattern = re.compile(rf"\b{word}", re.IGNORECASE)
    users = {room(path) for path in FILES if pattern.search(path.read_text(encoding="utf-8"))}
    quoting = {"formats/named.py"} if word == "master" else set()  # a keyword of BIND's, in feeds
    assert quoting == users
