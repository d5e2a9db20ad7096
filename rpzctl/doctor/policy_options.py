"""named.conf: does the response-policy do what rpzctl.toml says."""

from collections.abc import Iterator

from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.includes import LOAD
from rpzctl.doctor.named_conf import NamedConf, Statement, View, named, zone_name, zones
from rpzctl.doctor.scene import Scene
from rpzctl.resolvers.bind import Bind

_MOST_ZONES = 64
_MOST_ZONES_BEFORE = 32
_MORE_SINCE = (9, 12, 0)
_DEFAULT_INTERVAL = 60
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _policies(scene: Scene, conf: NamedConf) -> list[tuple[View, Statement]]:
    """Return the response-policy of each view that names our zones. Raises `NotLooked`."""
    operator = scene.config.policy.operator_zone
    pairs = [(view, conf.setting(view, "response-policy")) for view in conf.views]
    found = [(v, p) for v, p in pairs if p is not None and operator in zones(p.block or ())]
    if not found:
        raise NotLooked(f"no response-policy names {operator}: see 'includes'")
    return found


def policy_order(scene: Scene) -> Iterator[Finding]:
    """Hold the order of the zones in response-policy against precedence: the operator's is first.

    Harm: what stands in front wins: an operator's block or exception has no effect.
    Example: a subscribed zone in front, whose rpz-passthru lets through what the operator blocks.
    Reference: BIND 9 ARM, response-policy: "the first zone ... is used"
    """
    for server in scene.servers:
        found = False
        for _, policy in _policies(scene, server.conf):
            order = zones(policy.block or ())
            at = order.index(scene.config.policy.operator_zone)
            if at:
                found = True
                yield fault(
                    f"{', '.join(order[:at])} stands in front of the operator's {order[at]}",
                    policy.where,
                    f"move it behind: the first in response-policy is {order[at]}\n{LOAD}",
                )
        if not found:
            yield ok("the operator's zone comes first", server.conf.file)


def policy_count(scene: Scene) -> Iterator[Finding]:
    """Count the zones of response-policy.

    Harm: named refuses its configuration with more than 64 policy zones.
    Example: a group for each of a hundred feeds.
    Reference: BIND 9 ARM, response-policy; lib/dns/include/dns/rpz.h (DNS_RPZ_MAX_ZONES)
    """
    installed = scene.installed
    most = _MOST_ZONES_BEFORE if installed and installed < _MORE_SINCE else _MOST_ZONES
    for server in scene.servers:
        counts = [len(zones(policy.block or ())) for _, policy in _policies(scene, server.conf)]
        if max(counts) > most:
            yield fault(
                f"{max(counts)} policy zones; named takes {most}",
                server.conf.file,
                "give several feeds the same group: zone in their definitions",
            )
        else:
            yield ok(f"{max(counts)} policy zones; named takes {most}", server.conf.file)


def policy_overrides(scene: Scene) -> Iterator[Finding]:
    """Look for options that undo the policy, or say something else than rpzctl.toml.

    Harm: named has the policy and does not carry it out, or only for some queries.
    Example: ``zone "local.rpz" policy disabled;`` left over from a trial; ``break-dnssec no``,
    which lets through signed names for clients that ask for signatures.
    Reference: BIND 9 ARM, response-policy: policy, recursive-only, break-dnssec,
    qname-wait-recurse
    """
    for server in scene.servers:
        entries = scene.current.zones
        ours = {zone for zone in scene.current.policy_zones if not entries[zone].monitored}
        found = [
            finding
            for _, policy in _policies(scene, server.conf)
            for finding in (*_undone(policy, ours), *_other(scene, policy))
        ]
        yield from found
        if not found:
            yield ok("no option undoes the policy", server.conf.file)


def _undone(policy: Statement, ours: set[str]) -> Iterator[Finding]:
    for statement in named(policy.block or (), "zone"):
        given = statement.value("policy")
        if zone_name(statement) in ours and given not in {None, "given"}:
            yield fault(
                f"'policy {given}' takes the place of what {zone_name(statement)} says",
                statement.where,
                f'write: zone "{zone_name(statement)}";\n{LOAD}',
            )


def _other(scene: Scene, policy: Statement) -> Iterator[Finding]:
    settings = scene.config.policy
    for key, wanted, default in (
        ("break-dnssec", settings.break_dnssec, "no"),
        ("qname-wait-recurse", settings.qname_wait_recurse, "yes"),
    ):
        said = (policy.value(key) or default) in {"yes", "true", "1"}
        if said != wanted:
            word = "yes" if wanted else "no"
            yield warning(
                f"{key} is {'yes' if said else 'no'}; rpzctl.toml says {word}",
                policy.where,
                f"'rpzctl apply' writes '{key} {word}' into options.conf, if that is what is "
                f"included; or set policy.{key.replace('-', '_')} in {scene.config.file}",
            )
    if policy.value("recursive-only") in {"no", "false", "0"}:
        yield warning(
            "recursive-only no: names of this server's own zones are rewritten, too",
            policy.where,
            f"take it out\n{LOAD}",
        )


def update_interval(scene: Scene) -> Iterator[Finding]:
    """Hold min-update-interval against the time in which a change must be live.

    Harm: named takes up changes of a policy zone no oftener: a block waits, and `rpzctl block` says
    that it did not come true and takes it back.
    Example: BIND's own default is 60 seconds; rpzctl waits 10.
    Reference: BIND 9 ARM, response-policy: min-update-interval
    """
    for server in scene.servers:
        timeout = Bind(server.settings, scene.config).timeout
        found = False
        for _, policy in _policies(scene, server.conf):
            given = policy.value("min-update-interval")
            own = [zone.value("min-update-interval") for zone in named(policy.block or (), "zone")]
            words = [word for word in (given, *own) if word]
            seconds = max([_seconds(word) for word in words], default=_DEFAULT_INTERVAL)
            if given is None:
                seconds = max(seconds, _DEFAULT_INTERVAL)
            if seconds >= timeout:
                found = True
                yield fault(
                    f"min-update-interval is {seconds} s: a change may take longer than the "
                    f"{timeout:g} s of timeout",
                    policy.where,
                    "write behind the closing brace of response-policy: min-update-interval 0\n"
                    f"{LOAD}",
                )
        if not found:
            yield ok(f"named takes up changes within {timeout:g} s", server.conf.file)


def _seconds(word: str) -> int:
    """Return the seconds of ``60``, ``1m`` or ``PT1M``; what is none counts as the default."""
    text = word.lower().removeprefix("pt")
    if text.isdigit():
        return int(text)
    number, unit = text[:-1], text[-1:]
    return int(number) * _UNITS[unit] if number.isdigit() and unit in _UNITS else _DEFAULT_INTERVAL


def recursion(scene: Scene) -> Iterator[Finding]:
    """Look whether named resolves at all: a policy rewrites answers of recursion.

    Harm: on a server without recursion no policy has any effect.
    Example: the policy is included in the authoritative server's named.conf.
    Reference: BIND 9 ARM, response-policy: recursive-only
    """
    for server in scene.servers:
        conf = server.conf
        settings = [(view, conf.setting(view, "recursion")) for view in conf.views]
        off = [(view, said) for view, said in settings if said and said.words[1:] == ("no",)]
        for view, said in off:
            yield warning(
                f"recursion no in {view.shown}: the policy has no effect there",
                said.where,
                "recursion yes; and allow-recursion { your clients; };" + f"\n{LOAD}",
            )
        if not off:
            yield ok("named resolves for clients", conf.file)
