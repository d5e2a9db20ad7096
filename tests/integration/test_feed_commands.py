"""The commands on feeds: add, show, check, list, enable, disable, remove; no resolver is asked."""

import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpzctl import times
from tests.publisher import Publisher, publishing
from tests.servers import Site

NAMES = b"# Domains: 400\n" + b"".join(b"n%d.bad.example\n" % n for n in range(400))
PLAIN = ("--set", "plain_http=true")


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def added(repo: Site, name: str, url: str, *arguments: str) -> Path:
    """Define a feed that is used, and return its definition."""
    repo.ok("feeds", "add", name, url, "--zone", "malware", "--enable", *arguments)
    return repo.repo / "feeds" / f"{name}.toml"


def listed(repo: Site, name: str, text: bytes, *arguments: str) -> Path:
    """Define a feed that is a file of names, and return the file."""
    path = repo.home / f"{name}.txt"
    path.write_bytes(text)
    added(repo, name, path.as_uri(), "--format", "domains", *arguments)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_feed_is_added_and_its_format_guessed(repo: Site, publisher: Publisher) -> None:
    url = publisher.gives("/hosts", b"".join(b"0.0.0.0 n%d.example\n" % n for n in range(50)))
    done = repo.ok("feeds", "add", "acme", url, "--zone", "malware", "--every", "1h", *PLAIN)
    path = repo.repo / "feeds" / "acme.toml"
    assert "looks like hosts (100% of the lines)" in done.stdout
    assert f"wrote {path}" in done.stdout
    assert "rpzctl feeds enable acme" in done.stdout
    assert 0o644 == path.stat().st_mode & 0o777
    assert [
        f'url = "{url}"',
        'format = "hosts"',
        'zone = "malware"',
        "enabled = false",
        "plain_http = true",
        'every = "1h"',
    ] == path.read_text().splitlines()


def test_a_feed_with_columns_is_added_by_any_key_of_a_definition(repo: Site) -> None:
    table = repo.home / "table.csv"
    table.write_text("type,indicator\ndomain,one.example\nipv4,45.9.148.108\n")
    keys = (
        "column=indicator",
        "type_column=type",
        'types=["domain"]',
        "min_names=0",
        "licence=MIT",
    )
    path = added(repo, "acme", str(table), *(part for key in keys for part in ("--set", key)))
    text = path.read_text()
    assert 'format = "csv"' in text
    assert 'types = ["domain"]' in text
    assert f'url = "{table.as_uri()}"' in text
    done = repo.ok("feeds", "check", "--json").json()
    assert [("acme", 1, 0)] == [(f["feed"], f["names"], f["networks"]) for f in done["feeds"]]


def test_a_definition_that_is_not_valid_is_refused_with_all_its_faults(repo: Site) -> None:
    bad = ("--format", "hots", "--every", "soon", "--kind", "evil", "--set", "colum=2")
    done = repo.cli("feeds", "add", "Bad/../x", "gopher://x/", "--zone", "No Zone", *bad)
    assert 2 == done.status
    for said in ("name: ", "url: ", "zone: ", "format: ", "'soon'", "kind: ", "'column'"):
        assert said in done.stderr
    assert [] == list((repo.repo / "feeds").glob("*.toml"))


@pytest.mark.parametrize(
    ("name", "zone", "said"),
    [
        ("urlhaus", "malware", "there is a feed urlhaus"),
        ("acme", "local", "the operator's own rules"),
        ("acme", "malware", "cannot read"),
    ],
)
def test_what_is_added_must_be_new_and_there(repo: Site, name: str, zone: str, said: str) -> None:
    done = repo.cli("feeds", "add", name, "file:///nowhere/list", "--zone", zone)
    assert said in done.stderr
    assert done.status in {1, 2}
    assert [] == list((repo.repo / "feeds").glob("*.toml"))


def test_a_feed_that_is_there_is_not_overwritten(repo: Site) -> None:
    listed(repo, "acme", NAMES)
    before = tree(repo.repo)
    done = repo.cli("feeds", "add", "acme", "file:///other", "--zone", "ads", "--format", "hosts")
    assert (2, before) == (done.status, tree(repo.repo))


def test_show_tells_the_definition_the_state_and_what_the_feed_adds(repo: Site) -> None:
    listed(
        repo, "acme", NAMES, "--set", "homepage=https://acme.example", "--set", "commercial=false"
    )
    listed(repo, "other", b"n1.bad.example\nn2.bad.example\nelse.example\n")
    listed(repo, "third", b"n2.bad.example\nn2.bad.example\n")
    listed(repo, "apart", b"alone.example\n")
    repo.ok("sync", "--no-reload")
    value = repo.ok("feeds", "show", "acme", "--json").json()
    assert {
        "names": 400,
        "unique": 398,
        "shared": [
            {"feed": "other", "names": 2, "percent": 0.5},
            {"feed": "third", "names": 1, "percent": 0.2},
            {"feed": "apart", "names": 0, "percent": 0.0},
        ],
    } == value["contribution"]
    assert not value["shipped"]
    assert times.parse(value["record"]["last_ok"])
    text = repo.ok("feeds", "show", "acme").stdout
    for said in (
        "acme, enabled",
        "no commercial use",
        "https://acme.example",
        "398 of 400 names (99.5 %)",
        "2 (0.5 %) with other",
        "none with apart",
    ):
        assert said in text


