"""The only place that fetches feeds. Bounded in size, time, tries and redirects.

What it returns is unpacked octets or a reason; whether they are a feed is judged by others.
A transport is a module of this folder with one function: feed, validators, limits, the moment
(monotonic) when time is up and whom to tell what came go in; what was fetched comes out, or
`Broken` is raised.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial

from rpzctl import unpack
from rpzctl.catalogue import Feed
from rpzctl.fetch import file, http
from rpzctl.fetch.fetched import Broken, Came, Fetched, Limits, Validators, untold

Transport = Callable[[Feed, Validators, Limits, float, Came], Fetched]
LONGEST_PAUSE = 30.0
"""seconds; a publisher who wants a longer one is asked again by a later sync"""
_AWAY = 5.0
"""seconds; a try that ended without an answer after so long is not made again: it is more likely
that the network is away than that the publisher stumbled"""


def transports(trust: http.Trust) -> Mapping[str, Transport]:
    """Return the transport of each scheme."""
    web = partial(http.get, trust=trust)
    return {"https": web, "http": web, "file": file.read, "axfr": _transfer}


def _transfer(
    feed: Feed, known: Validators, limits: Limits, deadline: float, came: Came
) -> Fetched:
    from rpzctl.fetch import axfr  # few have such feeds

    return axfr.transfer(feed, known, limits, deadline, came)


def fetch(
    feed: Feed,
    known: Validators,
    limits: Limits = Limits(),  # noqa: B008 - an immutable value
    trust: http.Trust | None = None,
    came: Came = untold,
) -> Fetched:
    """Fetch `feed` and unpack it; with `known` validators a server may say that nothing changed.

    Several fetches may share a `trust`. `came` is told how many octets come, packed as they are, of
    all tries and redirects together. Raises nothing for what a publisher, a network or a
    definition can cause.
    """
    try:
        transport = transports(trust or http.Trust())[feed.scheme]
        got = _tried(lambda until: transport(feed, known, limits, until, came), limits)
        if got.data is None:
            return got
        return got._replace(data=unpack.unpack(got.data, limits.unpacked, feed.member))
    except Broken as fault:
        return Fetched(fault=str(fault), served=fault.served, wait=fault.wait, asked=fault.asked)
    except unpack.PackedFault as fault:
        return Fetched(fault=str(fault), served=True)


def _tried(ask: Callable[[float], Fetched], limits: Limits) -> Fetched:
    """Try as often as the limits and the kind of fault allow."""
    deadline = time.monotonic() + limits.seconds
    tries = 0
    while True:
        begun = time.monotonic()
        try:
            return ask(deadline)
        except Broken as fault:
            took = time.monotonic() - begun
            if not fault.passing or tries == limits.retries or (took > _AWAY and not fault.served):
                raise
            pause = fault.wait
            if pause is None:
                pause = limits.backoff * 2**tries * secrets.SystemRandom().uniform(0.5, 1.5)
            if pause > LONGEST_PAUSE or time.monotonic() + pause >= deadline:
                raise
            tries += 1
            time.sleep(pause)


__all__ = ["Fetched", "Limits", "Transport", "Validators", "fetch"]
