"""Readers of feed formats: octets in, names and rejects out. Pure: no network, no clock, no disk.

One module for each family. Needs Polars; import it where feeds are worked on.
"""

from rpzctl.formats import domains, hosts
from rpzctl.formats.lines import KEPT_REJECTS, Parsed, Reject, read_lines

READERS = (domains.FORMAT, hosts.FORMAT)


def read(data: bytes, form: str) -> Parsed:
    """Read a feed in the format named `form`, as a definition names it."""
    return read_lines(data, next(reader for reader in READERS if reader.name == form))


__all__ = ["KEPT_REJECTS", "READERS", "Parsed", "Reject", "read"]
