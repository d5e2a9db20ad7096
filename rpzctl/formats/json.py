"""JSON: a list of names, or of objects with a name in one field, perhaps some way down.

``path`` names the keys to the list (``data``, ``response.items``), ``field`` the key of the name in
each object. Where the definition names none, the list is looked for among the usual ones.
"""

import json
from collections.abc import Iterator
from typing import Any

from rpzctl.formats.csv import USUAL, take
from rpzctl.formats.parsed import Gathered, Options, Parsed

name = "json"
summary = "a JSON list of names, or of objects with a name; path and field say where"
_LISTS = ("data", "iocs", "domains", "results", "items", "list")

_EXPORT = frozenset({"generation", "zones", "rows"})
"""keys of `rpzctl export --format json`"""


def document(data: bytes, found: Gathered) -> Any:  # noqa: ANN401 - whatever JSON says
    """Return the JSON document in `data`; None, and a reject with its line, if it is none."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        found.reject(1, "", "is not UTF-8 text")
    except json.JSONDecodeError as fault:
        found.reject(
            fault.lineno, fault.doc[fault.pos : fault.pos + 40], f"is not JSON: {fault.msg}"
        )
    except (RecursionError, ValueError):
        found.reject(1, "", "is JSON that nests too deep or holds a number too long")
    else:
        if value is None:
            found.reject(1, "null", "is JSON that holds nothing")
        return value
    return None


def read(data: bytes, options: Options) -> Parsed:
    """Read a feed of JSON."""
    found = Gathered()
    value = document(data, found)
    if value is None:
        return found.parsed()
    if isinstance(value, dict) and not options.path and value.keys() >= _EXPORT:
        found.reject(1, "", "is an export of rpzctl, of which this would read the names alone")
        return found.parsed()
    items = _list(value, options.path)
    if items is None:
        found.reject(1, "", f"has no list at {options.path!r}" if options.path else "has no list")
        return found.parsed()
    for place, item in enumerate(items, start=1):
        found.lines += 1
        _item(found, place, item, options)
    return found.parsed()


def _list(value: Any, path: str) -> list[Any] | None:  # noqa: ANN401 - whatever JSON says
    for key in filter(None, path.split(".")):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict) and not path:
        lists = (value[key] for key in _LISTS if isinstance(value.get(key), list))
        held = any(isinstance(inner, list) for inner in value.values())
        value = next(lists, list(flattened(value)) if held else None)
    return value if isinstance(value, list) else None


def flattened(value: dict[str, Any]) -> Iterator[Any]:
    """Give the objects of an export of abuse.ch: ``{id: [{...}], ...}``."""
    for items in value.values():
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))


def _item(found: Gathered, place: int, item: Any, options: Options) -> None:  # noqa: ANN401 - same
    if isinstance(item, dict):
        kind = item.get(options.type_field) if options.type_field else None
        if options.types and kind not in options.types:
            found.skip("an item of another type")
            return
        fields = (options.field,) if options.field else USUAL
        text = next((item[key] for key in fields if key in item), None)
    else:
        text = item
    if isinstance(text, str):
        take(found, place, text, options)
    else:
        found.reject(place, shown(item), "is no name and has none in its field")


def shown(item: Any) -> str:  # noqa: ANN401 - whatever JSON says
    """Return what tells people which item is meant, however deep it nests."""
    return ", ".join(list(item)[:8]) if isinstance(item, dict) else type(item).__name__
