"""named.conf: is it sound, does it include the policy, and in the right place."""

from collections.abc import Iterator
from pathlib import Path

from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.named_conf import Included, NamedConf, View, named, zones
from rpzctl.doctor.scene import Scene, Server
from rpzctl.fragments import of_view

LOAD = "then: rndc reconfig"


def named_conf(scene: Scene) -> Iterator[Finding]:
    """Have named-checkconf read named.conf as it is.

    Harm: a named that is restarted with it does not start; `rndc reconfig` takes no change.
    Example: ``named_conf`` in rpzctl.toml names another machine's path; a missing semicolon.
    Reference: BIND 9 ARM: named-checkconf
    """
    for server in scene.servers:
        file = server.settings.named_conf
        try:
            conf = _conf(server)
        except FileNotFoundError:
            yield fault(
                "there is no such file",
                file,
                f"set named_conf in {scene.config.file}{_runs(server)}",
            )
            continue
        except PermissionError:
            yield fault("may not be read", file, "let rpzctl's user read it: usermod -aG bind USER")
            continue
        except (OSError, ValueError) as wrong:
            yield fault(f"cannot be read: {wrong}", file, f"set named_conf in {scene.config.file}")
            continue
        for where, what in conf.faults:
            yield fault(what, where, "mend the include, or take it out")
        done = scene.run(["named-checkconf", str(file)], 8.0)
        if done.status == 0:
            yield ok("named-checkconf takes it", file)
            continue
        for line in done.said.splitlines()[:5]:
            yield fault(line, file, f"mend it; to try: named-checkconf {file}")


def _conf(server: Server) -> NamedConf:
    from rpzctl.doctor import named_conf as grammar

    try:
        return server.conf
    except NotLooked:
        return grammar.read(server.settings.named_conf)


def _runs(server: Server) -> str:
    """Return which file the running named reads, if it can be asked."""
    try:
        found = server.status.get("configuration file")
    except NotLooked:
        return ""
    return f': the running named reads "{found}"' if found else ""


def includes(scene: Scene) -> Iterator[Finding]:
    """Look for the two includes in named.conf, and in each of its views.

    Harm: without options.conf named rewrites nothing; without zones.conf it has no policy zone.
    Example: only zones.conf is included: `rndc reload local.rpz` works, and nothing is blocked.
    Reference: BIND 9 ARM: include, response-policy
    """
    for server in scene.servers:
        conf = server.conf
        ours = _ours(scene, server)
        names = of_view(server.settings.view)
        missing = [name for name in names if name not in ours]
        if not missing:
            yield ok("both fragments are included", conf.file)
        if missing and not server.settings.view and _is_written_out(scene, conf):
            yield warning(
                "has the policy zones by other means than the two includes",
                conf.file,
                f"include {scene.store.current_link}/{{{','.join(names)}}} in their place, or "
                "a new zone never becomes live",
            )
            continue
        for name in missing:
            where, fix = _place_for(scene, server, name)
            yield fault(f"{scene.store.current_link / name} is not included", where, fix)


def _is_written_out(scene: Scene, conf: NamedConf) -> bool:
    """Tell whether policy and zone of the operator stand in named.conf by another hand."""
    operator = scene.config.policy.operator_zone
    return any(operator in zones(policy.block or ()) for policy in conf.policies()) and any(
        operator in zones(view.block) for view in conf.views
    )


def _ours(scene: Scene, server: Server) -> dict[str, list[Included]]:
    """Return where each of the server's fragments is included."""
    names = of_view(server.settings.view)
    found: dict[str, list[Included]] = {}
    for each in server.conf.includes():
        name = _fragment(scene, each.path)
        if name in names:
            found.setdefault(name, []).append(each)
    return found


def _fragment(scene: Scene, path: Path) -> str | None:
    """Return the name of the fragment at `path`, through `current` or of a generation."""
    link = scene.store.current_link
    if path.parent == link:
        return path.name
    home = scene.store.output / "generations"
    same = path.resolve() == (link / path.name).resolve() or home in path.parents
    return path.name if same else None


def _place_for(scene: Scene, server: Server, name: str) -> tuple[str, str]:
    """Return where the fragment `name` belongs, and the mend."""
    conf, own = server.conf, server.settings.view
    line = f'include "{scene.store.current_link / name}";'
    of_zones = name == of_view(own)[1]
    views = [view for view in conf.views if view.statement and view.name == (own or view.name)]
    if own and not views:
        return str(conf.file), f'there is no view "{own}": write it, with {line}'
    if own or (views and (of_zones or conf.options is None)):
        places = [(v.statement.where, f"inside {v.shown} {{ }}") for v in views if v.statement]
        told = "\n".join(f"{where}, {place}:\n{line}" for where, place in places)
        return places[0][0], f"{told}\n{LOAD}"
    if of_zones:
        local = conf.file.with_name("named.conf.local")
        files = {each.path for each in conf.includes()}
        file = local if local in files else conf.file
        return str(conf.file), f"{file}, at the top level:\n{line}\n{LOAD}"
    options = conf.options
    if options is None:
        return str(conf.file), f"{conf.file}, at the top level:\noptions {{ {line} }};\n{LOAD}"
    return options.where, f"{options.where}, inside options {{ }}:\n{line}\n{LOAD}"


def include_place(scene: Scene) -> Iterator[Finding]:
    """Hold the place of each include against what the fragment is.

    Harm: named refuses its whole configuration, at the latest when it is started again.
    Example: options.conf at the top level; zones.conf inside options; zones.conf at the top level
    where there are views; an include of one generation instead of ``current``.
    Reference: BIND 9 ARM: view, options
    """
    for server in scene.servers:
        conf = server.conf
        ours = _ours(scene, server)
        if not ours:
            raise NotLooked("there is no include of ours: see 'includes'")
        found = [
            finding for name in ours for finding in _misplaced(scene, server, name, ours[name])
        ]
        yield from found
        if not found:
            yield ok("the includes stand where they belong", conf.file)


