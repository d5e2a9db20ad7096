"""Addresses and prefixes, one a line: netsets, Spamhaus DROP as text or JSON lines.

They say nothing of names; they are kept as networks.
"""

import ipaddress
import json
import re
from typing import Any

from rpzctl.formats.lines import announcement
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Gathered, Options, Parsed

name = "ips"
summary = "an address or prefix on each line, or JSON lines with a cidr"
_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}\Z")


def read(data: bytes, _: Options) -> Parsed:
    """Read a feed of addresses."""
    found = Gathered()
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if line.startswith("{"):
            _json(found, number, line)
            continue
        item = re.split(r"[#;]|//", line, maxsplit=1)[0].strip()
        if not item:
            found.announced = found.announced or announcement(line)
            continue
        found.lines += 1
        _add(found, number, line, item)
    return found.parsed()


def _add(found: Gathered, number: int, line: str, item: str) -> None:
    port = _PORT.match(item)
    first, dash, last = item.partition("-")
    if dash:
        nets = _range(first.strip(), last.strip())
        found.networks.update(nets)
        if nets:
            return
    net = network(port[1] if port else item)
    if net is None:
        found.reject(number, line, "is no address and no prefix")
    else:
        found.networks.add(net)


def _range(first: str, last: str) -> list[str]:
    try:
        ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
        nets = ipaddress.summarize_address_range(*ends)
        return [text for net in nets if (text := network(str(net)))]
    except (ValueError, TypeError):
        return []


def _json(found: Gathered, number: int, line: str) -> None:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    found.lines += 1
    if isinstance(value, dict) and value.get("type") == "metadata":
        found.lines -= 1
        records = value.get("records")
        found.announced = records if isinstance(records, int) else None
    elif isinstance(value, dict) and isinstance(value.get("cidr"), str):
        _add(found, number, line, value["cidr"])
    else:
        found.reject(number, line, "is no JSON object with a cidr")
