"""--json: exactly one document on stdout, whatever comes; text for people goes elsewhere."""

import pytest

from tests.servers import Site

GOOD = [
    ("block", "json.example"),
    ("block", "json.example"),
    ("allow", "ok.json.example"),
    ("unblock", "never.example"),
    ("unallow", "ok.json.example"),
    ("block", "later.json.org", "--no-apply"),
    ("plan",),
    ("plan", "--full"),
    ("apply",),
    ("apply",),
    ("apply", "--no-reload"),
    ("list",),
    ("list", "--all"),
    ("status",),
    ("check",),
    ("feeds", "list"),
    ("sync",),
]
BAD = [
    (("block", "two words"), 2),
    (("block",), 2),
    (("block", "co.uk"), 3),
    (("block", "x.example", "--action", "explode"), 2),
    (("block", "x.example", "--expires", "never"), 2),
    (("block", "x.example", "--no-such-option"), 2),
    (("block", "x.example", "--wait", "soon"), 2),
    (("unblock",), 2),
    (("status", "surplus"), 2),
    (("sync", "no-such-feed"), 2),
]


def test_each_command_prints_one_document(site: Site) -> None:
    for arguments in GOOD:
        done = site.cli(*arguments, "--json")
        assert done.status == 0, (arguments, done)
        assert done.json(), arguments
        assert done.stdout.isprintable() or "\x1b" not in done.stdout


@pytest.mark.parametrize(("arguments", "status"), BAD, ids=str)
def test_an_error_is_one_document_too(repo: Site, arguments: tuple[str, ...], status: int) -> None:
    done = repo.cli(*arguments, "--json")
    assert done.status == status, done
    error = done.json()["error"]
    assert error["exit_code"] == status
    assert error["message"]
    assert done.stderr


def test_a_fault_of_the_configuration_is_one_document(repo: Site) -> None:
    repo.setting("nonsense = 1")
    for command in ("list", "plan", "apply", "status", "check"):
        done = repo.cli(command, "--json")
        assert done.status == 2, done
        assert "nonsense" in str(done.json()["error"]["details"])


def test_an_operational_failure_is_one_document(repo: Site) -> None:
    done = repo.cli("block", "evil.example", "--json")
    assert done.status == 1, done
    assert "rndc" in done.json()["error"]["message"]
    assert done.json()["error"]["fix"]


def test_a_block_tells_what_became_of_each_name(site: Site) -> None:
    site.ok("block", "known.example")
    value = site.ok("block", "known.example", "hxxps://NEW[.]example/x", "--json").json()
    told = [(r["input"], r["name"], r["status"]) for r in value["results"]]
    assert told == [
        ("known.example", "known.example", "already"),
        ("hxxps://NEW[.]example/x", "new.example", "recorded"),
    ]
    assert value["applied"]["published"] is True
    assert value["applied"]["proven"] is True


def test_nothing_is_coloured_when_it_is_not_a_terminal(site: Site) -> None:
    for arguments in (("block", "a.example"), ("plan",), ("status",), ("apply",), ("list",)):
        done = site.cli(*arguments)
        assert "\x1b" not in done.stdout + done.stderr
