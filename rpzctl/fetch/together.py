"""Many fetches at a time, few of them from one host."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from rpzctl.catalogue import Feed
from rpzctl.fetch import fetch
from rpzctl.fetch.fetched import Fetched, Limits, Validators
from rpzctl.fetch.http import Trust

Ask = tuple[Feed, Validators]
_Job = tuple[Ask, Future[Fetched]]


@contextmanager
def fetching(asks: Sequence[Ask], limits: Limits) -> Iterator[deque[Future[Fetched]]]:
    """Fetch all of `asks`; gives what comes of each, in their order, as soon as it is there.

    Each host has `limits.per_host` lanes, and the fetches of a lane follow one another: so a host
    with many feeds holds up none of the others. What is taken from the queue is held here no more.
    """
    futures: deque[Future[Fetched]] = deque(Future() for _ in asks)
    lanes = _lanes(zip(asks, futures, strict=True), limits.per_host)
    trust = Trust()
    with ThreadPoolExecutor(limits.parallel) as pool:
        for lane in lanes:
            pool.submit(_follow, lane, limits, trust)
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


def _follow(lane: deque[_Job], limits: Limits, trust: Trust) -> None:
    while lane:
        _fetch(*lane.popleft(), limits, trust)


def _fetch(ask: Ask, future: Future[Fetched], limits: Limits, trust: Trust) -> None:
    try:
        future.set_result(fetch(*ask, limits, trust))
    except Exception as fault:  # noqa: BLE001 - it is raised where the result is asked for
        future.set_exception(fault)
