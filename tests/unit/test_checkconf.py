"""named's own tools on the configuration as it would be, and on zones as written."""

import os
from pathlib import Path

import pytest

from rpzctl import check, process

TOOLS = ("named-checkconf", "named-checkzone")
MISSING = [tool for tool in TOOLS if process.find(tool) is None]

if MISSING and os.environ.get("CI"):
    pytest.fail(f"not installed, and this is CI: {MISSING}", pytrace=False)
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")

OPTIONS = 'response-policy {\n\tzone "local.rpz";\n} qname-wait-recurse no;\n'


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "out" / "current"


def fragments(tmp_path: Path, options: str = OPTIONS, zones: str = "") -> dict[str, str]:
    zone = f'zone "local.rpz" {{ type primary; file "{tmp_path}/local.zone"; }};\n'
    return {"options.conf": options, "zones.conf": zones or zone}


def conf(tmp_path: Path, published: Path, text: str) -> Path:
    path = tmp_path / "named.conf"
    path.write_text(
        text.replace("OPTIONS", f'include "{published}/options.conf";')
        .replace("ZONES", f'include "{published}/zones.conf";')
        .replace("TMP", str(tmp_path))
    )
    return path


WHOLE = "options {\n  recursion yes;\n  OPTIONS\n};\nZONES\n"


@needs_tools
def test_a_sound_configuration_has_no_findings(tmp_path: Path, published: Path) -> None:
    path = conf(tmp_path, published, WHOLE)
    assert [] == check.checkconf(path, fragments(tmp_path), published)
    assert [] == check.not_included(path, ["options.conf", "zones.conf"], published)


@needs_tools
@pytest.mark.parametrize(
    "broken",
    [
        {"options": "response-policy { zone };\n"},
        {"options": "nonsense yes;\n"},
        {"options": 'response-policy { zone "other.rpz"; };\n'},
        {"zones": 'zone "local.rpz" { type primary; };\n'},
        {"zones": 'zone "local.rpz" {\n'},
        {"zones": 'zone "a" { type primary; file "x"; }; zone "a" { type primary; file "x"; };\n'},
    ],
)
def test_a_broken_fragment_is_found_within_the_whole(
    tmp_path: Path, published: Path, broken: dict[str, str]
) -> None:
    path = conf(tmp_path, published, WHOLE)
    found = check.checkconf(path, fragments(tmp_path, **broken), published)
    assert ["error"] == sorted({finding.severity for finding in found})
    assert {str(path)} == {finding.where for finding in found}


@needs_tools
def test_a_clash_with_the_rest_of_the_configuration_is_found(
    tmp_path: Path, published: Path
) -> None:
    own = 'zone "local.rpz" { type primary; file "TMP/other.zone"; };\n'
    path = conf(tmp_path, published, WHOLE + own)
    found = check.checkconf(path, fragments(tmp_path), published)
    assert "already exists" in " ".join(finding.message for finding in found)


@needs_tools
@pytest.mark.parametrize("text", [None, "options { recursion yes; };\n"], ids=["none", "without"])
def test_without_the_includes_the_fragments_are_checked_alone(
    tmp_path: Path, published: Path, text: str | None
) -> None:
    path = conf(tmp_path, published, text) if text else tmp_path / "none.conf"
    assert [] == check.checkconf(path, fragments(tmp_path), published)
    found = check.checkconf(path, fragments(tmp_path, "nonsense yes;\n"), published)
    assert {"the fragments"} == {finding.where for finding in found}


@needs_tools
def test_an_include_of_something_that_is_missing_is_not_passed_over(
    tmp_path: Path, published: Path
) -> None:
    path = conf(tmp_path, published, WHOLE + 'include "TMP/missing.conf";\n')
    found = check.checkconf(path, fragments(tmp_path), published)
    assert "missing.conf" in " ".join(finding.message for finding in found)


LAYOUTS = {
    "top level": WHOLE,
    "a view": 'view "v" {\n  match-clients { any; };\n  OPTIONS\n  ZONES\n};\n',
    "behind comments": "// a comment\n# another\n/* and\n * more */\n" + WHOLE,
    "one line": "options { OPTIONS }; ZONES",
    "a string like a comment": 'options { version "no // note /*"; OPTIONS };\nZONES\n',
    "a key with slashes": 'key "k" { algorithm hmac-sha256; secret "ab//cd+/efg="; };\n' + WHOLE,
    "nested includes": 'include "TMP/named.conf.options";\ninclude "TMP/named.conf.local";\n',
    "a pattern": 'include "TMP/named.conf.*";\n',
}


@needs_tools
@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_the_includes_are_found_where_named_finds_them(
    tmp_path: Path, published: Path, text: str
) -> None:
    conf(tmp_path, published, "options {\n OPTIONS };\n").rename(tmp_path / "named.conf.options")
    conf(tmp_path, published, "// zones\nZONES\n").rename(tmp_path / "named.conf.local")
    path = conf(tmp_path, published, text)
    assert [] == check.not_included(path, ["options.conf", "zones.conf"], published)
    assert [] == check.checkconf(path, fragments(tmp_path), published)
    found = check.checkconf(path, fragments(tmp_path, "nonsense yes;\n"), published)
    assert {str(path)} == {finding.where for finding in found}


HIDDEN = {
    "a line comment": "options { };\n// OPTIONS\n# ZONES\n",
    "a block comment": "options { };\n/* OPTIONS\nZONES */\n",
    "a string": 'options { version "no"; };\nserver-id "include x";\n',
    "nothing": "options { };\n",
    "a comment with the bare path": "options { };\n# PUB/options.conf\n# PUB/zones.conf\n",
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_named_does_not_read_is_not_included(
    tmp_path: Path, published: Path, text: str
) -> None:
    path = conf(tmp_path, published, text.replace("PUB", str(published)))
    names = ["options.conf", "zones.conf"]
    assert names == check.not_included(path, names, published)


def test_one_of_the_two_may_be_missing(tmp_path: Path, published: Path) -> None:
    path = conf(tmp_path, published, "options { OPTIONS };\n")
    assert ["zones.conf"] == check.not_included(path, ["options.conf", "zones.conf"], published)


def test_a_file_that_includes_itself_ends(tmp_path: Path, published: Path) -> None:
    path = conf(tmp_path, published, 'include "TMP/named.conf";\n' + WHOLE)
    assert [] == check.not_included(path, ["options.conf", "zones.conf"], published)


@needs_tools
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", None),
        ("evil.example CNAME .\n_odd.-name.example CNAME *.\n", None),
        ("evil.example. CNAME .\n", "out-of-zone"),
        ("evil.example CNAME\n", "."),
        ("evil.example CNAME .\nevil.example A 127.0.0.1\n", "CNAME"),
        (".".join(["a" * 60] * 4 + ["b" * 9]) + " CNAME .\n", "."),
    ],
)
def test_checkzone_finds_what_would_not_load_and_what_would_be_left_out(
    tmp_path: Path, body: str, told: str | None
) -> None:
    path = tmp_path / "local.zone"
    head = "$TTL 60\n@ IN SOA localhost. h.localhost. 1 2 3 4 5\n@ IN NS localhost.\n"
    path.write_text(head + body)
    running = check.checkzone("local.rpz", path)
    assert running is not None
    found = check.checkzone_findings("local.rpz", running, 1)
    assert (told is None) == (found == [])
    if told is not None:
        assert told in " ".join(finding.text() for finding in found)
