"""`every`: cron may call sync each five minutes, and publishers are asked as often as they like."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_feeds import GOOD, define
from tests.publisher import Publisher, publishing
from tests.servers import Site


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def record(repo: Site, name: str) -> Path:
    return repo.state / "feeds" / name / "record.json"


def later(repo: Site, name: str, **values: str | int) -> None:
    """Let the record say so, as if time had passed."""
    path = record(repo, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_only_what_is_due_is_fetched(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.gives("/daily", GOOD), every="1d")
    define(repo, "always", publisher.gives("/always", GOOD))
    repo.ok("sync", "--no-reload")
    done = repo.ok("sync", "--no-reload")
    assert (1, 2) == (publisher.times_asked("/daily"), publisher.times_asked("/always"))
    assert "unchanged: 1 of 2 feeds; not due: 1, next is daily at 2" in done.stdout
    repo.ok("sync", "daily", "--no-reload")
    assert 1 == publisher.times_asked("/daily"), "named, it is asked no more often"
    told = repo.ok("sync", "daily", "--no-reload", "--json").json()["feeds"][0]
    assert ("waiting", 400, None) == (told["status"], told["names"], told["fault"])
    assert told["due"].endswith("Z")
    later(repo, "daily", last_checked="2026-01-01T00:00:00Z")
    repo.ok("sync", "--no-reload")
    assert 2 == publisher.times_asked("/daily")
    repo.ok("sync", "daily", "--now", "--no-reload")
    assert 3 == publisher.times_asked("/daily")


def test_nothing_due_makes_no_generation(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.gives("/daily", GOOD), every="1d")
    repo.ok("sync", "--no-reload")
    before = repo.current
    done = repo.ok("sync", "--no-reload", "--json").json()
    assert (False, before) == (done["applied"]["published"], repo.current)


def test_a_changed_definition_is_fetched_at_once(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.gives("/old", GOOD), every="1d")
    repo.ok("sync", "--no-reload")
    define(repo, "daily", publisher.gives("/new", GOOD + b"0.0.0.0 new.example\n"), every="1d")
    assert "new copy, 401 names" in repo.ok("sync", "--no-reload").stderr


def test_a_failing_publisher_is_asked_less_and_less(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.url("/gone"), every="1d")
    assert 1 == repo.cli("sync", "--no-reload").status
    done = repo.cli("sync", "--no-reload")
    assert (0, 1) == (done.status, publisher.times_asked("/gone")), "waiting is no failure"
    known = json.loads(record(repo, "daily").read_text())
    assert (1, "HTTP status 404") == (known["failures"], known["fault"])


def test_a_feed_whose_secret_is_put_right_is_due_at_once(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.gives("/list", GOOD), every="1d", secret_file="key")  # noqa: S106
    assert "cannot read its secret" in repo.cli("sync", "--no-reload").stderr
    key = repo.repo / "feeds" / "key"
    key.write_text("right\n")
    key.chmod(0o600)
    assert "new copy" in repo.ok("sync", "--no-reload").stderr


def test_a_publisher_who_says_later_is_left_alone(repo: Site, publisher: Publisher) -> None:
    url = publisher.fails("/busy", 429, b"", **{"Retry-After": "7200"})
    define(repo, "always", url)
    assert "HTTP status 429" in repo.cli("sync", "--no-reload").stderr
    assert "not due: 1, next is always at 2" in repo.cli("sync", "--no-reload").stdout
    assert 1 == publisher.times_asked("/busy")


def test_accepting_a_swing_fetches_though_it_is_not_due(repo: Site, publisher: Publisher) -> None:
    define(repo, "daily", publisher.gives("/list", GOOD, etag='"1"'), every="1d")
    repo.ok("sync", "--no-reload")
    publisher.gives("/list", GOOD[:2000], etag='"2"')
    assert "went from 400 to " in repo.cli("sync", "--now", "--no-reload").stderr
    assert "new copy" in repo.ok("sync", "--accept", "daily", "--no-reload").stderr
