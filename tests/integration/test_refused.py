"""What goes wrong before the publish: told clearly, and nothing is lost."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import REAL, Site, find, live_site


def alone_in_mounts(setup: str) -> list[str]:
    """Return a command line that runs another with `setup` done in its own view of the disk."""
    wrapper = ["unshare", "--mount"]
    if os.geteuid() != 0:
        wrapper.insert(1, "--map-root-user")
    wrapper += ["sh", "-c", f'{setup} && exec "$@"', "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*wrapper, "true"], check=False).returncode
    ):
        pytest.skip("this machine lets nobody make a mount namespace")
    return wrapper


@pytest.fixture
def held(site: Site) -> Site:
    """Return a site where a name is blocked already, and changes get little time."""
    site.impatient()
    site.ok("block", "held.example")
    return site


def refuses(site: Site, *told: str, status: int = 1, within: list[str] | None = None) -> str:
    """Try to block a name; hold that it fails so, and that nothing was changed by it."""
    before = site.files()
    done = site.cli("block", "new.example", within=within or ())
    assert done.status == status, done
    assert "Traceback" not in done.stderr
    for text in told:
        assert text in done.stderr
    assert site.files() == before
    leftover = [path.name for path in site.output.rglob(".new-*")]
    assert leftover == []
    return done.stderr


def serves_the_old_policy(site: Site) -> None:
    assert site.answer("held.example") == "NXDOMAIN"
    assert site.answer("new.example") == REAL


def test_named_that_is_down_is_told(held: Site) -> None:
    held.named.stop()
    refuses(held, "named does not listen for rndc", f"port {held.named.rndc_port}")
    held.named.start()
    serves_the_old_policy(held)


def test_named_that_hangs_is_told(held: Site) -> None:
    held.named.signal(signal.SIGSTOP)
    refuses(held, "does not answer")
    held.named.signal(signal.SIGCONT)
    serves_the_old_policy(held)


def test_a_missing_key_is_told(held: Site) -> None:
    held.named.key.unlink()
    refuses(held, f"there is no rndc key {held.named.key}", "rndc-confgen")
    serves_the_old_policy(held)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_key_is_told(held: Site) -> None:
    held.named.key.chmod(0)
    refuses(held, f"cannot read the rndc key {held.named.key}")
    serves_the_old_policy(held)


def test_a_missing_rndc_is_told(held: Site) -> None:
    hide = f"mount --bind /dev/null {find('rndc')}"
    refuses(held, "rndc is not installed", "bind9-utils", within=alone_in_mounts(hide))
    serves_the_old_policy(held)


def test_publishing_only_needs_no_resolver(held: Site) -> None:
    held.named.stop()
    held.ok("block", "new.example", "--no-apply")
    done = held.ok("apply", "--no-reload", "--json").json()
    assert (done["published"], done["proven"]) == (True, False)
    held.named.start()
    assert held.answer("new.example") == "NXDOMAIN"


def test_a_read_only_output_folder_is_told(held: Site) -> None:
    setup = f"mount --bind {held.output} {held.output} && mount -o remount,bind,ro {held.output}"
    refuses(held, "cannot write", str(held.output), within=alone_in_mounts(setup))
    serves_the_old_policy(held)


def test_read_only_rule_files_are_told(held: Site) -> None:
    folder = held.block_list.parent
    setup = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    refuses(held, "cannot write", str(held.block_list), within=alone_in_mounts(setup))
    serves_the_old_policy(held)


def test_read_only_rule_files_are_told_when_recording_only(held: Site) -> None:
    folder = held.block_list.parent
    setup = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    done = held.cli("block", "new.example", "--no-apply", within=alone_in_mounts(setup))
    assert done.status == 1
    assert "Traceback" not in done.stderr
    assert "cannot write" in done.stderr


def test_a_read_only_state_folder_is_told(held: Site) -> None:
    setup = f"mount --bind {held.state} {held.state} && mount -o remount,bind,ro {held.state}"
    refuses(held, str(held.state), within=alone_in_mounts(setup))
    serves_the_old_policy(held)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_output_folder_of_somebody_else_is_told(held: Site) -> None:
    (held.output / "generations").chmod(0o555)
    refuses(held, "cannot write", str(held.output))
    serves_the_old_policy(held)


@pytest.mark.parametrize("key", ["output", "state"])
def test_a_file_in_the_place_of_a_folder_is_told(repo: Site, key: str) -> None:
    place = repo.home / "a-file"
    place.write_text("not ours\n")
    old = str(repo.output if key == "output" else repo.state)
    repo.config.write_text(repo.config.read_text().replace(f'"{old}"', f'"{place}"'))
    before = repo.block_list.read_bytes()
    for arguments in (("block", "new.example"), ("apply", "--no-reload")):
        done = repo.cli(*arguments)
        assert done.status == 1, done
        assert "Traceback" not in done.stderr
        assert str(place) in done.stderr
    assert repo.block_list.read_bytes() == before
    assert place.read_text() == "not ours\n"


def test_a_damaged_manifest_is_told(held: Site) -> None:
    manifest = held.output / "current" / "manifest.json"
    manifest.unlink()
    manifest.write_text('{"format": 1, "generation')
    refuses(held, str(held.output / "current" / "manifest.json"), "damaged")
    serves_the_old_policy(held)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Have `folder` be a disk of 1 MiB."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root, where it may mount, can make a disk that is full")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte; return the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass
    return ballast


def test_a_full_disk_is_told_and_the_old_policy_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "output") as disk, live_site(tmp_path) as site:
        site.ok("block", "held.example")
        ballast = fill(disk)
        refuses(site, "No space left on device")
        serves_the_old_policy(site)
        ballast.unlink()
        site.ok("block", "new.example")
        assert site.answer("new.example") == "NXDOMAIN"


def test_a_disk_that_fills_up_in_between_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "output") as disk, live_site(tmp_path) as site:
        site.ok("block", "held.example")
        names = [f"{n:05}-{'long' * 12}.new.example" for n in range(8000)]
        done = site.cli("block", "-", stdin="\n".join(names))
        assert done.status == 1, done.stderr
        assert "No space left on device" in done.stderr
        assert "new.example" not in site.block_list.read_text()
        assert [path.name for path in disk.rglob(".new-*")] == []
        serves_the_old_policy(site)
        site.ok("block", "new.example")


def test_a_full_state_disk_leaves_rules_and_resolver_in_step(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state") as disk, live_site(tmp_path) as site:
        site.ok("block", "held.example")
        ballast = fill(disk)
        done = site.cli("block", "new.example")
        assert "Traceback" not in done.stderr
        recorded = "new.example" in site.block_list.read_text()
        assert (site.answer("new.example") == "NXDOMAIN") is recorded
        assert (done.status == 0) is recorded
        ballast.unlink()
        site.ok("block", "new.example")
        assert site.answer("new.example") == "NXDOMAIN"
