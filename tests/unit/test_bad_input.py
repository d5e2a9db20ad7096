"""What a definition, a setting or an argument may hold by mistake or malice: told, no traceback."""

import json
import os
from pathlib import Path

import pytest

from rpzctl import catalogue, config, definitions, guards, planning, reading, suffixes
from rpzctl.catalogue import Feed
from rpzctl.cli import show
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.fetch import Validators, fetch

NESTED = "x = " + "[" * 5000 + "]" * 5000 + "\n"
FINE = {"url": "https://feed.example/list", "format": "hosts", "zone": "x"}


def settings(repo: Path, text: str = "") -> Config:
    (repo / "feeds").mkdir(exist_ok=True)
    (repo / "rpzctl.toml").write_text(text)
    return config.load(repo / "rpzctl.toml")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///tmp/a%00b", "url: has the character NUL in its path"),
        ("axfr://a..b/zone.rpz", "url: names the host 'a..b', which is no name"),
        (f"https://{'a' * 64}.example/", "which is no name"),
        ("https://me:pass/word@feed.example/", "url: names a port that is no number up to 65535"),
        ("https://feed.example:99999/", "url: names a port that is no number up to 65535"),
    ],
)
def test_a_url_that_no_transport_can_follow_is_told(tmp_path: Path, url: str, said: str) -> None:
    path = tmp_path / "one.toml"
    form = "rpz" if url.startswith("axfr") else "hosts"
    path.write_text(f'url = "{url}"\nformat = "{form}"\nzone = "x"\n')
    with pytest.raises(UsageFault) as raised:
        catalogue.read(path)
    told = "\n".join(raised.value.details)
    assert said in told
    assert "pass" not in told


@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "[2001:db8::1]", "localhost", "bücher.example", "a_b.example", "x.example."],
)
def test_addresses_and_names_are_hosts(host: str) -> None:
    assert Feed.of({**FINE, "url": f"https://{host}/", "name": "x", "file": "x"}).host


@pytest.mark.parametrize("key", ["every", "max_age"])
def test_an_interval_is_no_longer_than_dates_go(tmp_path: Path, key: str) -> None:
    path = tmp_path / "one.toml"
    lines = [f'{name} = "{value}"' for name, value in {**FINE, key: "999999w"}.items()]
    path.write_text("\n".join(lines))
    with pytest.raises(UsageFault) as raised:
        catalogue.read(path)
    assert (f"{path}: {key}: is longer than ten years",) == raised.value.details


@pytest.mark.parametrize(
    "text", [NESTED, f"x = {'9' * 5000}\n"], ids=["nested", "a number without end"]
)
def test_toml_that_no_parser_takes_is_a_fault(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.toml"
    path.write_text(text)
    with pytest.raises(UsageFault, match=r"one\.toml is not valid TOML: "):
        catalogue.read(path)
    assert {} == guards.feed_hosts(tmp_path), "a block does not wait for feeds"


def test_a_path_that_is_too_long_is_a_fault_of_the_feed(tmp_path: Path) -> None:
    url = f"file:///{'a' * 5000}"
    feed = Feed.of({**FINE, "url": url, "name": "x", "file": tmp_path / "x.toml"})
    fault = fetch(feed, Validators()).fault
    assert fault is not None
    assert "File name too long" in fault


def test_a_folder_of_definitions_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    made = settings(tmp_path)
    assert "urlhaus" in catalogue.load(made)
    (tmp_path / "feeds").rmdir()
    assert "urlhaus" in catalogue.load(made)
    (tmp_path / "feeds").write_text("")
    with pytest.raises(UsageFault, match=r"cannot read the feed definitions in .*Not a directory"):
        catalogue.load(made)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_others_alone_may_read_is_not_an_empty_one(tmp_path: Path) -> None:
    made = settings(tmp_path)
    (tmp_path / "feeds").chmod(0)
    with pytest.raises(UsageFault, match=r"cannot read the feed definitions in .*Permission"):
        catalogue.load(made)


def test_a_definition_does_not_say_its_own_place(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text('file = "/x"\nurl = "https://feed.example/"\nformat = "hosts"\nzone = "x"\n')
    with pytest.raises(UsageFault, match="unknown key 'file'"):
        catalogue.read(path)


@pytest.mark.parametrize("what", ["missing", "folder"])
@pytest.mark.parametrize("key", ["top_sites", "public_suffix_list"])
def test_a_list_of_the_guards_that_is_not_there_is_told(
    tmp_path: Path, key: str, what: str
) -> None:
    (tmp_path / "folder").mkdir()
    made = settings(tmp_path, f'[guards]\n{key} = "{what}"\n')
    with pytest.raises(UsageFault, match=rf"guards\.{key}: .*{what}"):
        planning.judges_digest(made)


def test_a_public_suffix_list_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xff\xfe")
    made = settings(tmp_path, '[guards]\npublic_suffix_list = "list"\n')
    with pytest.raises(UsageFault, match=r"guards\.public_suffix_list: .* is not UTF-8"):
        planning.suffix_list(made)
    (tmp_path / "list").write_text("com\nb\u00fc..cher\n")
    assert "com" in suffixes.load(tmp_path / "list").rules[0], "what is no name is passed over"


@pytest.mark.parametrize("text", ["name=foo", " name =foo", "file=/x"])
def test_what_is_no_key_of_the_file_cannot_be_set(text: str) -> None:
    with pytest.raises(UsageFault, match="is no key to set"):
        definitions.setting(text)


def test_a_value_that_is_nested_too_deep_is_told() -> None:
    with pytest.raises(UsageFault, match="--set types: the value is nested too deep"):
        definitions.setting("types=" + "[" * 5000)


def test_quotes_are_hinted_at_for_text_that_looks_like_a_number(tmp_path: Path) -> None:
    made = settings(tmp_path)
    keys = {**FINE, **dict([definitions.setting("licence=2024")])}
    with pytest.raises(UsageFault) as raised:
        definitions.add(made, "one", keys)
    assert raised.value.fix is not None
    assert """quotes: --set 'licence="2024"'""" in raised.value.fix
    added = definitions.add(made, "one", {**FINE, **dict([definitions.setting("enabled=true")])})
    assert added.feed.enabled
    assert catalogue.read(added.feed.file).enabled


def test_json_is_valid_whatever_octets_an_argument_had(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    show.document({"file": os.fsdecode(b"a\xffb"), "name": "bücher"})
    assert {"file": "a\ufffdb", "name": "bücher"} == json.loads(capsysbinary.readouterr().out)


def test_what_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    odd = tmp_path / ("a" * 300)
    with pytest.raises(RpzctlError) as raised:
        reading.inspect(str(odd), "hosts")
    assert f"cannot read {odd}: File name too long" == raised.value.message


def test_a_stage_is_told_only_of_a_url_that_is_sound() -> None:
    told: list[str] = []
    with pytest.raises(UsageFault) as raised:
        reading.inspect("https://me:hunter2@feed.example/", "hosts", stage=told.append)
    assert [] == told
    assert "hunter2" not in raised.value.message + "".join(raised.value.details)
