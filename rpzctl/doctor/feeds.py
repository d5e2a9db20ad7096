"""Feeds: what their records say, their secrets, and with --online whether they can be fetched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from rpzctl import feed_groups, times
from rpzctl.catalogue import Feed
from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.scene import Scene
from rpzctl.snapshots import Record

_ONLINE = 9.0
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
    if not scene.online:
        raise NotLooked("it takes the network: say --online")
    from rpzctl import snapshots
    from rpzctl.fetch import fetch
    from rpzctl.fetch.fetched import Limits

    if not scene.feeds:
        yield ok("no feed is enabled")
        return
    limits = Limits(seconds=scene.left(_ONLINE), retries=0, octets=scene.config.fetch.octets)

    def ask(pair: tuple[Feed, Record]) -> str | None:
        feed, record = pair
        return fetch(feed, snapshots.known(feed, record), limits).fault

    with ThreadPoolExecutor(max(1, scene.config.fetch.parallel)) as pool:
        faults = list(pool.map(ask, scene.feeds))
    for (feed, _), why in zip(scene.feeds, faults, strict=True):
        if why:
            yield warning(f"{feed.name}: {why}", feed.url, f"rpzctl feeds check {feed.name}")
    yield ok(f"{sum(not why for why in faults)} of {len(faults)} feeds can be fetched")
