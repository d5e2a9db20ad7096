"""rpzctl.toml as typed settings.

An unknown key is an error that names the nearest known one; all faults are told at once, each
with the file and the key.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from rpzctl import triggers
from rpzctl.errors import UsageFault
from rpzctl.monitoring import Audit, Hooks, Metrics
from rpzctl.names import Domain, NameFault, parse
from rpzctl.resolver_settings import VIEW_NAME, AnyResolver, BindSettings
from rpzctl.rpz import Action, parse_action
from rpzctl.typed import Between, Faults, Shaped, Typed

GIVEN = "given"
"""in place of the action of a group: that which its feeds say"""
FILE_NAME = "rpzctl.toml"
SYSTEM_FILE = Path("/etc/rpzctl") / FILE_NAME


def _domain(text: str) -> Domain:
    try:
        return parse(text)
    except NameFault as fault:
        raise ValueError(str(fault)) from None


def _action_text(text: str) -> str:
    parse_action(text)
    return text


def _group_action(text: str) -> str:
    return text if text == GIVEN else _action_text(text)


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a control character")
    return text


def _network(text: str) -> str:
    try:
        return triggers.shown(triggers.network(text))
    except NameFault as fault:
        raise ValueError(str(fault)) from None


Name = Annotated[str, _domain]
Network = Annotated[str, _network]
ActionText = Annotated[str, _action_text]
GroupAction = Annotated[str, _group_action]
Line = Annotated[str, _one_line]
Seconds = Annotated[int, Between(0, 2**31 - 1)]
ViewName = Annotated[str, Shaped(VIEW_NAME)]
GroupName = Annotated[str, Shaped(r"[a-z0-9][a-z0-9-]{0,40}")]


class Paths(Typed):
    """Where rpzctl writes; relative paths are relative to the folder of rpzctl.toml."""

    output: Path = Path("/var/lib/bind/rpzctl")
    """generations of zones and fragments; named must be able to read it"""
    state: Path = Path("/var/lib/rpzctl")
    """lock, feed snapshots; for rpzctl alone"""


def _zone_name(text: str) -> str:
    if "." not in text:
        raise ValueError(f"{text!r} has one label; a policy zone's name has two or more")
    return text


class PolicySettings(Typed):
    """How policy becomes zones."""

    action: ActionText = "nxdomain"
    """what a block does unless the rule says otherwise"""
    operator_zone: Annotated[Name, _zone_name] = Domain("local.rpz")
    """the zone of the operator's own rules, first in the order"""
    suffix: Name = Domain("rpz")
    """a feed group's zone is GROUP.suffix"""
    order: tuple[GroupName, ...] = ()
    """feed groups in order of precedence; the others follow by name"""
    serial: Literal["date", "unixtime"] = "date"
    """style of SOA serials: YYYYMMDDnn or seconds"""
    log: bool = True
    """named logs each rewrite in its category rpz"""
    qname_wait_recurse: bool = False
    """named asks the internet about a blocked name before it blocks it"""
    nsip_wait_recurse: bool = True
    """named finds out the addresses of name servers for rules on them before it answers; false: a
    query that is the first of its zone may pass such a rule"""
    break_dnssec: bool = True
    """named blocks signed names also for clients that ask for signatures"""
    add_soa: bool = True
    """what named rewrites has the SOA of its policy zone, by which rpzctl proves which zone made an
    answer. false: clients do not see it, and the canaries prove which zones are live"""
    keep: Annotated[int, Between(2, 10_000)] = 10
    """how many generations are kept; the current one and the one last proved always are"""
    keep_days: Annotated[int, Between(0, 36_500)] = 0
    """of those, one that was replaced so many days ago goes with the next publish; 0: none does"""
    cases: Path = Path("policy/cases.toml")
    """what must be so of each policy before it is published: docs/testing-a-policy.md"""
    fresh_from: Annotated[int, Between(0)] | None = None
    """a feed zone of so many rows gets a small zone in front, fresh.GROUP.suffix, for what changed
    since it was made as a whole, so that changes bite at once; 0: none does, as where there are
    views. Unless it is said, 200000 where BIND alone serves the policy, with rpzctl's own
    options.conf: docs/scale.md"""


class Soa(Typed):
    """The SOA, NS and TTL of policy zones and of the sinkhole zone."""

    mname: Name = Domain("localhost")
    """primary name server; also the NS record"""
    rname: Name = Domain("hostmaster.localhost")
    """mailbox, with a dot for the @"""
    refresh: Seconds = 3600
    """seconds between the checks of secondaries"""
    retry: Seconds = 600
    """seconds until a secondary tries again"""
    expire: Seconds = 604800
    """seconds after which a secondary that hears nothing stops serving"""
    minimum: Seconds = 60
    """seconds that negative answers may be kept"""
    ttl: Seconds = 60
    """seconds that clients may keep answers from policy: so long a released name may stay dead"""