def _misplaced(
    scene: Scene, server: Server, name: str, places: list[Included]
) -> Iterator[Finding]:
    link = scene.store.current_link
    own = server.settings.view
    usual = {"options", "view"} if name == of_view(own)[0] else {"the top level", "view"}
    seen: set[tuple[str, ...]] = set()
    for place in places:
        around = place.inside[-1] if place.inside else None
        kind = around.name if around else "the top level"
        if kind not in usual:
            _, right = _place_for(scene, server, name)
            what = f"{name} is included {'in' if around else 'at'} {kind}, where it has no place"
        elif own and (kind != "view" or not around or own not in around.words):
            _, right = _place_for(scene, server, name)
            what = f'{name} is included in {kind}, but it is for the view "{own}"'
        elif kind == "the top level" and server.conf.has_views:
            _, right = _place_for(scene, server, name)
            what = f"{name} is included at the top level, but where there are views, zones are "
            what += "inside them"
        elif (kind, *(around.words if around else ())) in seen:
            what, right = f"{name} is included twice in the same place", ""
        elif place.path.parent.resolve() == link.resolve() and "generations" in place.path.parts:
            what = f"{name} is included from one generation, and stays as it is for ever"
            right = f'write there: include "{link / name}";\n{LOAD}'
        else:
            seen.add((kind, *(around.words if around else ())))
            continue
        take = "" if right.startswith("write there") else "take this include out"
        fix = f"{take}; {right}" if take and right else f"{take}\n{LOAD}" if take else right
        yield fault(what, place.statement.where, fix)


def view_policy(scene: Scene) -> Iterator[Finding]:
    """Look in each view for the policy, and for the zones that the policy names.

    Harm: clients of a view without the policy reach what is blocked for all others.
    Example: a ``view "guests"`` that was added later; a view with a response-policy of its own.
    Reference: BIND 9 ARM: view; response-policy counts for each view by itself
    """
    for server in scene.servers:
        conf = server.included_conf
        found = [finding for view in conf.views for finding in _unfiltered(scene, server, view)]
        found += _unnamed(scene, server)
        yield from found
        if not found:
            each = "each view has" if conf.has_views else "named has"
            yield ok(f"{each} its policy zones in its response-policy", conf.file)


def _unnamed(scene: Scene, server: Server) -> Iterator[Finding]:
    """Find that several views have a policy zone, by which rndc cannot tell which one is meant."""
    operator = scene.config.policy.operator_zone
    having = [view for view in server.conf.views if operator in zones(view.block)]
    if len(having) > 1 and not server.settings.view:
        yield fault(
            f"{len(having)} views have the policy, and rpzctl.toml names none: no change can be "
            "brought to them",
            server.conf.file,
            f"write into {scene.config.file} a [[view]] and a [[resolver]] for each: docs/views.md",
        )


def _unfiltered(scene: Scene, server: Server, view: View) -> Iterator[Finding]:
    conf = server.conf
    configured = {each.name for each in scene.config.view}
    if server.settings.view and view.name != server.settings.view and view.name in configured:
        return  # there is another [[resolver]] for it
    fragments = of_view(view.name if view.name in configured else "")
    lines = "".join(f'include "{scene.store.current_link / name}";\n' for name in fragments)
    where = view.statement.where if view.statement else str(conf.file)
    policy = conf.setting(view, "response-policy")
    recursion = conf.setting(view, "recursion")
    if recursion and recursion.words[1:] == ("no",):
        return
    if policy is None:
        if view.statement:
            yield warning(
                f"{view.shown} has no response-policy: its clients are not protected",
                where,
                f"{where}, inside {view.shown} {{ }}:\n{lines}{LOAD}",
            )
        return
    wanted = server.resolver.policy(scene.current.policy_zones)[:1]
    if view.name == server.settings.view or not server.settings.view:
        for first in [each for each in wanted if each not in zones(policy.block or ())]:
            yield fault(
                f"the response-policy of {view.shown} does not name {first}",
                policy.where,
                f"in its place, as named takes one for a view:\n{lines}{LOAD}",
            )
            return
    lacking = [zone for zone in zones(policy.block or ()) if zone not in zones(view.block)]
    if lacking and view.statement:
        yield fault(
            f"{view.shown} does not have the policy zones {', '.join(lacking[:5])}",
            where,
            f"{where}, inside {view.shown} {{ }}:\n{lines}{LOAD}",
        )


def policy_statements(scene: Scene) -> Iterator[Finding]:
    """Count the response-policy statements of each block: named takes one.

    Harm: named refuses its whole configuration ("'response-policy' redefined").
    Example: the response-policy of a tutorial stands beside the include.
    Reference: BIND 9 ARM: response policy zones
    """
    for server in scene.servers:
        conf = server.conf
        holders = [*named(conf.block, "options"), *named(conf.block, "view")]
        several = False
        for holder in holders:
            policies = list(named(holder.block or (), "response-policy"))
            link = scene.store.current_link
            for policy in policies[1:] and [p for p in policies if p.file.parent != link]:
                several = True
                others = zones(policy.block or ())
                yield fault(
                    f"a second response-policy in {' '.join(holder.words)}; named takes one",
                    policy.where,
                    "take it out; to keep its zones, write them behind ours in a template "
                    f"templates/bind/options.conf.j2 of your own: {', '.join(others)}",
                )
        if not several:
            yield ok("no block has two response-policy statements", conf.file)
