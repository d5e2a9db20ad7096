"""The wheel as it is built: complete, and working from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the wheel was unpacked into."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the wheel's rpzctl in `folder`; its dependencies are those of the tests."""
    return subprocess.run(
        [sys.executable, "-m", "rpzctl", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_carries_templates_feeds_and_lists(installed: Path) -> None:
    for name in (
        "templates/bind/rpz.zone.j2",
        "templates/bind/zones.conf.j2",
        "feeds/sample.toml",
        "feeds/sample.hosts",
        "data/protect.list",
        "py.typed",
    ):
        assert (installed / "rpzctl" / name).is_file(), name
    assert not (installed / "templates").exists()


def test_the_wheel_publishes_a_policy_from_its_own_data(installed: Path, tmp_path: Path) -> None:
    made = run(
        *(installed, tmp_path, "init", "policy", "--no-git"),
        *("--output", "output", "--state", "state"),
    )
    assert 0 == made.returncode, made.stderr
    config = ("--config", "policy/rpzctl.toml")
    assert 0 == run(installed, tmp_path, *config, "feeds", "enable", "sample").returncode
    synced = run(installed, tmp_path, *config, "sync", "--no-reload")
    assert 0 == synced.returncode, synced.stderr
    zone = (tmp_path / "output/current/malware.rpz.zone").read_text()
    assert "c2.malware-sample.example CNAME .\n*.c2.malware-sample.example CNAME .\n" in zone


def test_the_wheel_and_not_the_checkout_was_run(installed: Path, tmp_path: Path) -> None:
    code = "import rpzctl, rpzctl.shipped as s; print(rpzctl.__file__, s.folder('templates'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(path.startswith(str(installed)) for path in done.stdout.split())
