"""abuse.ch: ThreatFox (API, exports, CSV) and URLhaus (CSV).

Sources: https://threatfox.abuse.ch/api/, https://urlhaus.abuse.ch/api/. The header of their CSV is
a comment, and columns come and go (14 in 2025, 15 in 2026): they are read by name.
"""

from typing import Any

from rpzctl.formats import csv
from rpzctl.formats import json as json_format
from rpzctl.formats.parsed import Gathered, Options, Parsed

_FOR_NAMES = ("domain", "url", "ip:port", "hostname")


class _ThreatFox:
    name = "threatfox"
    summary = "ThreatFox of abuse.ch: answers of its API, exports as JSON or CSV"

    def read(self, data: bytes, options: Options) -> Parsed:
        """Read an answer of the API, an export or its CSV."""
        if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"{", b"["}:
            return csv.read(
                data,
                options._replace(
                    column="ioc_value",
                    type_column="ioc_type",
                    types=options.types or _FOR_NAMES,
                ),
            )
        found = Gathered()
        value = json_format.document(data, found)
        items = _items(value)
        if value is not None and not items:
            said = value.get("query_status") if isinstance(value, dict) else None
            found.reject(1, said if isinstance(said, str) else "", "holds no indicators")
        for place, item in enumerate(items, start=1):
            found.lines += 1
            _indicator(found, place, item, options)
        return found.parsed()


def _items(value: Any) -> list[Any]:  # noqa: ANN401 - whatever JSON says
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return []
    listed = value.get("data", value.get("iocs"))
    return listed if isinstance(listed, list) else list(json_format.flattened(value))


def _indicator(found: Gathered, place: int, item: Any, options: Options) -> None:  # noqa: ANN401 - same
    if not isinstance(item, dict):
        found.reject(place, json_format.shown(item), "is no object")
        return
    kind = item.get("ioc_type", item.get("type"))
    if kind not in (options.types or _FOR_NAMES):
        found.skip("an indicator of another type")
        return
    text = item.get("ioc_value", item.get("ioc"))
    if isinstance(text, str):
        csv.take(found, place, text, options)
    else:
        found.reject(place, json_format.shown(item), "has no ioc")


class _UrlHaus:
    name = "urlhaus"
    summary = "URLhaus of abuse.ch as CSV: URLs"

    def read(self, data: bytes, options: Options) -> Parsed:
        """Read one of its CSV files."""
        return csv.read(data, options._replace(column="url", type_column=None, types=()))


THREATFOX = _ThreatFox()
URLHAUS = _UrlHaus()
