"""Made-up input: names with the look of real lists, the same for the same seed."""

import random
import re
from collections.abc import Callable
from pathlib import Path

_SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
_TOPS = ("com", "net", "org", "info", "xyz", "top", "ru", "co.uk", "site", "online")
_NAME = re.compile(rb"(?:[a-z0-9-]+\.)+[a-z]{2,}(?=[ \r\n^\"])")
_HOSTS = ("www", "mail", "login", "ads-x", "cdn", "static")


def names(count: int, seed: int = 7) -> list[str]:
    """Return `count` different names, about a third of them below another domain."""
    chance = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        name = "".join(chance.choices(_SYLLABLES, k=chance.randint(3, 7)))
        name += "." + chance.choice(_TOPS)
        if chance.random() < 0.35:
            name = f"{chance.choice(_HOSTS)}{chance.randint(1, 99)}.{name}"
        made[name] = None
    return list(made)


def write_hosts(path: Path, listed: list[str]) -> None:
    """Write a hosts file."""
    path.write_text("".join(f"0.0.0.0 {name}\n" for name in listed), encoding="ascii")


def six_feeds(count: int, seed: int = 11) -> dict[str, tuple[str, bytes]]:
    """Return six feeds of mixed formats that list `count` names together, by name: format and text.

    Three names in ten stand in two feeds, so that 1.3 times `count` are listed; one line in two
    hundred is no name.
    """
    chance = random.Random(seed)
    listed = names(count, seed)
    shares: list[list[str]] = [[] for _ in range(6)]
    for name in listed:
        home = chance.randrange(6)
        shares[home].append(name)
        if chance.random() < 0.3:
            shares[(home + chance.randrange(1, 6)) % 6].append(name)
    lines: dict[str, Callable[[str], str]] = {
        "hosts": lambda name: f"0.0.0.0 {name}\r\n",
        "domains": lambda name: f"{name}\n",
        "adblock": lambda name: f"||{name}^\n",
        "rpz": lambda name: f"{name} CNAME .\n*.{name} CNAME .\n",
        "csv": lambda name: f'"2026-11-24","{name}","c2"\n',
        "wildcard": lambda name: f"*.{name}\n",
    }
    heads = {"csv": '"date","name","kind"\n', "rpz": "$TTL 60\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\n"}
    feeds = {}
    for (form, line), share in zip(lines.items(), shares, strict=True):
        chance.shuffle(share)
        body = [
            line(name) if chance.random() > 0.005 else f"!! no name {number}\n"
            for number, name in enumerate(share)
        ]
        feeds[form] = (form, (heads.get(form, "") + "".join(body)).encode("ascii"))
    return feeds


def names_in(feeds: dict[str, tuple[str, bytes]]) -> bytes:
    """Return the names that `feeds` list, one a line, as often as they are listed."""
    found = (_NAME.findall(text) for _, text in feeds.values())
    return b"".join(name + b"\n" for listed in found for name in listed)
