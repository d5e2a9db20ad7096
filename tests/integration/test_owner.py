"""root at work where the service is somebody else: what it makes belongs to that one."""

import os
from pathlib import Path

import pytest

from rpzctl import files
from tests.integration.test_feeds import local
from tests.servers import Site

NOBODY = 65534
SERVICE = 61234
"""a user of whom nothing is known but the number"""


def owners(*folders: Path) -> dict[str, int]:
    """Return whose each file and folder is that is not the service's."""
    return {
        str(path): path.lstat().st_uid
        for folder in folders
        for path in (folder, *folder.rglob("*"))
        if path.lstat().st_uid != SERVICE and not path.is_symlink()
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root")
def test_what_root_does_the_service_can_go_on_with(site: Site) -> None:
    for folder in (site.output, site.state, site.repo):
        for path in (folder, *folder.rglob("*")):
            os.lchown(path, SERVICE, SERVICE)
    local(site, "one", b"0.0.0.0 c2.bad.example\n")
    os.chown(site.repo / "feeds/one.toml", SERVICE, SERVICE)
    site.ok("sync")
    site.ok("block", "evil.example")
    site.ok("feeds", "disable", "one")
    site.ok("apply")
    site.ok("rollback")
    assert owners(site.output, site.state, site.repo) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root")
def test_a_file_keeps_its_owner_and_a_new_one_is_of_its_folders(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.write_text("x")
    os.chown(mine, NOBODY, NOBODY)
    files.write_aside(mine, b"y", mode=0o600)
    assert (mine.read_text(), mine.stat().st_uid) == ("y", NOBODY)
    files.write_aside(other, b"z", mode=0o600)
    assert other.stat().st_uid == 0
    os.chown(tmp_path, SERVICE, SERVICE)
    files.write_aside(other, b"z", mode=0o600)
    assert other.stat().st_uid == SERVICE, "what root had made before is given back, too"


def test_what_somebody_put_in_the_way_is_no_place_to_write_to(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("stays")
    (tmp_path / f"{files.ASIDE}file-{os.getpid()}").symlink_to(target)
    files.write_aside(tmp_path / "file", b"new", mode=0o600)
    assert target.read_text() == "stays"
    assert (tmp_path / "file").read_text() == "new"
