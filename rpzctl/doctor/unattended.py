"""What runs by itself: something that syncs; and what makes the command line easier."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from rpzctl import times
from rpzctl.doctor.finding import Finding, ok, warning
from rpzctl.doctor.scene import Scene

_PLACES = (
    "etc/crontab",
    "etc/cron.d/*",
    "etc/cron.hourly/*",
    "etc/cron.daily/*",
    "var/spool/cron/*",
    "var/spool/cron/crontabs/*",
    "etc/systemd/system/*.service",
    "etc/systemd/user/*.service",
    "usr/lib/systemd/system/rpzctl*.service",
    "usr/local/lib/systemd/system/*.service",
)
_RUNS = re.compile(rb"^(?!\s*#).*\brpzctl\b.*\b(?:sync|watch)\b", re.MULTILINE)
_OLD = timedelta(days=1)
_MOST = 1 << 18


def schedule(scene: Scene) -> Iterator[Finding]:
    """Look for what runs `rpzctl sync` or `rpzctl watch`: cron, a systemd unit, a running process.

    Harm: feeds grow old, and rules that expired stay in force.
    Example: everything was tried by hand, and nobody wrote the cron line.
    Reference: docs/fetching.md
    """
    found = _runner(scene.system)
    if found:
        yield ok("something runs sync", found)
        return
    checked = [record.last_checked for _, record in scene.feeds if record.last_checked]
    if not scene.feeds:
        yield ok("no feed is enabled, and nothing runs sync; expiries want one, too")
        return
    last = max(checked, default=None)
    when = f"the last was {times.age(last, scene.now)} ago" if last else "there was none yet"
    fix = "rpzctl deploy install; where there is no systemd: rpzctl deploy install cron"
    if last and scene.now - times.parse(last) < _OLD:
        yield ok(f"nothing was found that runs rpzctl sync; {when}", "cron and systemd", fix)
    else:
        yield warning(f"nothing runs rpzctl sync; {when}", "cron and systemd", fix)


def _runner(system: Path) -> Path | None:
    """Return the file that runs sync or watch, if one does."""
    for pattern in _PLACES:
        for path in sorted(system.glob(pattern)):
            try:
                with path.open("rb") as file:
                    if _RUNS.search(file.read(_MOST)):
                        return path
            except OSError:
                continue
    for path in system.glob("proc/[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        programs = {os.path.basename(word) for word in words[:3]}  # noqa: PTH119 - octets
        if b"rpzctl" in programs and b"watch" in words:
            return path.parent
    return None


def completion(scene: Scene) -> Iterator[Finding]:
    """Look whether the shell completes rpzctl's commands and names.

    Harm: none; it is a comfort.
    Example: `rpzctl unblock <Tab>` shows the names that are blocked.
    Reference: `rpzctl --help`
    """
    home = Path(os.environ.get("HOME") or "/nonexistent")
    places = (
        home / ".bash_completions/rpzctl.sh",
        home / ".zfunc/_rpzctl",
        home / ".config/fish/completions/rpzctl.fish",
        scene.system / "usr/share/bash-completion/completions/rpzctl",
        scene.system / "etc/bash_completion.d/rpzctl",
    )
    there = next((place for place in places if place.is_file()), None)
    if there:
        yield ok("the shell completes rpzctl's commands", there)
    else:
        yield ok("the shell does not complete rpzctl's commands", "", "rpzctl --install-completion")
