"""Where a name stands in a copy: the line that says it, not one that only has it."""

import time
from pathlib import Path

import pytest

from rpzctl import places
from rpzctl.names import Domain, parse

EVIL = parse("evil.example")


def found(
    tmp_path: Path, text: str | bytes, name: Domain = EVIL, *, allow: bool = False
) -> tuple[int, str] | None:
    path = tmp_path / "data"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    place = places.find(path, name, allow=allow)
    return place and (place.line, place.text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# removed: evil.example (false positive)\nevil.example\n", 2),
        ("; evil.example\n! evil.example\n// evil.example\n  # evil.example\nevil.example", 5),
        ("\ufeff# evil.example\r\nother.example\r\nevil.example\r\nx.example\r\n", 3),
        ("0.0.0.0 other.example # not evil.example\n0.0.0.0 evil.example # why\n", 2),
        ("# evil.example\nEVIL.Example\n", 2),
        ("# evil.example\nhttp://evil.example/#a\n", 2),
        ("@@||evil.example^\n||evil.example^\n", 2),
        ("evil.example CNAME rpz-passthru.\nevil.example CNAME .\n", 2),
        ('local-zone: "evil.example" transparent\nlocal-data: "evil.example A 0.0.0.0"\n', 2),
        ("server=/evil.example/192.0.2.1\naddress=/evil.example/#\n", 2),
        ("notevil.example\nevil.example.com\nevil.example-x.org\n*.evil.example\n", 4),
        ("www.evil.example\nevil.example.\n", 2),
        ("# evil.example\n" * 900 + "evil.example\n", 901),
        ("# evil.example\nwww.evil.example\n", 2),
        ("transparent.example\nevil.example\ntransparent.evil.example\n", 2),
    ],
)
def test_the_line_that_blocks_is_found(tmp_path: Path, text: str, line: int) -> None:
    assert line == (found(tmp_path, text) or (0, ""))[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("||evil.example^\n@@||evil.example^\n", 2),
        ("# @@||evil.example^\nevil.example\n@@||evil.example^\n", 3),
        ("evil.example A 0.0.0.0\nEvil.Example CNAME RPZ-PASSTHRU.\n", 2),
        ('local-data: "evil.example A 0.0.0.0"\nlocal-zone: "evil.example" typetransparent\n', 2),
        ("address=/evil.example/#\nserver=/evil.example/#\n", 2),
        ("evil.example\nevil.example CNAME evil.example.\n", 1),
    ],
)
def test_the_line_that_excepts_is_found(tmp_path: Path, text: str, line: int) -> None:
    assert line == (found(tmp_path, text, allow=True) or (0, ""))[0]


@pytest.mark.parametrize(
    "text", ["# evil.example\n# evil.example again\n", "@@||evil.example^\n@@evil.example\n"]
)
def test_where_nothing_better_stands_the_first_is_found(tmp_path: Path, text: str) -> None:
    assert (1, text.splitlines()[0]) == found(tmp_path, text)


@pytest.mark.parametrize("text", ["", "notevil.example\n", "evil.example.com\nevil.examples\n"])
def test_what_does_not_stand_there_has_no_place(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) is None


def test_a_name_in_unicode_is_found_by_its_a_label(tmp_path: Path) -> None:
    name = parse("bücher.example")
    assert "xn--bcher-kva.example" == name
    text = "# bücher.example\r\na.example\r\nbücher.example\r\n"
    assert (3, "bücher.example") == found(tmp_path, text, name)


def test_a_name_in_a_document_of_one_long_line_is_found(tmp_path: Path) -> None:
    item = '{"n": "other.example"}, '
    text = '{"list": [' + item * 2000 + '{"n": "evil.example"}, ' + item * 2000 + "{}]}"
    line, shown = found(tmp_path, text) or (0, "")
    assert 1 == line
    assert '{"n": "evil.example"}' in shown
    assert 4096 >= len(shown)


def test_lines_of_a_document_are_told_apart(tmp_path: Path) -> None:
    text = '[\n {"n": "www.evil.example"},\n {"n": "evil.example"}\n]\n'
    assert (3, '{"n": "evil.example"}') == found(tmp_path, text)


def test_a_name_on_a_million_lines_of_comments_costs_no_more_than_a_thousand(
    tmp_path: Path,
) -> None:
    text = b"# evil.example " * 1_000_000
    begun = time.monotonic()
    assert 1 == (found(tmp_path, text) or (0, ""))[0]
    assert 5 > time.monotonic() - begun


def test_a_name_across_two_parts_of_a_large_text_is_found_once(tmp_path: Path) -> None:
    for shift in range(-15, 3):
        text = b"x" * ((1 << 18) + shift - 1) + b"\nEVIL.example\n" + b"# Evil.example\n" * 3
        assert (2, "EVIL.example") == found(tmp_path, text)


def test_the_smallest_copies_are_searched_as_long_as_there_is_room(tmp_path: Path) -> None:
    copies = [tmp_path / name for name in ("large", "none", "small", "middle")]
    for path, octets in zip(copies, (500, None, 10, 90), strict=True):
        if octets is not None:
            path.write_bytes(b"x" * octets)
    assert [False, True, True, True] == places.affordable(copies, 100)
    assert [False, True, True, False] == places.affordable(copies, 99)
    assert [True, True, True, True] == places.affordable(copies, 600)
    assert [] == places.affordable([])
