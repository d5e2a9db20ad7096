"""The catalogue that is shipped: each definition says what an operator must know, and is off."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rpzctl import catalogue, shipped
from rpzctl.catalogue import Feed

PATHS = sorted(shipped.folder("feeds").glob("*.toml"))
SAMPLE = "sample"
FEEDS = [path for path in PATHS if path.stem != SAMPLE]
ZONES = {"malware", "phishing", "ads", "policy", "ips"}
GONE = ("hagezi/dns-blocklists@latest/hosts", "hagezi/dns-blocklists@latest/domains", "/v1/")
"""what publishers took away: HaGeZi's hosts and domains in 2026, CERT Polska's first version"""


def ids(path: object) -> str:
    return getattr(path, "stem", "")


def test_the_catalogue_has_the_fields_well_known_feeds() -> None:
    assert len(FEEDS) >= 35
    groups = {catalogue.read(path).zone for path in FEEDS}
    assert groups == ZONES


@pytest.mark.parametrize("path", FEEDS, ids=ids)
def test_a_shipped_feed_says_what_an_operator_must_know(path: Path) -> None:
    feed = catalogue.read(path)
    assert not feed.enabled
    assert feed.title
    assert feed.licence
    assert feed.homepage
    assert feed.every
    assert "kind" in feed.said
    assert feed.zone in ZONES
    assert feed.commercial is not None or said_why(feed), "commercial is said, or the notes say why"


def said_why(feed: Feed) -> bool:
    notes = feed.notes or ""
    return any(word in notes for word in ("commercial", "terms"))


@pytest.mark.parametrize("path", FEEDS, ids=ids)
def test_a_shipped_feed_is_fetched_by_https_from_where_it_still_is(path: Path) -> None:
    feed = catalogue.read(path)
    assert "https" == urlsplit(feed.url).scheme
    assert (feed.homepage or "").startswith("https://")
    if urlsplit(feed.url).hostname != "threatfox-api.abuse.ch":
        assert not [gone for gone in GONE if gone in feed.url]


def test_no_two_shipped_feeds_are_the_same() -> None:
    feeds = [catalogue.read(path) for path in PATHS]
    assert len(feeds) == len({feed.url for feed in feeds}) == len({feed.title for feed in feeds})


def test_names_of_a_kind_go_with_their_group() -> None:
    kinds = {(feed.zone, feed.kind) for feed in map(catalogue.read, FEEDS)}
    assert {
        ("malware", "threat"),
        ("phishing", "threat"),
        ("ips", "threat"),
        ("ads", "ads"),
        ("policy", "policy"),
    } == kinds


def test_a_secret_is_never_in_a_definition() -> None:
    with_secret = [feed for feed in map(catalogue.read, PATHS) if feed.header != "Authorization"]
    assert ["threatfox-api"] == [feed.name for feed in with_secret]
    assert all(feed.secret_env for feed in with_secret)
