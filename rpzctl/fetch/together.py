"""Many fetches at a time, few of them from one host."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from rpzctl.catalogue import Feed
from rpzctl.fetch import fetch
from rpzctl.fetch.fetched import Fetched, Limits, Validators
from rpzctl.fetch.http import Trust
from rpzctl.progress import Progress, Silent, Step

Ask = tuple[Feed, Validators]
_Job = tuple[Ask, Future[Fetched]]


class _With(NamedTuple):
    """What all fetches are made with."""

    limits: Limits
    trust: Trust
    progress: Progress


@contextmanager
def fetching(
    asks: Sequence[Ask],
    limits: Limits,
    progress: Progress = Silent(),  # noqa: B008 - an immutable value
) -> Iterator[deque[Future[Fetched]]]:
    """Fetch all of `asks`; gives what comes of each, in their order, as soon as it is there.

    Each host has `limits.per_host` lanes, and the fetches of a lane follow one another: so a host
    with many feeds holds up none of the others. What is taken from the queue is held here no more.
    `progress` is told of each feed.
    """
    for feed, _ in asks:
        progress.feed(feed.name, Step.WAITING)
    futures: deque[Future[Fetched]] = deque(Future() for _ in asks)
    lanes = _lanes(zip(asks, futures, strict=True), limits.per_host)
    tools = _With(limits, Trust(), progress)
    with ThreadPoolExecutor(limits.parallel) as pool:
        for lane in lanes:
            pool.submit(_follow, lane, tools)
        yield futures


def _lanes(jobs: Iterable[_Job], per_host: int) -> list[deque[_Job]]:
    hosts: dict[str, list[_Job]] = {}
    for job in jobs:
        hosts.setdefault(job[0][0].host, []).append(job)
    return [
        deque(each[start::per_host])
        for each in hosts.values()
        for start in range(min(per_host, len(each)))
    ]


def _follow(lane: deque[_Job], tools: _With) -> None:
    while lane:
        _fetch(*lane.popleft(), tools)


def _fetch(ask: Ask, future: Future[Fetched], tools: _With) -> None:
    name = ask[0].name
    progress = tools.progress
    progress.feed(name, Step.FETCHING)
    try:
        fetched = fetch(*ask, tools.limits, tools.trust, partial(_came, progress, name))
        progress.feed(name, Step.FETCHED)
        future.set_result(fetched)
    except Exception as fault:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(fault)


def _came(progress: Progress, name: str, octets: int = 0, *, due: int = 0) -> None:
    progress.feed(name, Step.FETCHING, octets, due)
