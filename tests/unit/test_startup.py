"""Start-up time is a promise: what a command does not use, it does not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publisher import publishing
from tests.servers import Site, bare_site

HEAVY = (
    "polars",
    "httpcore",
    "ssl",
    "asyncio",
    "rich",
    "dns",
    "jinja2",
    "tomlkit",
    "pydantic",
    "idna",
    "watchdog",
)
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
    bulk = {"polars", "httpcore", "rich", "tomlkit", "pydantic"}
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


def ran(site: Site, *arguments: str) -> set[str]:
    """Return what a command imports that ends well."""
    command = ["--config", str(site.config), *arguments]
    return imported(
        "import contextlib, io; from rpzctl.cli import run\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):"
        f" assert run({command!r}) == 0"
    )


def define(site: Site, url: str, more: str = "") -> None:
    (site.repo / "feeds" / "one.toml").write_text(
        f'url = "{url}"\nformat = "hosts"\nzone = "malware"\nenabled = true\n{more}'
    )


def test_a_sync_with_nothing_due_imports_no_network_and_no_columns(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    (tmp_path / "list").write_text("0.0.0.0 c2.bad.example\n")
    define(site, (tmp_path / "list").as_uri(), 'every = "1d"\n')
    assert "new copy" in site.ok("sync", "--no-reload").stderr
    assert set() == ran(site, "sync", "--no-reload") & {*HEAVY, "zstandard"}


def test_the_metrics_of_a_sync_with_nothing_due_import_nothing_heavy(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    (tmp_path / "list").write_text("0.0.0.0 c2.bad.example\n")
    define(site, (tmp_path / "list").as_uri(), 'every = "1d"\n')
    site.config.write_text(f'[metrics]\nfile = "m.prom"\n{site.config.read_text()}')
    site.ok("sync", "--no-reload")
    written = site.repo / "m.prom"
    written.unlink()
    assert set() == ran(site, "sync", "--no-reload") & {*HEAVY, "zstandard"}
    assert 'rpzctl_feed_names{feed="one",zone="malware"} 1' in written.read_text()


def test_a_sync_that_hears_of_no_change_imports_no_columns_and_one_network(
    tmp_path: Path,
) -> None:
    site = bare_site(tmp_path / "site")
    with publishing() as publisher:
        url = publisher.gives("/list", b"0.0.0.0 c2.bad.example\n", etag='"1"')
        define(site, url, "plain_http = true\n")
        assert "new copy" in site.ok("sync", "--no-reload").stderr
        before = publisher.times_asked("/list")
        found = ran(site, "sync", "--no-reload")
        assert before + 1 == publisher.times_asked("/list")
    assert "httpcore" in found
    assert set() == found & ({*HEAVY, "zstandard", "httpx"} - {"httpcore", "ssl"})


def test_what_is_typed_as_text_is_converted_without_pydantic(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    found = ran(site, "block", "evil.example", "--reason", "C2", "--no-apply")
    assert set() == found & {"pydantic", "polars", "httpcore", "rich", "tomlkit"}


@pytest.mark.parametrize("given", ["ten", "-1"])
def test_a_number_is_converted_and_refused_as_ever(tmp_path: Path, given: str) -> None:
    site = bare_site(tmp_path / "site")
    done = site.cli("sync", "--wait", given)
    assert 2 == done.status
    assert "--wait" in done.stderr
    assert 0 == site.cli("sync", "--wait", "1.5", "--no-reload").status
