r"""STIX 2.0 and 2.1 bundles: the patterns of indicators that compare a name, a URL or an address.

Source: STIX 2.1, part 9 (patterning). A pattern is taken if it is comparisons by ``=`` joined by
OR; with AND, NOT or FOLLOWEDBY it says more than a name can, and is skipped.
"""

import math
import re
from datetime import datetime
from typing import Any

from rpzctl.formats import json as json_format
from rpzctl.formats.csv import take
from rpzctl.formats.parsed import Gathered, Options, Parsed

name = "stix"
summary = "a STIX 2 bundle: indicators with domain-name, url or address patterns"
_COMPARISON = re.compile(
    r"(domain-name|url|ipv4-addr|ipv6-addr|hostname|network-traffic)"
    r":([a-z_.'\[\]*-]+)\s*=\s*'((?:[^'\\]|\\.)*)'"
)
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_NAMES = frozenset({"domain-name", "url", "ipv4-addr", "ipv6-addr", "hostname"})

_NEVER = 253_402_300_800
"""the end of the year 9999, in seconds since 1970"""


def read(data: bytes, options: Options) -> Parsed:
    """Read a bundle."""
    found = Gathered()
    value = json_format.document(data, found)
    objects = value.get("objects") if isinstance(value, dict) else None
    if value is not None and not isinstance(objects, list):
        found.reject(1, "", "is no STIX bundle: it has no objects")
    for place, item in enumerate(objects if isinstance(objects, list) else (), start=1):
        if isinstance(item, dict) and item.get("type") == "indicator":
            found.lines += 1
            _indicator(found, place, item, options)
    return found.parsed()


def _indicator(found: Gathered, place: int, item: dict[str, Any], options: Options) -> None:
    pattern = item.get("pattern")
    until = _moment(item.get("valid_until"))
    if item.get("revoked") is True:
        found.skip("an indicator that was revoked")
    elif options.now and until is not None and until <= options.now:
        found.skip("an indicator whose time is over")
    elif "benign" in _texts(item, "indicator_types") + _texts(item, "labels"):
        found.skip("an indicator of what is harmless")
    elif not isinstance(pattern, str) or item.get("pattern_type", "stix") != "stix":
        found.skip("a pattern of another language")
    elif re.search(r"\b(AND|NOT|FOLLOWEDBY)\b", _STRING.sub("''", pattern)):
        found.skip("a pattern that says more than a name")
    else:
        compared = [m for m in _COMPARISON.finditer(pattern) if m[1] in _NAMES and m[2] == "value"]
        if not compared:
            found.skip("a pattern about something else")
        elif until is not None:
            found.expires = min(until, found.expires or until)
        for match in compared:
            take(found, place, re.sub(r"\\(.)", r"\1", match[3]), options)


def _texts(item: dict[str, Any], key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _moment(text: object) -> int | None:
    """Return the seconds since 1970 of a time as STIX writes it; None: it is none, or never."""
    try:
        moment = datetime.fromisoformat(str(text))
        seconds = math.ceil(moment.timestamp()) if moment.tzinfo is not None else _NEVER
    except (ValueError, OverflowError):
        return None
    return seconds if seconds < _NEVER else None
