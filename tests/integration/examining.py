"""What `rpzctl doctor` finds at a site, and its mends carried out as a person would."""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rpzctl import config, doctor
from rpzctl.doctor.finding import Finding
from rpzctl.doctor.scene import Scene
from rpzctl.errors import RpzctlError
from tests.integration.test_drift import rndc
from tests.servers import Site, until

PLACE = re.compile(r"(?P<file>/.+?)(?::(?P<line>\d+))?, (?:inside .*|at the top level):\Z")
LOADED_AGAIN = "then: rndc reconfig"


def found(
    site: Site,
    *only: str,
    online: bool = False,
    system: Path = Path("/"),
    later: timedelta = timedelta(0),
) -> list[Finding]:
    """Return what the examinations find that is not well."""
    given: config.Config | RpzctlError
    try:
        given = config.load(site.config)
    except RpzctlError as fault:
        given = fault
    now = datetime.now(UTC) + later
    scene = Scene(given, now, time.monotonic() + 14, online, system)
    findings = doctor.examine(scene, doctor.chosen(only))
    assert not [each for each in findings if "rpzctl failed at it" in each.what]
    return [each for each in findings if each.state != "ok"]


def one(site: Site, only: str, state: str = "fault", *, system: Path = Path("/")) -> Finding:
    """Return the one thing that is not well."""
    [finding] = found(site, only, system=system)
    assert (only, state) == (finding.id, finding.state), finding
    return finding


def becomes_well(site: Site, *only: str) -> None:
    """Wait until nothing is amiss: named applies policy a moment after it took a configuration."""
    until(lambda: not found(site, *only), f"nothing is amiss with {', '.join(only)}", 10.0)


def mend(site: Site, finding: Finding) -> None:
    """Carry out a mend of named.conf: write the lines where it says, and load."""
    fix = finding.fix
    if fix.startswith("take this include out"):
        file, _, number = finding.where.rpartition(":")
        lines = Path(file).read_text().splitlines(keepends=True)
        lines[int(number) - 1] = "\n"
        Path(file).write_text("".join(lines))
        fix = fix.partition("; ")[2] or fix.partition("\n")[2]
    assert LOADED_AGAIN == fix.splitlines()[-1]
    place = None
    for line in fix.splitlines()[:-1]:
        if found := PLACE.match(line):
            place = found
            continue
        assert place, fix
        path = Path(place["file"])
        lines = path.read_text().splitlines(keepends=True)
        if place["line"] is None:
            lines.append(line + "\n")
        else:
            at = int(place["line"]) - 1
            lines[at] = lines[at].replace("{", "{ " + line, 1)
        path.write_text("".join(lines))
    rndc(site, "reconfig")


def shell(finding: Finding) -> None:
    """Carry out a mend that is a command."""
    subprocess.run(finding.fix.split(), check=True, capture_output=True)