def test_show_of_a_shipped_feed_that_was_never_fetched(repo: Site) -> None:
    text = repo.ok("feeds", "show", "phishing-army").stdout
    assert "(shipped)" in text
    assert "no commercial use (CC BY-NC 4.0)" in text
    assert "last checked  never" in text
    assert "there is no feed nonsense" in repo.cli("feeds", "show", "nonsense").stderr


def test_list_tells_ages_apart(repo: Site) -> None:
    path = listed(repo, "acme", NAMES)
    listed(repo, "nets", b"45.9.148.108\n10.0.0.1\n", "--set", "format=ips")
    repo.ok("sync", "--no-reload")
    aged(repo, "acme", last_checked=timedelta(minutes=5), last_changed=timedelta(days=3))
    path.write_bytes(b"<html>")
    repo.cli("sync", "--no-reload", "--now")
    lines = repo.ok("feeds", "list", "--used").stdout.splitlines()
    heads, acme, nets = (line.split() for line in lines)
    assert ["FEED", "USED", "ZONE", "ENTRIES", "REJECTS", "CHECKED", "CHANGED", "OK"] == heads[:8]
    assert ["acme", "yes", "malware", "400", "0"] == acme[:5]
    assert "3 d" in lines[1], "since it changed"
    assert "is a web page" in lines[1]
    assert "2" == nets[3]
    records = {
        feed["name"]: feed["record"] for feed in repo.ok("feeds", "list", "--json").json()["feeds"]
    }
    assert records["acme"]["last_checked"] > records["acme"]["last_changed"]
    assert {"networks": 2, "refused": 1} == {
        key: records["nets"][key] for key in ("networks", "refused")
    }
    assert None is records["urlhaus"]["last_ok"]


def aged(repo: Site, name: str, **spans: timedelta) -> None:
    """Have the record of a feed say that things happened so long ago."""
    path = repo.state / "feeds" / name / "record.json"
    record = json.loads(path.read_text())
    now = datetime.now(UTC)
    record.update({key: times.show(now - span) for key, span in spans.items()})
    path.write_text(json.dumps(record))


def test_the_list_fits_a_terminal(repo: Site) -> None:
    listed(repo, "acme", b"<html>" * 5)
    repo.cli("sync", "--no-reload")
    for width in (80, 120):
        shown = on_terminal(repo.command("feeds", "list", "--used"), width)
        assert "acme" in shown
        assert "is a web" in shown
        assert max(len(line) for line in shown.splitlines()) <= width


