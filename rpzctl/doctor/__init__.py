"""`rpzctl doctor`: everything that a newcomer gets wrong, looked at, and the mend for each.

An examination is a function that is given the scene and yields findings. To add one: write it in
the file of its area, with harm, example and reference in its docstring, and put it into
`EXAMINATIONS`. Its id is its name. What it cannot look at it tells by raising `NotLooked`.
"""

import inspect
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from rpzctl.doctor import (
    control,
    feeds,
    folders,
    includes,
    other_kinds,
    policy_options,
    published,
    repo,
    resolver,
    tools,
    unattended,
)
from rpzctl.doctor.finding import Finding, NotLooked
from rpzctl.doctor.scene import SECONDS, Scene
from rpzctl.errors import RpzctlError, UsageFault

Examination = Callable[[Scene], Iterator[Finding]]
EXAMINATIONS: tuple[Examination, ...] = (
    tools.configuration,
    tools.rules,
    tools.feed_definitions,
    tools.tools,
    tools.bind_version,
    published.output_folder,
    published.published_files,
    published.kept_generations,
    folders.output_readable,
    folders.output_apparmor,
    folders.state_folder,
    folders.disk_space,
    includes.named_conf,
    includes.includes,
    includes.include_place,
    includes.view_policy,
    includes.policy_statements,
    policy_options.policy_order,
    policy_options.policy_count,
    policy_options.policy_overrides,
    policy_options.update_interval,
    policy_options.recursion,
    control.rndc_key,
    control.rndc_channel,
    control.running_configuration,
    control.running_zones,
    other_kinds.resolver_settings,
    other_kinds.resolver_ready,
    resolver.resolver_answers,
    resolver.resolver_refuses,
    resolver.live,
    published.clock,
    repo.git_repo,
    repo.git_identity,
    repo.git_changes,
    repo.git_remote,
    feeds.feeds_state,
    feeds.secrets,
    feeds.feeds_reachable,
    feeds.clock_online,
    unattended.schedule,
    unattended.completion,
)
"""in the order in which they are told: what others depend on comes first"""
_GRACE = 0.5
"""seconds beyond the scene's own deadline, for what ends just then"""


class Described(NamedTuple):
    """What an examination says of itself."""

    id: str
    title: str
    harm: str
    example: str
    reference: str


def id_of(examination: Examination) -> str:
    """Return the id of an examination."""
    return examination.__name__.replace("_", "-")


def described(examination: Examination) -> Described:
    """Return what the docstring of an examination says. Raises ValueError if it says too little."""
    text = inspect.getdoc(examination) or ""
    parts = re.split(r"\n(?=Harm: |Example: |Reference: )", text)
    said = {key: " ".join(rest.split()) for key, _, rest in (p.partition(": ") for p in parts[1:])}
    try:
        title = " ".join(parts[0].split())
        return Described(
            id_of(examination), title, said["Harm"], said["Example"], said["Reference"]
        )
    except KeyError as missing:
        raise ValueError(f"{id_of(examination)} does not say its {missing}") from None


def chosen(only: Sequence[str]) -> list[Examination]:
    """Return the examinations of these ids, all for none. Raises `UsageFault`."""
    known = {id_of(each): each for each in EXAMINATIONS}
    unknown = next((name for name in only if name not in known), None)
    if unknown is not None:
        near = get_close_matches(unknown, known, 1)
        raise UsageFault(
            f"there is no examination {unknown!r}" + (f"; do you mean {near[0]}?" if near else ""),
            fix="docs/reference/doctor.md has them: " + ", ".join(known),
        )
    return [known[name] for name in dict.fromkeys(only)] or list(EXAMINATIONS)


def examine(scene: Scene, examinations: Sequence[Examination]) -> list[Finding]:
    """Make the examinations, beside each other, and return what they find, in their order.

    Never later than the scene's deadline, and nothing is raised: what hangs, or fails in a way that
    nobody foresaw, was not looked at. Threads that still hang then die with the process.
    """
    found: dict[int, list[Finding]] = {}

    def make(place: int, examination: Examination) -> None:
        found[place] = _made(scene, examination)

    threads = [
        threading.Thread(target=make, args=job, daemon=True) for job in enumerate(examinations)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, scene.deadline + _GRACE - time.monotonic()))
    late = f"was not done within {SECONDS:.0f} s"
    return [
        finding
        for place, examination in enumerate(examinations)
        for finding in found.get(place) or [Finding("not-looked-at", late, id=id_of(examination))]
    ]


def _made(scene: Scene, examination: Examination) -> list[Finding]:
    name = id_of(examination)
    found: list[Finding] = []
    try:
        for finding in examination(scene):
            found.append(finding.safe(name))  # noqa: PERF401 - what came before a fault stays
    except NotLooked as why:
        found.append(Finding("not-looked-at", str(why)).safe(name))
    except RpzctlError as fault:
        found.append(Finding("not-looked-at", fault.message, fix=fault.fix or "").safe(name))
    except OSError as fault:
        told = f"{fault.filename or 'it'}: {fault.strerror or fault}"
        found.append(Finding("not-looked-at", told).safe(name))
    except Exception as fault:  # noqa: BLE001 - the one command that works when all is broken
        told = f"rpzctl failed at it: {type(fault).__name__}: {fault}"
        found.append(Finding("not-looked-at", told).safe(name))
    return found
