"""The kinds of resolvers: from settings to what brings changes and asks."""

from rpzctl.config import Config
from rpzctl.resolver_settings import (
    AnyResolver,
    BindSettings,
    PdnsRecursorSettings,
    UnboundSettings,
)
from rpzctl.resolvers import Resolver


def of(config: Config, settings: AnyResolver) -> Resolver:
    """Return the resolver of `config` that `settings` speak of."""
    if isinstance(settings, BindSettings):
        from rpzctl.resolvers.bind import Bind

        return Bind(settings, config)
    if isinstance(settings, UnboundSettings):
        from rpzctl.resolvers.unbound import Unbound

        return Unbound(settings)
    if isinstance(settings, PdnsRecursorSettings):
        from rpzctl.resolvers.pdns_recursor import PdnsRecursor

        return PdnsRecursor(settings)
    from rpzctl.resolvers.knot import Knot

    return Knot(settings)