class Sinkhole(Typed):
    """Where the action sinkhole and sinkhole zones send clients."""

    ipv4: IPv4Address = IPv4Address("127.0.0.1")
    """A record"""
    ipv6: IPv6Address = IPv6Address("::1")
    """AAAA record"""
    contact: Line = "blocked by DNS policy; ask your DNS administrator"
    """TXT record beside the addresses"""
    ttl: Seconds = 60
    """of all three, in seconds"""


class Guards(Typed):
    """Names that nothing may block without --force."""

    protect: tuple[Name, ...] = ()
    """own domains, the resolver's names: each with all that is below it"""
    networks: tuple[Network, ...] = ()
    """own networks: no rule on addresses takes them without --force"""
    shipped: bool = True
    """also the list that comes with rpzctl: root and TLD servers, OCSP, NTP, captive portals"""
    top_sites: Path | None = None
    """a list of sites that no threat feed may block, one a line, in place of the shipped one"""
    public_suffix_list: Path | None = None
    """another copy of the public suffix list than the one in the installed package"""


class Fetch(Typed):
    """Bounds of what is fetched from publishers."""

    seconds: Annotated[float, Between(above=0, most=86_400)] = 300.0
    """for one feed, with all redirects and further tries"""
    octets: Annotated[int, Between(1)] = 256 << 20
    """of one feed, as it comes"""
    unpacked: Annotated[int, Between(1)] = 512 << 20
    """octets of one feed, when it is unpacked"""
    parallel: Annotated[int, Between(1, 64)] = 8
    """feeds fetched at a time"""
    per_host: Annotated[int, Between(1, 16)] = 2
    """feeds fetched from one host at a time"""
    retries: Annotated[int, Between(0, 10)] = 2
    """further tries after what may pass: a lost connection, HTTP 429 or 5xx"""


class Git(Typed):
    """What git is told of changes, where the policy repo is under its control."""

    commit: bool = True
    """block, allow and the like commit what they change in the policy repo, and nothing else"""
    push: bool = False
    """and push it; a push that is rejected is told and undoes nothing"""
    remote: str = ""
    """where to; else where git pushes by itself"""
    timeout: Annotated[float, Between(above=0, most=3600)] = 20.0
    """seconds for each command of git, with its hooks and a signature"""


class Watch(Typed):
    """How patient `rpzctl watch` is, in seconds."""

    quiet: Annotated[float, Between(above=0, most=3600)] = 0.5
    """so long no file may change before it syncs: an editor or a pull may be at it"""
    most: Annotated[float, Between(above=0, most=3600)] = 5.0
    """after this it syncs though files go on changing"""
    poll: Annotated[float, Between(above=0, most=3600)] = 30.0
    """so often it looks where no event tells it of changes"""
    every: Annotated[float, Between(5, 86_400)] = 300.0
    """it syncs at least so often: that also finds what another hand did to the resolvers"""


class Group(Typed):
    """One feed group, one policy zone."""

    action: GroupAction = "nxdomain"
    """what its zone does to each name: nxdomain, nodata, drop, tcp-only, sinkhole, cname:TARGET;
    given: what its feeds say, all of the format rpz, each trigger and action. See docs/feeds.md"""
    min_feeds: Annotated[int, Between(1, 64)] = 1
    """how many of its feeds must list a name before it is blocked"""
    mode: Literal["enforce", "monitor"] = "enforce"
    """monitor: named logs what its zones would do, and does nothing; to try a new feed. BIND alone
    serves such a group"""
    log: bool | None = None
    """whether named logs its rewrites; else as `policy.log` says"""
    max_policy_ttl: Seconds | None = None
    """the longest in seconds that clients of BIND and of PowerDNS may keep its answers; left out,
    BIND says 5 and the others what the records say: `soa.ttl`"""
    min_update_interval: Annotated[int, Between(0, 3600)] = 0
    """so many seconds named lets pass between two changes of its zones, to spare a busy one; what
    is blocked waits for it, and rpzctl with it, until it is proved"""

    def agree(self) -> None:
        """Raise ValueError for keys that do not go together."""
        if self.action == GIVEN and self.min_feeds > 1:
            raise ValueError("min_feeds counts names, which action = 'given' does not")


class View(Typed):
    """A view of BIND: its clients get these policy zones, in this order. See docs/views.md."""

    name: ViewName
    """as in named.conf"""
    groups: tuple[GroupName, ...] | None = None
    """feed groups in order of precedence; left out: all, in the order of the policy"""
    operator: bool = True
    """the operator's zone comes first; false: it is not in this view"""
    sinkholes: bool = True
    """the sinkhole zones are in this view"""


