"""Start-up time is a promise: what a command does not use, it does not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import bare_site

HEAVY = ("polars", "httpx", "rich", "dns", "jinja2", "tomlkit", "pydantic", "idna")
SHOW = (
    "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
)


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOW}"], capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return set(found)


def test_the_command_line_imports_nothing_heavy() -> None:
    assert set() == imported("import rpzctl.cli") & set(HEAVY)


@pytest.mark.parametrize("module", ["rpzctl.commands", "rpzctl.pipeline", "rpzctl.edits"])
def test_the_quick_lane_imports_nothing_of_the_bulk_lane(module: str) -> None:
    bulk = {"polars", "httpx", "rich", "tomlkit"}
    assert set() == imported(f"import {module}") & bulk


@pytest.mark.parametrize("module", ["names", "rpz", "rules", "policy", "serial", "times", "guards"])
def test_a_leaf_imports_nothing_heavy(module: str) -> None:
    assert set() == imported(f"import rpzctl.{module}") & set(HEAVY)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(option: str) -> None:
    code = (
        "import contextlib, io; from rpzctl.cli import run\n"
        f"with contextlib.redirect_stdout(io.StringIO()): assert run([{option!r}]) == 0"
    )
    assert set() == imported(code) & set(HEAVY)


def test_an_ascii_name_is_parsed_without_idna() -> None:
    code = "from rpzctl.names import paste; paste('https://Evil[.]example/x')"
    assert set() == imported(code) & set(HEAVY)


def test_a_sync_with_nothing_due_imports_no_network_and_no_columns(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    (tmp_path / "list").write_text("0.0.0.0 c2.bad.example\n")
    (site.repo / "feeds" / "one.toml").write_text(
        f'url = "{(tmp_path / "list").as_uri()}"\nformat = "hosts"\nzone = "malware"\n'
        'enabled = true\nevery = "1d"\n'
    )
    assert "new copy" in site.ok("sync", "--no-reload").stderr
    command = ["--config", str(site.config), "sync", "--no-reload"]
    code = (
        "import contextlib, io; from rpzctl.cli import run\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):"
        f" assert run({command!r}) == 0"
    )
    assert set() == imported(code) & {"polars", "httpx", "asyncio", "zstandard", "rich"}
