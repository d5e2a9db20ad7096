"""What the policy is made from, as a value: it differs if a file says something else."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rpzctl.config import Config

_MOST = 64 << 20
"""octets of a file that is read; of a larger one its size and time must do"""


class Mark(NamedTuple):
    """A file: by what it is seen that it may have changed, and what it says."""

    inode: int
    size: int
    modified: int
    changed: int
    digest: str


class Signature(NamedTuple):
    """What the files of a policy repo say."""

    marks: dict[Path, Mark]

    def says(self) -> dict[Path, str]:
        """Return the digest of each file: another time alone is no change."""
        return {path: mark.digest for path, mark in self.marks.items()}

    def differs_from(self, other: "Signature") -> bool:
        """Tell whether a file came, went or says something else."""
        return self.says() != other.says()


def take(config: Config, before: Signature | None = None) -> Signature:
    """Return the signature of the policy repo; only what looks otherwise than `before` is read.

    What cannot be read is as what is not there: the policy that is live stays until it can.
    """
    known = before.marks if before else {}
    found = {}
    for path in _files(config):
        mark = _mark(path, known.get(path))
        if mark is not None:
            found[path] = mark
    return Signature(found)


def _files(config: Config) -> Iterator[Path]:
    repo = config.repo
    yield config.file
    yield from sorted((repo / "policy").glob("*.list"))
    yield repo / config.policy.cases
    yield from sorted((repo / "feeds").glob("*.toml"))
    yield from sorted((repo / "templates").rglob("*"))
    for path in (config.guards.top_sites, config.guards.public_suffix_list):
        if path is not None:
            yield repo / path


def _mark(path: Path, known: Mark | None) -> Mark | None:
    try:
        stat = path.stat()
        if not path.is_file():
            return None
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if known and known[:4] == seen:
            return known
        if stat.st_size > _MOST:
            return Mark(*seen, digest=f"{stat.st_size} {stat.st_mtime_ns}")
        return Mark(*seen, digest=hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError:
        return None
