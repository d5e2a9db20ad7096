"""What a generation is, and its text: the manifest."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from rpzctl.render import Frame

FORMAT = 1


class ZoneEntry(NamedTuple):
    """A zone in a generation. `span` is where its records stand in the file: start and length."""

    origin: str
    kind: Literal["policy", "sinkhole"]
    file: str
    serial: int
    digest: str
    """of the frame, the shapes and the rows: all that it says, apart from the serial"""
    rows: int
    frame: Frame
    span: tuple[int, int]
    rows_file: str | None = None
    rows_digest: str = ""
    sha256: str = ""
    """of the zone file"""
    inputs: str = ""
    """digest of what a feed zone was made from; the same inputs need no work"""


class Manifest(NamedTuple):
    """What a generation is."""

    generation: int
    made: str
    zones: Mapping[str, ZoneEntry]
    """by origin; policy zones stand in order of precedence"""
    sinkholes: tuple[str, ...] = ()
    serials: Mapping[str, int] = MappingProxyType({})
    """the highest serial that each zone ever had, also of zones that are gone"""

    def text(self) -> str:
        """Return the manifest as JSON text."""
        zones = {
            origin: {**zone._asdict(), "frame": zone.frame._asdict()}
            for origin, zone in self.zones.items()
        }
        value = {"format": FORMAT, **self._asdict(), "zones": zones, "serials": dict(self.serials)}
        return json.dumps(value, indent=1) + "\n"

    @property
    def policy_zones(self) -> list[str]:
        """The origins of the policy zones in order of precedence."""
        return [zone.origin for zone in self.zones.values() if zone.kind == "policy"]


def read_manifest(text: str) -> Manifest:
    """Return the manifest that `Manifest.text` gave. Raises what shows that it is another text:
    `ValueError`, `KeyError`, `TypeError`, `AttributeError`.
    """
    value = json.loads(text)
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']}")
    zones = {}
    for origin, entry in value["zones"].items():
        entry["frame"] = Frame(**entry["frame"])
        entry["span"] = tuple(entry["span"])
        zones[origin] = ZoneEntry(**entry)
    return Manifest(
        value["generation"], value["made"], zones, tuple(value["sinkholes"]), value["serials"]
    )


def digest_of(*parts: object) -> str:
    """Return a digest of JSON-ready values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
