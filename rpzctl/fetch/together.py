"""Many fetches at a time, few of them from one host."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from rpzctl.catalogue import Feed
from rpzctl.fetch import fetch
from rpzctl.fetch.fetched import Fetched, Limits, Validators
from rpzctl.fetch.http import Trust

Ask = tuple[Feed, Validators]


@contextmanager
def fetching(asks: Sequence[Ask], limits: Limits) -> Iterator[list[Future[Fetched]]]:
    """Fetch all of `asks`; gives what comes of each, in their order, as soon as it is there.

    Each host has `limits.per_host` lanes, and the fetches of a lane follow one another: so a host
    with many feeds holds up none of the others.
    """
    futures: list[Future[Fetched]] = [Future() for _ in asks]
    hosts: dict[str, list[tuple[Ask, Future[Fetched]]]] = {}
    for ask, future in zip(asks, futures, strict=True):
        hosts.setdefault(ask[0].host, []).append((ask, future))
    lanes = [
        jobs[start :: limits.per_host]
        for jobs in hosts.values()
        for start in range(min(limits.per_host, len(jobs)))
    ]
    trust = Trust()
    with ThreadPoolExecutor(limits.parallel) as pool:
        for lane in lanes:
            pool.submit(_follow, lane, limits, trust)
        yield futures


def _follow(lane: Sequence[tuple[Ask, Future[Fetched]]], limits: Limits, trust: Trust) -> None:
    for (feed, known), future in lane:
        try:
            future.set_result(fetch(feed, known, limits, trust))
        except Exception as fault:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(fault)
