"""DNS: does the resolver answer, does it answer us, does it serve what is published."""

import time
from collections.abc import Iterator

from rpzctl import drift
from rpzctl.doctor.finding import Finding, NotLooked, fault, of_check, ok, warning
from rpzctl.doctor.scene import Scene, Served, Server

_SLOW = 0.5
_THEN = "then: rndc reconfig"


def resolver_answers(scene: Scene) -> Iterator[Finding]:
    """Ask the resolver a question.

    Harm: nothing can be proved live, so nothing is published.
    Example: named is down; ``listen-on`` leaves out the address in rpzctl.toml; a packet filter.
    Reference: BIND 9 ARM, listen-on
    """
    for server in scene.resolvers:
        begun = time.monotonic()
        answer = server.alive
        took = time.monotonic() - begun
        if answer.rcode is None:
            yield fault(
                "does not answer",
                server.title,
                _silent(server),
            )
        elif answer.rcode == "SERVFAIL":
            yield warning(
                "answers SERVFAIL: it cannot resolve, or has a policy zone that is not loaded",
                server.title,
                "see named's log, 'running-zones', and forwarders or root hints",
            )
        elif took > _SLOW:
            yield warning(
                f"took {took:.1f} s to answer", server.title, "see its load and its forwarders"
            )
        else:
            yield ok(f"answers ({answer.rcode})", server.title)


def _silent(server: Served) -> str:
    here = f"{server.settings.server} port {server.settings.port}"
    listens = "is named running (systemctl status named)? Does listen-on have"
    if not isinstance(server, Server):
        listens = "is it running, and does it listen at"
    return f"{listens} {here}? If not, set server and port in {server.scene.config.file}"


def resolver_refuses(scene: Scene) -> Iterator[Finding]:
    """See whether the resolver refuses our questions.

    Harm: what it serves cannot be asked for, so nothing can be proved live.
    Example: ``allow-recursion { 192.0.2.0/24; }`` leaves out localhost, from which rpzctl asks.
    Reference: BIND 9 ARM, allow-query, allow-recursion, allow-query-cache
    """
    for server in scene.resolvers:
        answer = server.alive
        if answer.rcode is None:
            raise NotLooked("it does not answer: see 'resolver-answers'")
        if answer.rcode == "REFUSED":
            where, lines = _allowed(server)
            yield fault("refuses our questions", where, lines)
        else:
            yield ok("does not refuse our questions", server.title)


def _allowed(server: Served) -> tuple[str, str]:
    """Return where the resolver says whom it answers, and what to write there."""
    if not isinstance(server, Server):
        return server.title, "let its settings of access allow queries from this machine"
    us = "localhost" if server.settings.server.is_loopback else "THIS-MACHINE'S-ADDRESS"
    keys = ("allow-query", "allow-recursion", "allow-query-cache")
    try:
        found = [
            (statement, key)
            for view in server.conf.views
            for key in keys
            if (statement := server.conf.setting(view, key))
        ]
    except NotLooked:
        found = []
    if not found:
        return (
            server.title,
            f"inside options {{ }} of named.conf: allow-recursion {{ {us}; }};\n{_THEN}",
        )
    told = {
        statement.where: f"{statement.where}, add {us}: {key} {{ {us}; "
        + " ".join(" ".join(each.words) + ";" for each in statement.block or () if each.words)
        + " };"
        for statement, key in found
    }
    return next(iter(told)), "\n".join([*told.values(), _THEN])


def live(scene: Scene) -> Iterator[Finding]:
    """Ask for the canary of each published zone: it answers when the zone has effect.

    Harm: what is published is not what clients get.
    Example: named was restarted with an old configuration, or the zone's file cannot be read.
    Reference: docs/how-a-change-travels.md
    """
    for server in scene.resolvers:
        if server.alive.rcode is None:
            raise NotLooked("it does not answer: see 'resolver-answers'")
        if server.alive.rcode == "REFUSED":
            raise NotLooked("it refuses our questions: see 'resolver-refuses'")
        found = drift.not_live(server.resolver, scene.current, scene.store.kept)
        yield from (of_check(each) for each in found)
        if not found:
            yield ok("serves what is published", server.title)
