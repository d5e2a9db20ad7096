"""The output and state folders: may named read them, may we write them, is there room."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rpzctl.doctor.apparmor import allows, profile
from rpzctl.doctor.finding import Finding, NotLooked, fault, ok, warning
from rpzctl.doctor.scene import Process, Scene, Server
from rpzctl.store import MANIFEST

_LITTLE = 0.05
"""of the space or the inodes of a disk"""
_LEAST_OCTETS = 64 << 20
_USERS = ("bind", "named")


def output_readable(scene: Scene) -> Iterator[Finding]:
    """Look whether named's user gets to each published file: by the mode of it and of each folder.

    Harm: named does not load the zone, or does not start.
    Example: an output folder in a home folder of mode 0700; an umask of 077 in another tool.
    Reference: BIND 9 ARM: named -u, -t
    """
    asked = 0
    for server in scene.servers:
        if not server.is_here:
            continue
        reader = _reader(server)
        asked += 1
        root = reader.option("t")
        folder = scene.store.current_link.resolve()
        if root and Path(root).resolve() not in folder.parents:
            yield fault(
                f"named runs in the chroot {root} and cannot see it",
                folder,
                f'in {scene.config.file}, [paths]: output = "{root}/var/lib/bind/rpzctl"',
            )
            continue
        closed = _closed(reader, folder)
        yield from closed
        if not closed:
            yield ok(f"named's user (uid {reader.uid}) can read it", folder)
    if not asked:
        raise NotLooked("named is on another machine")


def _reader(server: Server) -> Process:
    """Return the running named, or else what it will be by the user that packages give it."""
    import pwd

    if server.process is not None:
        return server.process
    if len(server.scene.nameds) > 1:
        raise NotLooked("several named run, and none of them with named_conf as it is configured")
    for name in _USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        groups = frozenset(os.getgrouplist(name, user.pw_gid))
        return Process(0, user.pw_uid, groups, ("named",))
    raise NotLooked("named does not run, and there is no user bind or named")


def _closed(reader: Process, folder: Path) -> list[Finding]:
    """Return what keeps `reader` from the files in `folder`."""
    found: list[Finding] = []
    if reader.uid == 0:
        return found
    places = [(each, stat.S_IXOTH) for each in reversed((folder, *folder.parents))]
    files = sorted(each for each in folder.iterdir() if each.suffix in {".zone", ".conf"})
    for path, others in (*places, *((file, stat.S_IROTH) for file in files)):
        what = path.stat()
        shift = 6 if what.st_uid == reader.uid else 3 if what.st_gid in reader.groups else 0
        if not what.st_mode & (others << shift):
            bit = "x" if path.is_dir() else "r"
            verb = "pass through" if path.is_dir() else "read"
            found.append(
                fault(
                    f"named's user (uid {reader.uid}) may not {verb} it: mode "
                    f"{stat.S_IMODE(what.st_mode):04o}, owner {what.st_uid}:{what.st_gid}",
                    path,
                    f"chmod o+{bit} {path}",
                )
            )
    return found


def output_apparmor(scene: Scene) -> Iterator[Finding]:
    """Look whether AppArmor lets named read the output folder.

    Harm: named says "permission denied" though every mode is right.
    Example: an output folder in /srv; Debian's profile has /etc/bind, /var/lib/bind and
    /var/cache/bind.
    Reference: apparmor.d(5); /etc/apparmor.d/local/README
    """
    if not any(server.is_here for server in scene.servers):
        raise NotLooked("named is on another machine")
    state, rules, file = profile(scene.system)
    where = scene.store.current_link.resolve()
    if state is None:
        yield ok("AppArmor does not confine named")
        return
    wanted = [str(where / "local.rpz.zone"), str(where / MANIFEST)]
    if all(allows(rules, path) for path in wanted):
        yield ok(f"AppArmor's profile ({state}) lets named read it", where)
        return
    local = file.parent / "local" / file.name
    line = f"{scene.store.output.resolve()}/** r,"
    told = fault if state == "enforce" else warning
    yield told(
        f"AppArmor's profile of named ({state}) does not let it read this",
        where,
        f"in {local}:\n{line}\nthen: apparmor_parser -r {file}; or set [paths] output in "
        f"{scene.config.file} to a folder in /var/lib/bind",
    )


def state_folder(scene: Scene) -> Iterator[Finding]:
    """Look whether we may write the output and state folders, and nobody reads the state.

    Harm: no change can be made; feeds' copies may hold what was bought.
    Example: `sudo rpzctl sync` once, and the folders belong to root ever since.
    Reference: docs/reference/configuration.md, [paths]
    """
    for folder in (scene.config.state, scene.config.output):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            yield fault(
                f"we (uid {os.geteuid()}) may not write it",
                there,
                f"chown -R {os.geteuid()} {there}; or run rpzctl as its owner",
            )
            continue
        theirs = [each for each in _ours(folder) if not os.access(each, os.W_OK)]
        if theirs:
            yield fault(
                f"we (uid {os.geteuid()}) may not write it",
                theirs[0],
                f"chown -R {os.geteuid()} {folder}; or run rpzctl as its owner",
            )
        elif folder == scene.config.state and folder.exists() and folder.stat().st_mode & 0o007:
            yield warning("others may look into it", folder, f"chmod o= {folder}")
        else:
            yield ok("we may write it", folder)


def _ours(folder: Path) -> list[Path]:
    names = ("lock", "sync.lock", "serials.json", "proven.json", "feeds", "generations")
    return [folder / name for name in names if (folder / name).exists()]


def disk_space(scene: Scene) -> Iterator[Finding]:
    """Look how much room is left on the disks of the output and state folders, also in inodes.

    Harm: a full disk stops every change; what is live stays.
    Example: a generation of ten million names takes a gigabyte, and ten are kept.
    Reference: docs/scale.md; policy.keep, policy.keep_days
    """
    for folder in dict.fromkeys((scene.config.output, scene.config.state)):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        disk = os.statvfs(there)
        free = disk.f_bavail * disk.f_frsize
        current = scene.store.current_link
        try:
            size = sum(each.stat().st_size for each in current.iterdir())
        except OSError:
            size = 0
        keep = f"fewer generations: policy.keep in {scene.config.file}; or a larger disk"
        if free < max(2 * size, _LEAST_OCTETS):
            yield fault(
                f"{free >> 20} MiB are free; a change takes {size >> 20} MiB, and twice that while "
                "it is made",
                there,
                keep,
            )
        elif disk.f_blocks and disk.f_bavail / disk.f_blocks < _LITTLE:
            yield warning(f"{disk.f_bavail / disk.f_blocks:.0%} of the disk are free", there, keep)
        elif disk.f_files and disk.f_favail / disk.f_files < _LITTLE:
            left = f"{disk.f_favail / disk.f_files:.0%}"
            yield warning(f"{left} of the inodes of the disk are free", there, keep)
        else:
            yield ok(f"{free >> 20} MiB are free", there)
