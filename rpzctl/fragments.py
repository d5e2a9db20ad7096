"""Fragments: what each kind of resolver includes of a generation, besides the zone files.

A kind's fragments are written where a resolver of that kind is configured, BIND's also where none
is. They are text of templates, and say which zones there are and where; zone files are the same for
all kinds.

BIND serves a sinkhole zone as a zone of its own. For the others the sinkhole zones together are one
more policy zone, in front, so that one comes or goes without a change of configuration.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rpzctl import render, views
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.files import read_text
from rpzctl.manifest import Manifest
from rpzctl.names import is_within
from rpzctl.rows import expand, read
from rpzctl.rpz import PASSTHRU, SINKHOLE, Row, owners

SINKHOLES = "sinkholes.rpz"
"""the file of the policy zone that holds the sinkhole zones, for resolvers other than BIND"""
SINKHOLES_ORIGIN = "sink"
"""its origin; other policy zones have two labels or more: what fits into those fits here"""
FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bind": ("options.conf", "zones.conf"),
        "unbound": ("unbound.conf", SINKHOLES),
        "pdns-recursor": ("pdns-recursor.lua", SINKHOLES),
        "knot": ("knot.lua", SINKHOLES),
    }
)
"""the fragments of each kind"""
ALL = tuple(dict.fromkeys(name for names in FILES.values() for name in names))
_OF_VIEW = re.compile(r"(options|zones)\.[A-Za-z0-9_-]+\.conf")
_TEMPLATES = {
    "options.conf": "bind/options.conf.j2",
    "zones.conf": "bind/zones.conf.j2",
    "unbound.conf": "unbound/unbound.conf.j2",
    "pdns-recursor.lua": "pdns-recursor/rpz.lua.j2",
    "knot.lua": "knot/rpz.lua.j2",
    SINKHOLES: "common/sinkholes.rpz.j2",
}


def of_view(name: str) -> tuple[str, str]:
    """Return the names of the fragments of a view of BIND; of none (empty), the usual two."""
    return (
        (f"options.{name}.conf", f"zones.{name}.conf") if name else ("options.conf", "zones.conf")
    )


def is_binds(name: str) -> bool:
    """Tell whether a fragment is BIND's."""
    return name in FILES["bind"] or _OF_VIEW.fullmatch(name) is not None


def names_sinkholes(name: str) -> bool:
    """Tell whether a fragment names the sinkhole zones."""
    return name == SINKHOLES or (is_binds(name) and name.startswith("zones."))


def file_of(origin: str) -> str:
    """Return the file name of a zone in a generation."""
    return f"{origin}.zone"


def unbound_names(zones: Sequence[str]) -> dict[str, str]:
    """Return by what name Unbound knows each policy zone, that of the sinkhole zones included.

    On a reload Unbound keeps the zones that it knows by name where they are and puts others in
    front of them, whatever the order of its configuration says (seen on 1.17). So another set of
    zones, or another order, gives all of them new names. They are shorter than origins: what fits
    into a zone by its origin fits by these.
    """
    digest = hashlib.sha256("\n".join(zones).encode()).digest()
    tag = base64.b32encode(digest).decode()[:4].lower()
    return {zone: f"{tag}{place}" for place, zone in enumerate((SINKHOLES_ORIGIN, *zones))}


def names(config: Config) -> tuple[str, ...]:
    """Return the names of the fragments that the configured resolvers need."""
    kinds = dict.fromkeys(resolver.kind for resolver in config.resolver) or ("bind",)
    found = [name for kind in FILES if kind in kinds for name in FILES[kind]]
    if "bind" in kinds:
        found += [name for view in config.view for name in of_view(view.name)]
    return tuple(dict.fromkeys(found))


