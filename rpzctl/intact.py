"""Whether the files of a generation are as they were written."""

import os
from pathlib import Path

from rpzctl.files import file_digest
from rpzctl.manifest import Manifest, ZoneEntry

_SMALL = 1 << 20
"""octets of a file that is read whole each time"""
_PARQUET = b"PAR1"
"""begins and ends a Parquet file"""


def is_zone(folder: Path, zone: ZoneEntry, *, thorough: bool) -> bool:
    """Tell whether a zone file is as it was written; not `thorough`: of a large one, as long."""
    head, tail = zone.frame.stamped(zone.serial)
    path = folder / zone.file
    try:
        size = path.stat().st_size
        if size != len(head) + zone.span[1] + len(tail):
            return False
        return not (thorough or size <= _SMALL) or file_digest(path) == zone.sha256
    except OSError:
        return False


def are_rows(folder: Path, zone: ZoneEntry) -> bool:
    """Tell whether the saved rows of a zone look undamaged, which costs a look at both ends."""
    if not zone.rows_file:
        return True
    path = folder / zone.rows_file
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begin = file.read(len(_PARQUET))
            file.seek(max(0, size - len(_PARQUET)))
            end = file.read()
    except OSError:
        return False
    if path.suffix == ".parquet":
        return begin == end == _PARQUET
    return not size if not zone.rows else end.endswith(b"\n")


def make_manifest_newest(path: Path, manifest: Manifest) -> None:
    """See to it that no zone file is newer than the manifest beside it: one that is was touched."""
    written = [(path.parent / zone.file).stat().st_mtime_ns for zone in manifest.zones.values()]
    if max(written, default=0) > path.stat().st_mtime_ns:
        os.utime(path, ns=(max(written), max(written)))