class Config(Typed):
    """Everything that rpzctl.toml says; `file` is where it was read."""

    file: Path
    paths: Paths = Paths()
    policy: PolicySettings = PolicySettings()
    soa: Soa = Soa()
    sinkhole: Sinkhole = Sinkhole()
    guards: Guards = Guards()
    fetch: Fetch = Fetch()
    git: Git = Git()
    watch: Watch = Watch()
    resolver: tuple[AnyResolver, ...] = ()
    group: Mapping[GroupName, Group] = MappingProxyType({})
    view: tuple[View, ...] = ()
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    hooks: Hooks = Hooks()

    def agree(self) -> None:
        """Raise ValueError for views and resolvers that do not go together."""
        names = [view.name for view in self.view]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"there are two [[view]] of the name {twice!r}")
        asked = [each.view for each in self.resolver if isinstance(each, BindSettings)]
        for name in asked:
            if name and name not in names:
                raise ValueError(f"[[resolver]] view = {name!r}: there is no such [[view]]")
        alike = [
            (each.server, each.port, each.source)
            for each in self.resolver
            if isinstance(each, BindSettings) and each.view
        ]
        if len(set(alike)) < len(alike):
            raise ValueError(
                "two [[resolver]] of views are asked at one address from one source: the same view "
                "would answer for both"
            )
        for name in names:
            if asked and name not in asked:
                raise ValueError(
                    f"no [[resolver]] has view = {name!r}: no change would be brought to that view"
                )

    @property
    def repo(self) -> Path:
        """The policy repo: the folder that rpzctl.toml is in."""
        return self.file.parent

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        return self.repo / self.paths.output

    @property
    def state(self) -> Path:
        """The state folder, absolute."""
        return self.repo / self.paths.state

    @property
    def action(self) -> Action:
        """The action of a block that names none."""
        return parse_action(self.policy.action)

    def is_given(self, group: str) -> bool:
        """Tell whether a feed group's zone does what its feeds say."""
        return self.group.get(group, Group()).action == GIVEN

    def group_action(self, group: str) -> Action:
        """Return the action of a feed group's zone."""
        return parse_action(self.group.get(group, Group()).action)

    def group_of(self, zone: str) -> Group:
        """Return the settings of the group that a policy zone, or one beside it, belongs to."""
        owned = {self.origin(name): group for name, group in self.group.items()}
        beside = zone.partition(".")[2]
        return owned.get(Domain(zone)) or owned.get(Domain(beside)) or Group()

    def origin(self, group: str) -> Domain:
        """Return the origin of a feed group's zone."""
        return Domain(f"{group}.{self.policy.suffix}")


def find(given: Path | None) -> Path:
    """Return the configuration file to use.

    The first of: `given` (``--config``), ``$RPZCTL_CONFIG``, ``./rpzctl.toml``,
    ``/etc/rpzctl/rpzctl.toml``. Raises `UsageFault` when there is none.
    """
    named = given or (Path(env) if (env := os.environ.get("RPZCTL_CONFIG")) else None)
    if named is not None:
        if named.is_dir():
            named = named / FILE_NAME
        if not named.is_file():
            raise UsageFault(f"there is no configuration file {named}")
        return named.resolve()
    for place in (Path.cwd() / FILE_NAME, SYSTEM_FILE):
        if place.is_file():
            return place.resolve()
    raise UsageFault(
        f"no {FILE_NAME} here, and no {SYSTEM_FILE}",
        fix="run 'rpzctl init DIR', or say --config FILE before the command",
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Return the document in the TOML file `path`. Raises `UsageFault`."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise UsageFault(f"cannot read {path}: {fault.strerror}") from None
    except RecursionError:
        raise UsageFault(f"{path} is not valid TOML: it is nested too deep") from None
    except ValueError as fault:  # also: no UTF-8, a number without end
        raise UsageFault(f"{path} is not valid TOML: {fault}") from None


def load(path: Path) -> Config:
    """Read the settings in the file `path`. Raises `UsageFault` with all faults."""
    document = read_toml(path)
    if "file" in document:
        raise UsageFault(f"{path}: unknown key 'file'")
    try:
        return Config.of({**document, "file": path.resolve()})
    except Faults as found:
        count = len(found.faults)
        raise UsageFault(
            f"{path} has {count} fault{'s' * (count != 1)}",
            details=[f"{path}: {line}" for line in found.lines()],
            fix="see 'rpzctl --help' and docs/reference/configuration.md",
        ) from None
