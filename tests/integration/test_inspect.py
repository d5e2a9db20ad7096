"""`feeds inspect`: what a reader makes of a list, before it is a feed."""

import contextlib
import gzip
import os
import pty
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher import Publisher, publishing
from tests.servers import RPZCTL, Result

SAMPLES = {
    "hosts": "# a list\n0.0.0.0 a.example\n127.0.0.1 b.example\n",
    "domains": "a.example\nb.example\nnot a name\n",
    "wildcard": "*.a.example\n.b.example\n",
    "adblock": "! Title\n||a.example^\n||b.example^$important\n@@||c.example^\n",
    "dnsmasq": "address=/a.example/\nserver=/b.example/\n",
    "unbound": 'server:\nlocal-zone: "a.example" always_nxdomain\nlocal-zone: "b.example" static\n',
    "named": 'zone "a.example" { type primary; file "null"; };\nzone "b.example" {\n'
    ' type master; file "null";\n};\n',
    "rpz": "$TTL 60\n@ SOA . . 1 1 1 1 1\n@ NS .\na.example CNAME .\n*.b.example CNAME .\n",
    "csv": "type,domain\nmalware,a.example\nmalware,b.example\n",
    "json": '["a.example", "b.example"]',
    "stix": '{"type": "bundle", "objects": [{"type": "indicator", "pattern":'
    " \"[domain-name:value = 'a.example' OR domain-name:value = 'b.example']\"}]}",
}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def inspect(*words: str) -> Result:
    done = subprocess.run(
        [*RPZCTL, "feeds", "inspect", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("form", SAMPLES)
def test_the_format_is_guessed_and_said(tmp_path: Path, form: str) -> None:
    path = tmp_path / "list"
    path.write_text(SAMPLES[form])
    done = inspect(str(path), "--json")
    assert done.status == 0, done
    value = done.json()
    assert form == value["format"]
    assert ["a.example", "b.example"] == value["names"]
    told = inspect(str(path))
    assert f"looks like {form}: " in told.stderr
    assert "names     2: a.example" in told.stdout or "names     2: b.example" in told.stdout


def test_rejects_are_told_with_line_and_reason(publisher: Publisher) -> None:
    url = publisher.gives("/list", SAMPLES["domains"].encode())
    [reject] = inspect(url, "--format", "domains", "--json").json()["rejects"]
    assert (3, "not a name") == (reject["line"], reject["text"])
    assert "space" in reject["reason"]


def test_what_is_no_list_is_refused(tmp_path: Path, publisher: Publisher) -> None:
    page = publisher.gives("/page", b"<!doctype html><p>a.example</p>")
    done = inspect(page)
    assert done.status == 1
    assert "is a web page, not a list" in done.stderr
    assert inspect(str(tmp_path / "missing")).status == 1
    assert inspect(page, "--format", "hostz").status == 2


def test_what_no_reader_takes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "noise"
    path.write_text("%%%\n???\n")
    done = inspect(str(path), "--json")
    assert done.status == 2
    assert "is in none of the known formats" in done.json()["error"]["message"]


def test_packed_lists_are_read_too(tmp_path: Path, publisher: Publisher) -> None:
    url = publisher.gives("/list.gz", gzip.compress(SAMPLES["hosts"].encode()))
    assert ["a.example", "b.example"] == inspect(url, "--json").json()["names"]
    path = tmp_path / "lists.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for form, text in SAMPLES.items():
            archive.writestr(f"lists/{form}", text)
    several = inspect(str(path))
    assert (1, True) == (several.status, "is an archive of 11 files; say which" in several.stderr)
    one = inspect(str(path), "--member", "lists/adblock", "--json").json()
    assert ("adblock", ["c.example"]) == (one["format"], one["allow"])


@pytest.mark.parametrize("source", ["ftp://feed.example/", "https://", "https://me:pw@x.example/"])
def test_what_is_no_source_is_a_usage_fault(source: str) -> None:
    done = inspect(source, "--json")
    shown = source.rpartition("@")[2]
    assert (2, f"cannot read {shown}") == (done.status, done.json()["error"]["message"])
    assert "pw@" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "source",
    ["/tmp/[bold]x[/nope]", "/tmp/\x1b[31mx", "https://me:hunter2@127.0.0.1:1/x"],  # noqa: S108 - none is there
)
def test_on_a_terminal_nothing_of_a_source_steers_or_leaks(source: str) -> None:
    outer, inner = pty.openpty()
    with os.fdopen(outer, "rb", buffering=0) as terminal:
        done = subprocess.Popen(
            [*RPZCTL, "feeds", "inspect", source, "--format", "hosts"],
            stdout=inner,
            stderr=inner,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "300"},
        )
        os.close(inner)
        shown = b""
        with contextlib.suppress(OSError):  # Linux: at the end of the other side
            while part := terminal.read(65536):
                shown += part
        status = done.wait()
    assert status in {1, 2}
    assert b"rpzctl: cannot read " in shown
    assert [] == [odd for odd in (b"Traceback", b"\x1b[31m", b"hunter2") if odd in shown]
