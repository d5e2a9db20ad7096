"""What AppArmor's profile of named allows, read from its text. Source: apparmor.d(5)."""

import re
from pathlib import Path
from typing import NamedTuple

_RULE = re.compile(
    r"^\s*(?:audit\s+)?(?P<deny>deny\s+)?(?:allow\s+)?(?:owner\s+)?(?:file\s+)?"
    r'(?P<path>"/[^"]*"|/\S+)\s+(?P<perms>[a-zA-Z]+)\s*,',
    re.MULTILINE,
)
_INCLUDE = re.compile(r'^\s*#?include\s+(?:if\s+exists\s+)?[<"](local/[^>"]+)[>"]', re.MULTILINE)
_PROFILE = "usr.sbin.named"
_TOKEN = re.compile(r"\*\*|\*|\?|\{|\}|,|\[[^\]]*\]|\\?.")


class Rule(NamedTuple):
    """A rule of a profile for files."""

    path: str
    perms: str
    deny: bool


def profile(system: Path) -> tuple[str | None, list[Rule], Path]:
    """Return how named is confined, the rules, and the file of the profile.

    The first is None, ``enforce`` or ``complain``. Who may not read the list of loaded profiles (it
    is root's) takes it that a profile which is there is enforced.
    """
    file = system / "etc/apparmor.d" / _PROFILE
    try:
        enabled = (system / "sys/module/apparmor/parameters/enabled").read_text().strip() == "Y"
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None, [], file
    if not enabled or (file.parent / "disable" / _PROFILE).exists():
        return None, [], file
    try:
        loaded = (system / "sys/kernel/security/apparmor/profiles").read_text()
    except OSError:
        state: str | None = "enforce"
    else:
        found = re.search(r"^(?:/usr/sbin/)?named \((\w+)\)", loaded, re.MULTILINE)
        state = found[1] if found else None
    return state, rules(text, file.parent), file


def rules(text: str, folder: Path) -> list[Rule]:
    """Return the rules for files in the text of a profile, those of its local additions, too."""
    parts = [text]
    for included in _INCLUDE.findall(text):
        try:
            parts.append((folder / included).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return [
        Rule(match["path"].strip('"'), match["perms"], bool(match["deny"]))
        for part in parts
        for match in _RULE.finditer(re.sub(r"(?m)^\s*#(?!include).*$", "", part))
    ]


def allows(rules: list[Rule], path: str) -> bool:
    """Tell whether the rules let `path` be read; a denial outweighs what allows."""
    about = [rule for rule in rules if "r" in rule.perms and _matches(rule.path, path)]
    return bool(about) and not any(rule.deny for rule in about)


def _matches(pattern: str, path: str) -> bool:
    if "@{" in pattern:  # variables: /proc and the like
        return False
    depth, parts = 0, []
    for token in _TOKEN.findall(pattern):
        if token == "**":  # noqa: S105 - a wildcard
            parts.append(".*")
        elif token == "*":  # noqa: S105 - same
            parts.append("[^/]*")
        elif token == "?":  # noqa: S105 - same
            parts.append("[^/]")
        elif token == "{":  # noqa: S105 - same
            depth += 1
            parts.append("(?:")
        elif token == "}" and depth:  # noqa: S105 - same
            depth -= 1
            parts.append(")")
        elif token == "," and depth:  # noqa: S105 - same
            parts.append("|")
        else:
            parts.append(token if token.startswith("[") else re.escape(token.removeprefix("\\")))
    try:
        return re.fullmatch("".join(parts), path) is not None
    except re.error:
        return False