def drawn(
    env: render.Templates,
    config: Config,
    published: Path,
    zones: Sequence[str],
    sinkholes: Sequence[str],
    rows: Iterable[Row],
) -> dict[str, str]:
    """Return the text of the fragments, by file name.

    `published` is the folder through which resolvers read what is published, `rows` are those of
    the operator's zone.
    """

    def file(zone: str) -> Path:
        return published / file_of(zone)

    # Values, not a function: what a template came to is remembered by them.
    options = {zone: config.group_of(zone) for zone in (*zones, SINKHOLES_ORIGIN)}
    values: dict[str, dict[str, object]] = {
        "options.conf": {"zones": zones, "policy": config.policy, "options": options},
        "zones.conf": {
            "zones": zones,
            "sinkholes": sinkholes,
            "output": str(published),
            "file": file,
        },
        SINKHOLES: {"sinkholes": sinkholes, "sinkhole": config.sinkhole, "soa": config.soa},
    }
    if SINKHOLES in names(config):
        values[SINKHOLES]["narrower"] = _narrower(env, config, sinkholes, rows)
    whole: dict[str, object] = {
        "zones": zones,
        "policy": config.policy,
        "output": str(published),
        "sinkholes": SINKHOLES_ORIGIN,
        "sinkholes_file": published / SINKHOLES,
        "file": file,
        "names": unbound_names(zones),
        "options": options,
        "soa": config.soa,
    }
    values["zones.conf"]["shared_in"] = ""
    templates = dict(_TEMPLATES)
    holder = views.of_sinkholes(config)
    for view in config.view:
        own = views.zones(config, view, zones)
        for name, usual in zip(of_view(view.name), FILES["bind"], strict=True):
            templates[name] = _TEMPLATES[usual]
            values[name] = {**values[usual], "zones": own}
        values[name]["sinkholes"] = sinkholes if view.sinkholes else ()
        values[name]["shared_in"] = "" if view.name == holder else holder
    return {
        name: render.fragment(env, templates[name], **values.get(name, whole))
        for name in names(config)
    }


def rows_of(config: Config, folder: Path, made: Manifest) -> Iterable[Row]:
    """Return those of the operator's rows in the generation `made` that fragments may need.

    `folder` is that generation's. Raises `RpzctlError` when they are damaged.
    """
    own = made.zones.get(config.policy.operator_zone)  # None: it had another name then
    if own is None or not own.rows_file or SINKHOLES not in names(config):
        return ()
    return read(folder / own.rows_file)


def below_sinkholes(sinkholes: Sequence[str], rows: Iterable[Row]) -> list[Row]:
    """Return what the operator's `rows` come to below sinkhole zones, where those stand in front.

    A row that passes is there because the sinkhole zone answers for itself in BIND, or around a
    narrower one: that is the answer of the sinkhole zone here.
    """
    return [
        row._replace(action=SINKHOLE if row.action == PASSTHRU else row.action)
        for row in rows
        if any(row.name != zone and is_within(row.name, zone) for zone in sinkholes)
    ]


def _narrower(
    env: render.Templates, config: Config, sinkholes: Sequence[str], rows: Iterable[Row]
) -> tuple[str, ...]:
    """Return the records of rules below sinkhole zones."""
    below = below_sinkholes(sinkholes, rows)
    actions = {row.action for row in below}
    drawn = render.zone(env, "bind/rpz.zone.j2", config, SINKHOLES_ORIGIN, actions)
    texts = (
        expand(drawn.shapes[row.action], owner)
        for row in below
        for owner in owners(row.name, row.scope)
    )
    return tuple(line for text in texts for line in text.splitlines())


def published(folder: Path) -> dict[str, str]:
    """Return the fragments of the generation in `folder`, by file name.

    Raises `RpzctlError` when one is gone that belongs to another that is there.
    """
    found = {
        name: text for name in _there(folder) if (text := read_text(folder / name)) is not None
    }
    kinds = [kind for kind, own in FILES.items() if set(own) - {SINKHOLES} & found.keys()]
    wanted = [name for kind in kinds or ("bind",) for name in FILES[kind]]
    gone = next((name for name in wanted if name not in found), None)
    if gone:
        raise RpzctlError(f"cannot read {folder / gone}: it is gone, or no text")
    return found


def _there(folder: Path) -> tuple[str, ...]:
    """Return the names that fragments in `folder` can have."""
    views = (path.name for path in folder.glob("*.*.conf") if _OF_VIEW.fullmatch(path.name))
    return (*ALL, *sorted(views))


def gone(folder: Path, names: Collection[str]) -> list[str]:
    """Return the names of fragments of views in `folder` that are not among `names`."""
    return [name for name in _there(folder) if _OF_VIEW.fullmatch(name) and name not in names]


def changed(old: Path | None, new: Path) -> tuple[str, ...]:
    """Return the names of the fragments that differ between two generations' folders.

    None: there is no old one.
    """
    return tuple(
        name
        for name in _there(new)
        if (text := read_text(new / name)) is not None
        and (old is None or read_text(old / name) != text)
    )
