"""The published files: there, as they were published, and not of the future."""

import shlex
from collections.abc import Iterator
from datetime import timedelta

from rpzctl import drift, times
from rpzctl.doctor.finding import Finding, fault, of_check, ok, warning
from rpzctl.doctor.scene import Scene
from rpzctl.errors import RpzctlError

_APART = timedelta(minutes=5)


def output_folder(scene: Scene) -> Iterator[Finding]:
    """Look for a published generation in the output folder.

    Harm: named.conf includes files that are not there, and named does not start.
    Example: the policy repo was cloned to a new machine, where nothing was published yet.
    Reference: docs/how-a-change-travels.md
    """
    store = scene.store
    try:
        manifest = store.current()
    except RpzctlError as wrong:
        yield fault(wrong.message, store.current_link, wrong.fix or "")
        return
    if manifest is None:
        there = store.output.is_dir()
        yield fault(
            "nothing is published" if there else "there is no output folder",
            store.current_link if there else store.output,
            "rpzctl apply --no-reload; then add the includes, and: rpzctl apply",
        )
        return
    yield ok(f"generation {manifest.generation} is published", store.current_link)


def published_files(scene: Scene) -> Iterator[Finding]:
    """Hold each published file against the manifest, every octet, and the fragments against us.

    Harm: what is served is not what the rules say; the next change may or may not undo it.
    Example: a name taken out of the zone file by hand, at night, to let somebody work.
    Reference: docs/doctor.md
    """
    found = list(drift.published(scene.config, scene.store, scene.current, thorough=True))
    yield from (of_check(each) for each in found)
    if not found:
        yield ok("as they were published", scene.store.folder(scene.current))


def kept_generations(scene: Scene) -> Iterator[Finding]:
    """Read the manifest of each generation that is kept.

    Harm: there is no way back to one whose manifest is damaged.
    Example: a disk that was full or broke, or a restore that took half of the files.
    Reference: docs/going-back.md
    """
    current = scene.store.current_link.resolve()
    damaged = [path for path in scene.store.damaged() if path.parent.resolve() != current]
    for path in damaged:
        yield warning(
            "damaged: no rollback leads to this generation",
            path,
            f"rm -r {shlex.quote(str(path.parent))}; the others and what is live stay as they are",
        )
    if not damaged:
        yield ok(f"{len(scene.store.numbers())} generations can be read", scene.store.output)


def clock(scene: Scene) -> Iterator[Finding]:
    """Hold the clock against the moments of what was done before.

    Harm: expiries come at the wrong time, serials jump, feeds are not fetched, TSIG and TLS fail.
    Example: a machine that starts with the clock at 1970 or a year ahead. The time zone is free.
    Reference: RFC 8945, section 10 (time and TSIG)
    """
    moments = {"the published generation was made": scene.current.made}
    moments["the policy was proved"] = scene.store.proven_at() or ""
    for feed, record in scene.feeds:
        moments[f"the feed {feed.name} was checked"] = record.last_checked or ""
    late = 0
    for what, moment in moments.items():
        try:
            ahead = bool(moment) and times.parse(moment) > scene.now + _APART
        except ValueError:
            continue
        if ahead:
            late += 1
            yield warning(
                f"{what} at {moment}, and now it is {times.show(scene.now)}",
                "system clock",
                "set the clock: timedatectl set-ntp true; it was ahead before, or is behind now",
            )
    if not late:
        yield ok(f"now it is {times.show(scene.now)}, after all that was done", "system clock")
