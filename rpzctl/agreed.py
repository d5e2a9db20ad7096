"""A plan in a file: what people have looked at, and nothing else is carried out.

`rpzctl plan --out FILE` writes it, `rpzctl apply --plan FILE` refuses when the world has moved on:
another policy is published, or rules, feeds, settings, templates or the time lead elsewhere.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl.errors import Refused, UsageFault
from rpzctl.files import write_aside
from rpzctl.names import printable

if TYPE_CHECKING:
    from rpzctl.plan import Plan

_MOST = 64 << 20
"""octets of a file that can be a plan"""
_FIX = "look at the new one: rpzctl plan --out FILE"


class Agreed(NamedTuple):
    """What was agreed on."""

    base: int
    """the generation that it begins from; 0: none"""
    result: str
    """digest of the policy that it leads to"""
    zones: Mapping[str, str] = MappingProxyType({})
    """digest of each zone, to tell what differs"""

    def begins_from(self, generation: int) -> None:
        """Raise `Refused` if another generation is published than the plan begins from."""
        if generation != self.base:
            raise Refused(
                f"the plan begins from generation {self.base or 'none'}; {generation or 'none'} is "
                "published since",
                fix=_FIX,
            )

    def hold(self, plan: "Plan") -> None:
        """Raise `Refused` if `plan` leads to another policy."""
        if plan.result == self.result:
            return
        now = {zone.origin: zone.digest for zone in plan.zones}
        differ = [zone for zone in {**self.zones, **now} if self.zones.get(zone) != now.get(zone)]
        raise Refused(
            "the rules, feeds, settings or templates, or the time, lead to another policy than the "
            "plan that was agreed on",
            details=[printable(f"{zone} would be another", 300) for zone in differ[:20]],
            fix=_FIX,
        )


def write(path: Path, plan: "Plan", about: Mapping[str, Any]) -> None:
    """Write `plan` to the file `path`, whole or not at all. Raises `RpzctlError`.

    `about` is for people: when it was made, and of which commit.
    """
    text = json.dumps({**about, "plan": plan.value(None)}, indent=2, ensure_ascii=True)
    write_aside(path, f"{text}\n".encode(), mode=0o644, sure=True)


def read(path: Path) -> Agreed:
    """Read a plan that `write` wrote. Raises `UsageFault`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as fault:
        raise UsageFault(f"cannot read {path}: {fault.strerror}") from None
    found = _parsed(data) if len(data) <= _MOST else None
    if found is None:
        raise UsageFault(f"{path} is no plan of rpzctl", fix="'rpzctl plan --out FILE' writes one")
    return found


def _parsed(data: bytes) -> Agreed | None:
    try:
        plan = json.loads(data)["plan"]
        base, result = plan["base"], plan["result"]
        zones = {zone["zone"]: zone["digest"] for zone in plan["zones"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = (result, *zones, *zones.values())
    sound = type(base) is int and result and all(type(text) is str for text in texts)
    return Agreed(base, result, zones) if sound else None
