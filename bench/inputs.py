"""Made-up input: names with the look of real lists, the same for the same seed."""

import random
from pathlib import Path

_SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
_TOPS = ("com", "net", "org", "info", "xyz", "top", "ru", "co.uk", "site", "online")
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
