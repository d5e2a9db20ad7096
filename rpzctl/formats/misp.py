"""MISP: an event, a response with events, or a bare event; attributes also inside objects.

Source: https://www.misp-project.org/datamodels/ (MISP core format). Only attributes with ``to_ids``
are meant for detection; ``to_ids = false`` in the definition takes all.
"""

from collections.abc import Iterator
from typing import Any

from rpzctl.formats import json as json_format
from rpzctl.formats.csv import take
from rpzctl.formats.parsed import Gathered, Options, Parsed

name = "misp"
summary = "events of MISP as JSON: domains, host names, URLs and addresses"
_KINDS = frozenset(
    {"domain", "hostname", "url", "uri", "ip-dst", "ip-dst|port", "domain|ip", "hostname|port"}
)


def read(data: bytes, options: Options) -> Parsed:
    """Read events."""
    found = Gathered()
    value = json_format.document(data, found)
    events = list(_events(value))
    if value is not None and not events:
        what = "is a manifest, which names events" if _is_manifest(value) else "holds no event"
        found.reject(1, "", what)
    for place, attribute in enumerate((a for event in events for a in _attributes(event)), start=1):
        found.lines += 1
        _attribute(found, place, attribute, options)
    return found.parsed()


def _events(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - whatever JSON says
    waiting = [value]  # no recursion: a hostile document may nest as deep as JSON is read
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            inner = value.get("Event", value.get("response"))
            if inner is not None:
                waiting.append(inner)
            elif "Attribute" in value or "Object" in value:
                yield value


def _is_manifest(value: Any) -> bool:  # noqa: ANN401 - same
    return isinstance(value, dict) and any(
        isinstance(item, dict) and "Orgc" in item for item in value.values()
    )


def _attributes(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for holder in (event, *_listed(event, "Object")):
        yield from _listed(holder, "Attribute")


def _listed(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _attribute(found: Gathered, place: int, attribute: dict[str, Any], options: Options) -> None:
    kind, value = attribute.get("type"), attribute.get("value")
    if not isinstance(kind, str) or kind not in _KINDS:
        found.skip("an attribute of another type")
    elif attribute.get("deleted"):
        found.skip("an attribute that was deleted")
    elif options.to_ids and attribute.get("to_ids") not in (True, "1"):
        found.skip("an attribute that is not for detection (to_ids)")
    elif not isinstance(value, str):
        found.reject(place, "", "has no value")
    else:
        # of "name|address" the name: that it once had this address blocks no address
        take(found, place, value.partition("|")[0] if "|" in kind else value, options)