def on_terminal(command: list[str], width: int) -> str:
    """Return what a command writes to a terminal that is `width` columns wide."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(width), "NO_COLOR": "1"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=env) as child:
        child.wait(60)
        os.close(theirs)
        shown = b""
        while chunk := read(ours):
            shown += chunk
    os.close(ours)
    return shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


def test_check_says_what_sync_would_say_and_changes_nothing(
    repo: Site, publisher: Publisher
) -> None:
    added(repo, "web", publisher.gives("/list", NAMES), *PLAIN)
    listed(repo, "file", b"one.example\nnot a name!\n", "--set", "min_names=0")
    before = tree(repo.home)
    done = repo.ok("feeds", "check")
    assert "web: good, 400 names (nothing now)" in done.stdout
    assert "file: good, 1 names, 1 lines rejected (nothing now)" in done.stdout
    assert before == tree(repo.home)
    repo.ok("sync", "--no-reload")
    publisher.gives("/list", NAMES[: len(NAMES) // 2])
    before = tree(repo.home)
    done = repo.cli("feeds", "check", "web")
    assert 1 == done.status
    assert "web: says that it has 400 entries, and has 2" in done.stdout
    assert "its last good copy stays" in done.stdout
    assert before == tree(repo.home)
    value = repo.cli("feeds", "check", "--json")
    assert 1 == value.status
    faults = {feed["feed"]: bool(feed["fault"]) for feed in value.json()["feeds"]}
    assert {"web": True, "file": False} == faults
    said = repo.cli("sync", "--no-reload", "--now").stderr
    assert "says that it has 400 entries" in said
    assert "keeps its 400 names" in said


def test_check_of_nothing_and_of_what_is_not_there(repo: Site) -> None:
    assert "no feed is enabled" in repo.ok("feeds", "check").stdout
    done = repo.cli("feeds", "check", "nonsense")
    assert (2, True) == (done.status, "there is no feed nonsense" in done.stderr)


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ("phishing-army", "terms: no commercial use (CC BY-NC 4.0)"),
        ("urlhaus", "terms not known: see https://urlhaus.abuse.ch/api/"),
        ("shadowwhisperer-malware", "terms: commercial use is allowed"),
    ],
)
def test_enable_tells_the_terms(repo: Site, feed: str, said: str) -> None:
    done = repo.ok("feeds", "enable", feed)
    assert said in done.stdout
    assert "licence: " in done.stdout
    value = repo.ok("feeds", "disable", feed, "--json").json()
    assert (feed, False) == (value["feed"], value["enabled"])


def test_remove_takes_the_definition_and_the_copy(repo: Site) -> None:
    listed(repo, "acme", NAMES)
    repo.ok("sync", "--no-reload")
    assert (repo.state / "feeds" / "acme").is_dir()
    done = repo.ok("feeds", "remove", "acme")
    assert "and its last good copy" in done.stdout
    assert "rpzctl apply takes its names out" in done.stdout
    assert not (repo.state / "feeds" / "acme").exists()
    assert not (repo.repo / "feeds" / "acme.toml").exists()
    repo.ok("apply", "--no-reload")
    assert not (repo.output / "current" / "malware.rpz.zone").exists()


def test_remove_of_what_shadows_a_shipped_feed_shows_that_again(repo: Site) -> None:
    repo.ok("feeds", "enable", "urlhaus")
    done = repo.ok("feeds", "remove", "urlhaus")
    assert "the shipped feed urlhaus shows again, not enabled" in done.stdout
    done = repo.cli("feeds", "remove", "urlhaus")
    assert (2, True) == (done.status, "is a shipped feed" in done.stderr)


def test_feeds_are_completed_by_the_shell(repo: Site) -> None:
    listed(repo, "acme", NAMES)
    program = "import sys; sys.argv = ['rpzctl']; from rpzctl.__main__ import main; main()"
    for command in ("show", "check", "enable", "disable", "remove"):
        line = f"rpzctl --config {repo.config} feeds {command} ac"
        env = {"_RPZCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "5"}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ["acme"] == done.stdout.split(), (command, done)


def test_entries_leave_when_they_expire_though_the_copy_stays(repo: Site) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    bundle = {
        "type": "bundle",
        "objects": [
            {"type": "indicator", "pattern": f"[domain-name:value = '{name}']", **more}
            for name, more in (
                ("brief.example", {"valid_until": times.show(soon)}),
                ("lasting.example", {}),
            )
        ],
    }
    path = repo.home / "bundle.json"
    path.write_text(json.dumps(bundle))
    added(repo, "acme", path.as_uri(), "--format", "stix", "--every", "1d")
    repo.ok("sync", "--no-reload")
    zone = repo.output / "current" / "malware.rpz.zone"
    assert "brief.example" in zone.read_text()
    record = repo.state / "feeds" / "acme" / "record.json"
    assert times.show(soon) == json.loads(record.read_text())["expires"]
    past = "2020-01-01T00:00:00Z"  # as if the clock had gone on, instead
    for kept in (record, repo.state / "feeds" / "acme" / "data"):
        kept.write_text(kept.read_text().replace(times.show(soon), past))
    done = repo.ok("sync", "--no-reload")
    assert "malware.rpz: changed, +0 -1 ~0" in done.stdout
    assert "brief.example" not in zone.read_text()
    assert "lasting.example" in zone.read_text()
    assert None is json.loads(record.read_text())["expires"]


@pytest.mark.parametrize(("brief", "lasting"), [(1, 0), (200, 100)])
def test_no_bound_of_size_holds_what_has_expired(repo: Site, brief: int, lasting: int) -> None:
    soon = times.show(datetime.now(UTC) + timedelta(hours=1))
    names = [*((f"b{n}", {"valid_until": soon}) for n in range(brief))]
    names += [(f"l{n}", {}) for n in range(lasting)]
    indicators = [
        {"type": "indicator", "pattern": f"[domain-name:value = '{name}.example']", **more}
        for name, more in names
    ]
    path = repo.home / "bundle.json"
    path.write_text(json.dumps({"type": "bundle", "objects": indicators}))
    added(repo, "acme", path.as_uri(), "--format", "stix")
    repo.ok("sync", "--no-reload")
    zone = repo.output / "current" / "malware.rpz.zone"
    assert "b0.example" in zone.read_text()
    record = repo.state / "feeds" / "acme" / "record.json"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    for kept in (path, record, record.with_name("data")):  # as if the clock had gone on, instead
        kept.write_text(kept.read_text().replace(soon, "2020-01-01T00:00:00Z"))
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(record.read_text().replace(before, after))
    repo.ok("sync", "--no-reload")
    assert "b0.example" not in zone.read_text()
    assert lasting == sum(f"l{n}.example" in zone.read_text() for n in range(lasting))
    assert lasting == json.loads(record.read_text())["names"]
    path.write_text("# nothing\n")
    assert "b0.example" not in zone.read_text()
    assert repo.cli("sync", "--no-reload").status == 1, "a new copy is held against the bounds"
