"""What another hand changed: the published files, the link that named goes through, what is served.

`check` and `doctor` look at every octet; `status` at what costs the same for any number of names:
of a large file its size and time. `rpzctl apply` repairs all that is found here.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rpzctl import fragments as kinds
from rpzctl import intact, render
from rpzctl.check import Finding, error
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.files import read_text
from rpzctl.manifest import Manifest
from rpzctl.resolvers import Resolver
from rpzctl.resolvers.verify import live_serials
from rpzctl.store import MANIFEST, Store

_MEND = "rpzctl apply"


def link(store: Store, manifest: Manifest) -> Iterator[Finding]:
    """Look whether `current` is the symlink that rpzctl made, to the newest policy."""
    path = store.current_link
    if not path.is_symlink():
        yield error("drift", path, "is no symlink to a generation, but a folder", _MEND)
    elif not store.is_in_place(manifest):
        yield error("drift", path, f"leads to {path.readlink()}, which is no generation", _MEND)
    elif store.is_turned_back(manifest):
        yield error(
            "drift", path, f"leads back to {path.readlink().name}, an older generation", _MEND
        )


def files(store: Store, manifest: Manifest, *, thorough: bool) -> Iterator[Finding]:
    """Hold the files of the published generation against its manifest.

    Not `thorough`: of a large one its size, and that it is not newer than the manifest.
    """
    folder = store.folder(manifest)
    for entry in manifest.zones.values():
        path = folder / entry.file
        try:
            newer = path.stat().st_mtime_ns > (folder / MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            yield error("drift", path, "is missing", _MEND)
            continue
        except OSError as fault:
            yield error("drift", path, f"cannot be looked at: {fault.strerror}")
            continue
        if not intact.is_zone(folder, entry, thorough=thorough):
            yield error("drift", path, "was changed by another hand", _MEND)
        elif newer and not thorough:
            yield Finding(
                "drift",
                "warning",
                str(path),
                "was written after it was published",
                "'rpzctl check' compares every octet",
            )
        if not intact.are_rows(folder, entry):
            path = folder / (entry.rows_file or "")
            yield error("drift", path, "is missing or damaged", _MEND)


def fragments(config: Config, store: Store, manifest: Manifest) -> Iterator[Finding]:
    """Hold the fragments against what the templates and settings come to for these zones."""
    folder = store.folder(manifest)
    texts = {name: read_text(folder / name) for name in kinds.names(config)}
    missing = [name for name, text in texts.items() if text is None]
    for name in missing:
        yield error("drift", folder / name, "is missing or cannot be read", _MEND)
    if missing:
        return
    try:
        rows = kinds.rows_of(config, folder, manifest)
    except RpzctlError:
        return  # which is told of the file itself
    try:
        env = render.environment(config)
        drawn = kinds.drawn(
            env, config, store.current_link, manifest.policy_zones, manifest.sinkholes, rows
        )
    except RpzctlError as fault:
        yield error("drift", config.repo / "templates", fault.message, fault.fix)
        return
    for name, text in texts.items():
        if text == drawn[name]:
            continue
        if _is_newer(folder / name, folder / MANIFEST):
            yield error("drift", folder / name, "was changed by another hand", _MEND)
        elif not manifest.held:  # an old policy that is held has the fragments of its time
            told = "is not what the settings and templates say; they, or it, changed since"
            yield Finding("drift", "warning", str(folder / name), told, _MEND)


def _is_newer(path: Path, than: Path) -> bool:
    try:
        return path.stat().st_mtime_ns > than.stat().st_mtime_ns
    except OSError:
        return False


def published(
    config: Config, store: Store, manifest: Manifest, *, thorough: bool
) -> Iterator[Finding]:
    """Find all that is not as it was published."""
    yield from link(store, manifest)
    yield from files(store, manifest, thorough=thorough)
    yield from fragments(config, store, manifest)


def not_live(
    resolver: Resolver, manifest: Manifest, kept: Callable[[], Iterable[Manifest]]
) -> list[Finding]:
    """Find policy zones that the resolver does not serve as published.

    Raises `RpzctlError` when it answers nothing at all.
    """
    entries = [zone for zone in manifest.zones.values() if zone.kind == "policy"]
    serials = live_serials(resolver, entries, kept)
    return [
        error(
            "live",
            resolver.title,
            f"does not serve {zone.origin} as published: it serves "
            + (f"serial {served}, not {zone.serial}" if served else "another policy, or none"),
            _MEND,
        )
        for zone in entries
        if zone.origin in serials and (served := serials[zone.origin]) != zone.serial
    ]
