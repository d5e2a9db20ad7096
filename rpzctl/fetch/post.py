"""A document sent to a web server by POST, within a time: how webhooks are told."""

import time
from typing import NamedTuple

from rpzctl.fetch import http, secret
from rpzctl.fetch.fetched import Broken, untold

_GOOD = range(200, 300)


class Letter(NamedTuple):
    """What is sent, and where."""

    url: str
    """``{secret}`` in it stands for the secret"""
    body: str
    key: secret.Keyed
    header: str = "Authorization"
    """for the secret, where it is not in the URL"""


def post(letter: Letter, seconds: float) -> None:
    """Send a JSON document. Raises `Broken`; the secret is not told.

    No redirect is followed: what is sent is for that server alone. Of the answer the status counts.
    """
    from rpzctl.fetch import web

    value = secret.line(letter.key)
    hidden = http.forms(value, [value or ""])
    headers = {"User-Agent": http.USER_AGENT, "Content-Type": "application/json", "Accept": "*/*"}
    url = letter.url
    if value is not None and "{secret}" in url:
        url = url.replace("{secret}", value)
    elif value is not None:
        headers[letter.header] = value
    deadline = time.monotonic() + seconds
    try:
        with (
            web.Web(lambda: http.Trust().context, deadline, 1, untold) as connections,
            connections.asked(url, headers, letter.body) as answer,
        ):
            status = answer.status
    except web.BadEnvironment:
        raise Broken(http.BAD_ENVIRONMENT) from None
    except web.Late:
        raise Broken(f"no answer within {seconds:g} s") from None
    except web.FAULTS as fault:
        if time.monotonic() >= deadline:
            raise Broken(f"no answer within {seconds:g} s") from None
        raise http.broken(fault, hidden) from None
    except ValueError as fault:
        raise Broken(http.without(f"{type(fault).__name__}: {fault}", hidden)) from None
    if status not in _GOOD:
        raise Broken(f"HTTP status {status}")
