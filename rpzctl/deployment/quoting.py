"""Paths and words as systemd, cron, the shell and others want them written.

Each function takes what a machine's settings say and returns text that means just that, or raises
`UsageFault`: no file says what its reader would take for something else.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence

from rpzctl.errors import UsageFault

_GLOBS = frozenset("*?[]{}\"'\\")


def plain(value: object) -> str:
    """Return `value` as text. Raises `UsageFault` for what would end a line or steer a terminal."""
    text = str(value)
    if not text.isprintable():
        raise UsageFault(f"{text!r} has a control character, and cannot be deployed")
    return text


def listed(value: object) -> str:
    r"""Return `value` as one word of a list in a unit, in tmpfiles.d or sysusers.d.

    A word is quoted when it has to be; ``%`` begins a specifier. Source: systemd.syntax(7),
    systemd.unit(5), tmpfiles.d(5).
    """
    text = plain(value).replace("%", "%%")
    if text and not set(text) & set(" \t\"'\\;#"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def command(words: Sequence[object]) -> str:
    """Return `words` as a command line of a unit, in which ``$`` begins a variable, too.

    Source: systemd.service(5), "Command lines".
    """
    return " ".join(listed(word).replace("$", "$$") for word in words)


def whole_line(value: object) -> str:
    """Return `value` as a setting that is not split into words: ``PathChanged=``.

    Source: systemd.path(5): only specifiers are expanded.
    """
    text = plain(value)
    if text != text.strip() or text.endswith("\\"):
        raise UsageFault(f"{text!r} cannot stand in a unit: it begins or ends with a space or \\")
    return text.replace("%", "%%")


def home(value: object) -> str:
    """Return `value` as a home folder in sysusers.d; passwd(5) ends its fields with ``:``."""
    if ":" in plain(value):
        raise UsageFault(f"{str(value)!r} has a colon, and cannot be a home folder")
    return listed(value)


def shell(words: Sequence[object]) -> str:
    """Return `words` as a command line of a POSIX shell."""
    return shlex.join(plain(word) for word in words)


def crontab(text: str) -> str:
    """Return a command for a crontab, in which an unescaped ``%`` would end it."""
    return text.replace("%", "\\%")


def literal(value: object) -> str:
    """Return `value` where a pattern could stand: in AppArmor's rules and logrotate's files."""
    text = plain(value)
    if odd := sorted(_GLOBS & set(text)):
        raise UsageFault(f"{text!r} has {' '.join(odd)}, which would be read as a pattern")
    return text


FILTERS: Mapping[str, Callable[..., str]] = {
    f.__name__: f for f in (listed, command, whole_line, home, shell, crontab, literal)
}
"""for the templates, by name"""
