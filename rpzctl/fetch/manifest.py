"""MISP feeds: a manifest names events, each a file beside it; they become one document.

Source: https://www.misp-project.org/feeds/ and PyMISP's feed generator: ``manifest.json`` is an
object with an item for each event, by its UUID; ``timestamp`` in it is in seconds since 1970.
"""

import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from rpzctl.catalogue import Feed
from rpzctl.fetch.fetched import Broken

MOST_EVENTS = 2000
"""so many events are fetched, the newest"""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def is_one(feed: Feed) -> bool:
    """Tell whether the URL of `feed` is that of a manifest."""
    return feed.format == "misp" and urlsplit(feed.url).path.endswith("/manifest.json")


def events(data: bytes) -> list[str]:
    """Return the UUIDs of the newest events in a manifest, newest first.

    Raises `Broken` for what is no manifest, or names an event by anything but a UUID.
    """
    value = _json(data, "the manifest")
    if not isinstance(value, dict):
        raise Broken("the manifest is not an object of events", served=True)
    if not all(_UUID.match(uuid) and isinstance(item, dict) for uuid, item in value.items()):
        raise Broken("the manifest names an event by something that is no UUID", served=True)
    ordered = sorted(value, key=lambda uuid: (-_moment(value[uuid]), uuid))
    return ordered[:MOST_EVENTS]


def document(found: Sequence[bytes]) -> bytes:
    """Return the events `found` as one document of the format ``misp``. Raises `Broken`."""
    for place, event in enumerate(found, start=1):
        if not isinstance(_json(event, f"event {place} of the manifest"), dict):
            raise Broken(f"event {place} of the manifest is no event", served=True)
    return b'{"response": [\n' + b",\n".join(event.strip() for event in found) + b"\n]}\n"


def _moment(item: dict[str, object]) -> int:
    text = str(item.get("timestamp", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0  # noqa: PLR2004 - a sane bound


def _json(data: bytes, what: str) -> object:
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        raise Broken(f"{what} is not JSON", served=True) from None
    return value
