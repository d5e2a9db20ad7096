"""Which format is this likely to be? For `feeds inspect` alone: a definition says its format."""

from typing import NamedTuple

from rpzctl.formats import READERS, Options, Reader

_HEAD = 1 << 18
"""octets that are looked at; a JSON document is read whole"""
_DOCUMENTS = ("misp", "stix", "threatfox", "json", "ips")
_TEXTS = (
    "hosts",
    "rpz",
    "unbound",
    "named",
    "dnsmasq",
    "ips",
    "domains",
    "wildcard",
    "adblock",
    "urlhaus",
    "threatfox",
    "csv",
    "urls",
    "maltrail",
)
"""of two that take as many lines, the first: it asks more of a line"""


class Guess(NamedTuple):
    """A format, and which share of the lines it made something of."""

    format: str
    share: float


def guess(data: bytes) -> list[Guess]:
    """Return the formats that make something of `data`, the likeliest first."""
    document = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}
    head = data
    if not document and len(data) > _HEAD:
        head = data[: data.rfind(b"\n", 0, _HEAD) + 1] or data[:_HEAD]
    readers = {reader.name: reader for reader in READERS}
    order = _DOCUMENTS if document else _TEXTS
    made = [Guess(name, _share(readers[name], head)) for name in order]
    return sorted((each for each in made if each.share > 0), key=lambda each: -each.share)


def _share(reader: Reader, data: bytes) -> float:
    parsed = reader.read(data, Options())
    taken = min(parsed.entries.height + len(parsed.networks), parsed.lines)
    return round(taken / parsed.lines, 3) if parsed.lines else 0.0
