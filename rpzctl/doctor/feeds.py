"""Feeds: what their records say, their secrets, and with --online whether they can be fetched."""

from collections.abc import Iterator
from datetime import timedelta

from rpzctl import feed_groups, times
from rpzctl.catalogue import Feed
from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.scene import Scene
from rpzctl.snapshots import Record

_APART = timedelta(minutes=5)
_FORGOTTEN = 3
"""times its interval: a feed that was not checked for so long is fetched by nobody"""


def feeds_state(scene: Scene) -> Iterator[Finding]:
    """Look at the record of each enabled feed: has it a good copy, is that old, does it fail.

    Harm: names that a publisher listed long ago are missing, or stay when they are harmless again.
    Example: a publisher who moved the list and answers 404 since; a licence key that expired.
    Reference: docs/feeds.md
    """
    for feed, record in scene.feeds:
        found = _state(scene, feed, record)
        if found:
            yield found
    good = sum(bool(record.sha256) and not record.fault for _, record in scene.feeds)
    yield ok(f"{good} of {len(scene.feeds)} enabled feeds are well", scene.config.state / "feeds")


def _state(scene: Scene, feed: Feed, record: Record) -> Finding | None:
    sync = f"rpzctl sync --now {feed.name}"
    if not record.sha256:
        why = f": {record.fault}" if record.fault else ""
        return warning(f"{feed.name} has no good copy{why}", feed.file, sync)
    old = feed_groups.stale(feed, record, scene.now)
    if old:
        return warning(old, feed.file, f"{sync}; or disable it: rpzctl feeds disable {feed.name}")
    if record.fault:
        ago = times.age(record.last_ok, scene.now) + " ago" if record.last_ok else "long ago"
        return warning(
            f"{feed.name} fails: {record.fault}; its copy was good {ago}",
            feed.file,
            f"{sync}; to take a copy as it is: rpzctl sync --accept {feed.name}",
        )
    if feed.every and record.last_checked:
        late = times.parse(record.last_checked) + _FORGOTTEN * times.span(feed.every)
        if late < scene.now - timedelta(hours=1):
            age = times.age(record.last_checked, scene.now)
            return warning(
                f"{feed.name} is due every {feed.every}, and was asked {age} ago",
                feed.file,
                "rpzctl sync; see 'schedule'",
            )
    return None


def secrets(scene: Scene) -> Iterator[Finding]:
    """Look at the secrets that definitions name: there, and not for everybody to read.

    Harm: a feed that was paid for is not fetched, or its key is known to all users.
    Example: a key file written with an umask of 022.
    Reference: docs/fetching.md
    """
    from rpzctl.fetch import secret
    from rpzctl.fetch.fetched import Broken

    known = wrong = 0
    for feed, _ in scene.feeds:
        try:
            known += secret.line(feed) is not None
        except Broken as broken:
            wrong += 1
            said = str(broken)
            fix = said.rpartition(": ")[2]
            yield fault(f"{feed.name}: {said}", feed.file, fix)
    if not wrong:
        yield ok(f"{known} feeds have a secret, and it is kept", scene.config.repo / "feeds")


def feeds_reachable(scene: Scene) -> Iterator[Finding]:
    """With --online: ask each enabled feed whether its copy still is the newest, all at once.

    Harm: what cannot be fetched from here is not fetched by sync.
    Example: a packet filter, a proxy that is not set for the service, DNS that blocks the feed.
    Reference: docs/fetching.md
    """
    for feed, answer in scene.fetched:
        if answer.fault:
            fix = f"rpzctl feeds check {feed.name}"
            yield warning(f"{feed.name}: {answer.fault}", feed.url, fix)
    good = sum(not answer.fault for _, answer in scene.fetched)
    yield ok(f"{good} of {len(scene.fetched)} enabled feeds can be fetched")


def clock_online(scene: Scene) -> Iterator[Finding]:
    """With --online: hold the clock against those of the publishers' servers.

    Harm: TSIG and TLS fail, expiries come at the wrong time, secondaries do not see new serials.
    Example: a virtual machine that was paused for a day.
    Reference: RFC 9110, section 6.6.1 (Date)
    """
    from email.utils import parsedate_to_datetime

    told = [(feed, answer.date) for feed, answer in scene.fetched if answer.date]
    apart = []
    for feed, date in told:
        try:
            theirs = parsedate_to_datetime(date)
        except ValueError:
            continue
        if theirs.tzinfo and abs(theirs - scene.now) > _APART:
            apart.append(f"{feed.host} says that it is {times.show(theirs)}")
    if not told:
        raise NotLooked("no publisher told the time")
    if 2 * len(apart) > len(told):
        yield warning(
            f"now it is {times.show(scene.now)}, but {'; '.join(apart[:3])}",
            "system clock",
            "set the clock: timedatectl set-ntp true",
        )
    else:
        yield ok("the clock agrees with those of publishers", "system clock")
