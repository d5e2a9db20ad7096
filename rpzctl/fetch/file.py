"""Feeds that are files on this machine."""

from pathlib import Path

from rpzctl.catalogue import Feed
from rpzctl.fetch import manifest
from rpzctl.fetch.fetched import Broken, Came, Fetched, Limits, Validators, too_much


def read(feed: Feed, known: Validators, limits: Limits, _deadline: float, came: Came) -> Fetched:
    """Read the file of `feed`, unless it is the one that `known` names. Raises `Broken`."""
    path = feed.file
    try:
        path = feed.local_path or path
        stat = path.stat()
        mark = Validators(etag=f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}")
        if mark == known:
            return Fetched(unchanged=True, validators=known, served=True)
        data = _octets(path, limits.octets)
        if manifest.is_one(feed):
            room = limits.octets
            events = []
            for uuid in manifest.events(data):
                events.append(_octets(path.with_name(f"{uuid}.json"), room))
                room -= len(events[-1])
            data = manifest.document(events)
        came(len(data))
    except OSError as fault:
        raise Broken(f"cannot read {fault.filename or path}: {fault.strerror}") from None
    return Fetched(data=data, validators=mark, served=True)


def _octets(path: Path, bound: int) -> bytes:
    if not path.is_file():
        raise Broken(f"{path} is not a file" if path.exists() else f"there is no file {path}")
    with path.open("rb") as file:
        data = file.read(bound + 1)
    if len(data) > bound:
        raise too_much(bound)
    return data
