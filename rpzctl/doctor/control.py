"""rndc: its key, the control channel, and whether the running named is the configured one."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from rpzctl.doctor import named_conf
from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.scene import Scene, Server

_LOADED = re.compile(r"^serial: (\d+)$", re.MULTILINE)


def rndc_key(scene: Scene) -> Iterator[Finding]:
    """Look at the file of the rndc key: there, readable for us, not for everybody, a key.

    Harm: without it no change becomes live; who reads it can stop named.
    Example: Debian's /etc/bind/rndc.key is readable for the group bind alone.
    Reference: rndc.conf(5), rndc-confgen(8)
    """
    for server in scene.servers:
        path = server.settings.rndc_key
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            yield fault(
                "there is no rndc key",
                path,
                f"rndc-confgen -a -c {path} and restart named; or set rndc_key in "
                f"{scene.config.file}",
            )
            continue
        except PermissionError:
            yield fault(
                "may not be read", path, "run as a member of its group: usermod -aG bind USER"
            )
            continue
        except OSError as wrong:
            yield fault(f"cannot be read: {wrong.strerror}", path, "set rndc_key in rpzctl.toml")
            continue
        if not _keys(text, path):
            yield fault("holds no key statement", path, f"rndc-confgen -a -c {path}")
        elif mode & stat.S_IROTH:
            yield warning("everybody may read the key, and stop named", path, f"chmod o= {path}")
        else:
            yield ok("the rndc key can be read", path)


def _keys(text: str, path: Path) -> dict[str, tuple[str, str]]:
    """Return algorithm and secret of the keys that `text` states, by name. Nobody prints them."""
    return _stated(named_conf.parse(text, path).block)


def _stated(block: named_conf.Block) -> dict[str, tuple[str, str]]:
    found = {}
    for statement in named_conf.named(block, "key"):
        said = {s.name: s.words[1] for s in statement.block or () if len(s.words) > 1}
        if len(statement.words) > 1 and "secret" in said:
            found[statement.words[1]] = (said.get("algorithm", "").lower(), said["secret"])
    return found


def rndc_channel(scene: Scene) -> Iterator[Finding]:
    """Say `rndc status` to named.

    Harm: no change can be brought to named: blocks are refused, feeds stay as they are.
    Example: named is down; ``controls`` listens on another port; the key is not named's; rndc and
    named have clocks that differ by more than five minutes.
    Reference: BIND 9 ARM, controls; rndc(8)
    """
    for server in scene.servers:
        s = server.settings
        where = f"{s.rndc_server} port {s.rndc_port}"
        done = server.reached
        said = " ".join(done.said.split()).removeprefix("rndc: ")
        if done.status == 0:
            yield ok("named answers rndc", where)
        elif "refused" in said and "connect" in said:
            yield fault(f"nothing listens for rndc: {said}", where, _listen(scene, server))
        elif "could not load" in said or "unknown option" in said:
            yield fault(f"rndc cannot read its key: {said}", s.rndc_key, "see 'rndc-key'")
        elif "closed" in said or "bad auth" in said or "clock" in said or "expired" in said:
            yield fault("named does not take our commands", where, _not_taken(server))
        else:
            yield fault(said[:300] or "rndc failed", where, "see named's log")


def _listen(scene: Scene, server: Server) -> str:
    """Return the mend where nothing listens."""
    try:
        controls = next(named_conf.named(server.conf.block, "controls"), None)
    except NotLooked:
        controls = None
    for inet in controls.block or () if controls else ():
        port = inet.value("port")
        if port and port != str(server.settings.rndc_port):
            return (
                f"{inet.where} listens on port {port}: set rndc_port = {port} in "
                f"{scene.config.file}; if it is so already, start named: systemctl start named"
            )
    return "start named: systemctl start named; is rndc_port in rpzctl.toml that of its controls?"


def _not_taken(server: Server) -> str:
    """Return the mend where named closes the connection: its log would say why."""
    path = server.settings.rndc_key
    try:
        ours = _keys(path.read_text(encoding="utf-8", errors="replace"), path)
        theirs = _stated(server.conf.block)
    except (OSError, NotLooked):
        ours, theirs = {}, {}
    if theirs and ours:
        name, key = next(iter(ours.items()))
        if name not in theirs:
            return (
                f"{path} has the key {name}, named.conf has {', '.join(sorted(theirs))}: set "
                "rndc_key to the file with named's key"
            )
        if theirs[name] != key:
            return (
                f"the key {name} in {path} is another than named.conf's of that name: set rndc_key "
                "to the file that named.conf includes"
            )
    return (
        "named's log says why: 'bad auth' is another key (restart named if the key file is newer "
        "than named); 'clock skew' or 'expired': set both clocks (timedatectl set-ntp true); "
        "'rejected': add this machine to allow { } in controls"
    )


def running_configuration(scene: Scene) -> Iterator[Finding]:
    """Ask named which configuration file it reads.

    Harm: what is checked and mended is not what named reads.
    Example: named runs with ``-c /srv/dns/named.conf``, and rpzctl.toml has the default.
    Reference: rndc(8), status
    """
    for server in scene.servers:
        told = server.status.get("configuration file", "")
        here = server.settings.named_conf
        if not told:
            raise NotLooked("rndc status does not tell it")
        # In a chroot named tells the path inside, and behind it in brackets that outside.
        paths = [Path(part.strip("() ")) for part in told.split(" (")]
        if not server.is_here or any(path == here or _same(path, here) for path in paths):
            yield ok(f"named reads {told}", server.title)
        else:
            yield fault(
                f"the running named reads {told}, not {here}",
                server.title,
                f'in {scene.config.file}, [[resolver]]: named_conf = "{paths[-1]}"',
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def running_zones(scene: Scene) -> Iterator[Finding]:
    """Ask named for each published zone: does it know it, is it loaded, under which serial.

    Harm: what is published is not what named serves; after a restart it may be nothing.
    Example: the includes were added and named was not told; named may not read the zone's file.
    Reference: rndc(8), zonestatus
    """
    for server in scene.servers:
        status = server.status
        wrong = 0
        view = ("IN", server.settings.view) if server.settings.view else ()
        for origin in server.resolver.policy(scene.current.policy_zones):
            entry = scene.current.zones[origin]
            done = server.rndc("zonestatus", origin, *view)
            loaded = _LOADED.search(done.out)
            if "multiple views" in done.said:
                continue
            if "not found" in done.said or "no matching zone" in done.said:
                what, fix = f"named does not know the published zone {origin}", "rndc reconfig"
                if status.get("last configured"):
                    what += f" (configured last at {status['last configured']})"
                fix += "; if that says nothing, see 'includes'"
            elif done.status != 0 or not loaded:
                what = f"named has not loaded {origin}"
                fix = "see 'output-readable' and named's log; then: rpzctl apply"
            elif int(loaded[1]) != entry.serial:
                what = f"named has {origin} under serial {loaded[1]}, published is {entry.serial}"
                fix = "rpzctl apply"
            else:
                continue
            wrong += 1
            yield fault(what, server.title, fix)
        if not wrong:
            yield ok("named has the published zones", server.title)
