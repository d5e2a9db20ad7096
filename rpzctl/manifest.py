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

    @property
    def monitored(self) -> bool:
        """Whether resolvers log what the zone would do, and do nothing."""
        return self.frame.monitored


class Cause(NamedTuple):
    """Who made a generation, by what, and why."""

    what: str = ""
    """the command in short: ``block evil.example``, ``sync``, ``rollback 4``"""
    by: str = ""
    why: str = ""
    """reason and ticket, as people gave them"""
    commit: str = ""
    """of the policy repo that it was made from; empty where there is none"""
    dirty: bool = False
    """the policy repo said something that is not in that commit"""


class Hold(NamedTuple):
    """An old policy that was put back by a person, and stays until one says otherwise."""

    of: int
    """the generation whose content it is"""
    by: str
    at: str
    why: str = ""

    def text(self) -> str:
        """Return it for people."""
        why = f": {self.why}" if self.why else ""
        return f"the policy of generation {self.of} is held since {self.at}, by {self.by}{why}"


class Moved(NamedTuple):
    """How many rows of a zone a generation changed."""

    added: int
    removed: int
    changed: int


class Manifest(NamedTuple):
    """What a generation is."""

    generation: int
    made: str
    zones: Mapping[str, ZoneEntry]
    """by origin; policy zones stand in order of precedence"""
    sinkholes: tuple[str, ...] = ()
    serials: Mapping[str, int] = MappingProxyType({})
    """the highest serial that each zone ever had, also of zones that are gone"""
    cause: Cause = Cause()
    of: int = 0
    """the generation whose content it is again; 0: its own"""
    held: Hold | None = None
    """set from a rollback until the next explicit apply"""
    passing: bool = False
    """a step on the way to the next generation, nothing to go back to"""
    moved: Mapping[str, Moved] = MappingProxyType({})
    """how the zones that differ from the generation before differ, by origin"""
    feeds: Mapping[str, str] = MappingProxyType({})
    """the SHA-256 of each feed's copy that it was made from"""

    def text(self) -> str:
        """Return the manifest as JSON text."""
        zones = {
            origin: {**zone._asdict(), "frame": zone.frame._asdict()}
            for origin, zone in self.zones.items()
        }
        value = {
            "format": FORMAT,
            **self._asdict(),
            "zones": zones,
            "serials": dict(self.serials),
            "cause": self.cause._asdict(),
            "held": self.held._asdict() if self.held else None,
            "moved": {origin: moved._asdict() for origin, moved in self.moved.items()},
            "feeds": dict(self.feeds),
        }
        return json.dumps(value, indent=1) + "\n"

    @property
    def policy_zones(self) -> list[str]:
        """The origins of the policy zones in order of precedence."""
        return [zone.origin for zone in self.zones.values() if zone.kind == "policy"]


def read_manifest(text: str) -> Manifest:
    """Return the manifest that `Manifest.text` gave.

    Raises `ValueError`, `KeyError`, `TypeError`, `AttributeError` for another text.
    """
    value = json.loads(text)
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']}")
    zones = {}
    for origin, entry in value["zones"].items():
        entry["frame"] = Frame(**entry["frame"])
        entry["span"] = tuple(entry["span"])
        zones[origin] = ZoneEntry(**entry)
    held = value.get("held")
    moved = value.get("moved") or {}
    return Manifest(
        generation=value["generation"],
        made=value["made"],
        zones=zones,
        sinkholes=tuple(value["sinkholes"]),
        serials=value["serials"],
        cause=Cause(**value.get("cause") or {}),
        of=value.get("of") or 0,
        held=Hold(**held) if held else None,
        passing=bool(value.get("passing")),
        moved={origin: Moved(**counts) for origin, counts in moved.items()},
        feeds=value.get("feeds") or {},
    )


def digest_of(*parts: object) -> str:
    """Return a digest of JSON-ready values."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
