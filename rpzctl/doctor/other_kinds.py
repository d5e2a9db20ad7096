"""Resolvers that are not BIND: their configuration, and the way by which changes reach them."""

from collections.abc import Iterator

from rpzctl import fragments, includes
from rpzctl.doctor.finding import Finding, NotLooked, fault, of_check, ok
from rpzctl.doctor.scene import Scene, Served, Server
from rpzctl.errors import RpzctlError


def _others(scene: Scene) -> list[Served]:
    found = [each for each in scene.resolvers if not isinstance(each, Server)]
    if not found:
        raise NotLooked("all resolvers in rpzctl.toml are BIND")
    return found


def resolver_settings(scene: Scene) -> Iterator[Finding]:
    """Have the tool of a resolver that is not BIND read its settings, and look for our include.

    Harm: without the include it serves no policy; a reload of broken settings ends Unbound.
    Example: ``module-config`` of unbound.conf lacks respip; recursor.conf has another
    lua-config-file.
    Reference: docs/resolvers.md
    """
    link = scene.store.current_link
    for server in _others(scene):
        texts = fragments.published(scene.store.folder(scene.current))
        found = includes.configuration(server.settings, texts, link)
        found += includes.not_included(server.settings, link)
        for each in found:
            # Of what is served, a missing include is no mere warning.
            told = of_check(each)
            yield told._replace(state="fault") if each.id == "includes" else told
        if not found:
            yield ok("its settings have nothing amiss that can be seen", server.title)


def resolver_ready(scene: Scene) -> Iterator[Finding]:
    """Try the way by which changes are brought to a resolver that is not BIND.

    Harm: a change is published and never reaches it.
    Example: ``control-enable: yes`` is missing in unbound.conf; rpzctl's user may not use the
    control socket.
    Reference: docs/resolvers.md
    """
    for server in _others(scene):
        try:
            server.resolver.ready()
        except RpzctlError as wrong:
            yield fault(wrong.message, server.title, wrong.fix or "")
        else:
            yield ok("can be brought changes", server.title)
