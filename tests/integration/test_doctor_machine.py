"""`rpzctl doctor`: git, feeds, disks and what else it finds on a machine."""

import os
import subprocess
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.integration.examining import found, one, shell
from tests.integration.test_feeds import define, local
from tests.integration.test_refused import alone_in_mounts
from tests.publisher import publishing
from tests.servers import Site, bare_site


def git(site: Site, *command: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(site.repo), *who, *command], check=True, capture_output=True)


def test_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    for name in ("AUTHOR", "COMMITTER"):
        for key in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{key}", raising=False)
    site = bare_site(tmp_path / "site")
    assert "is not in git" in found(site, "git-repo")[0].what
    git(site, "init", "-b", "main")
    assert [] == found(site, "git-repo")
    changed = one(site, "git-changes", "warning")
    assert "policy/" in changed.what
    git(site, "add", ".")
    git(site, "commit", "-m", "The policy")
    assert [] == found(site, "git-changes")
    identity = one(site, "git-identity", "warning")
    for line in identity.fix.splitlines():
        subprocess.run(line.replace('"', "").replace("Your Name", "You").split(), check=True)
    assert [] == found(site, "git-identity")
    there = tmp_path / "there.git"
    subprocess.run(["git", "clone", "--bare", "-q", str(site.repo), str(there)], check=True)
    git(site, "remote", "add", "origin", str(there))
    git(site, "fetch", "-q", "origin")
    git(site, "branch", "-u", "origin/main")
    assert [] == found(site, "git-remote", online=True)
    git(site, "commit", "--allow-empty", "-m", "More")
    git(site, "push", "-q", "origin", "main")
    git(site, "reset", "-q", "--hard", "HEAD~1")
    assert "1 commits behind" in one(site, "git-remote", "warning").what
    git(site, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(site, "gc", "-q", "--prune=now")
    git(site, "reflog", "expire", "--expire=now", "--all")
    git(site, "gc", "-q", "--prune=now")
    assert [] == found(site, "git-remote")
    [moved] = found(site, "git-remote", online=True)
    assert "has commits that were not fetched" in moved.what
    there.rename(tmp_path / "gone.git")
    assert "does not answer" in found(site, "git-remote", online=True)[0].what


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root cannot give files away")
def test_a_policy_repo_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SUDO_UID", raising=False)
    site = bare_site(tmp_path / "site")
    git(site, "init")
    for path in (site.repo, site.repo / ".git"):
        os.chown(path, 65534, 65534)
    shell(one(site, "git-repo", "warning"))
    assert [] == found(site, "git-repo")


def test_feeds_by_their_records_and_secrets(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    path = local(site, "one", b"c2.example\n", format="domains", every="1h", max_age="2d")
    assert "one has no good copy" in found(site, "feeds-state")[0].what
    site.ok("sync", "--no-reload")
    assert [] == found(site, "feeds-state", "clock", "schedule")
    day = timedelta(days=1)
    assert "one is due every 1h, and was asked" in found(site, "feeds-state", later=day)[0].what
    assert "its last good copy is 3 d old" in found(site, "feeds-state", later=3 * day)[0].what
    assert "nothing runs rpzctl sync" in found(site, "schedule", later=3 * day)[0].what
    assert 2 <= len(found(site, "clock", later=-day))
    path.write_bytes(b"<!doctype html>")
    site.cli("sync", "--now", "--no-reload")
    assert "one fails: " in found(site, "feeds-state")[0].what
    key = tmp_path / "key"
    key.write_text("hunter22")
    key.chmod(0o644)
    define(site, "one", "https://feed.example/", format="domains", secret_file=str(key))
    [finding] = found(site, "secrets")
    assert finding.state == "fault"
    shell(finding)
    assert [] == found(site, "secrets")


def test_what_runs_sync_is_found(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    local(site, "one", b"c2.example\n", format="domains")
    cron = tmp_path / "etc/cron.d"
    cron.mkdir(parents=True)
    [finding] = found(site, "schedule", system=tmp_path)
    assert "rpzctl deploy install cron" in finding.fix
    line = "*/5 * * * * root rpzctl sync"
    (cron / "rpzctl").write_text(f"# {line}\n")
    assert [] != found(site, "schedule", system=tmp_path), "a comment runs nothing"
    (cron / "rpzctl").write_text(line + "\n")
    assert [] == found(site, "schedule", system=tmp_path)


def test_publishers_are_asked_only_online(tmp_path: Path) -> None:
    def yesterday(request: BaseHTTPRequestHandler) -> None:
        request.send_response_only(200)
        request.send_header("Date", "Wed, 01 Jan 2020 00:00:00 GMT")
        request.send_header("Content-Length", "11")
        request.end_headers()
        request.wfile.write(b"c2.example\n")

    site = bare_site(tmp_path / "site")
    only = ("feeds-reachable", "clock-online")
    with publishing() as publisher:
        publisher.answers["/list"] = yesterday
        define(site, "one", publisher.url("/list"), format="domains", plain_http=True)
        assert {"not-looked-at"} == {finding.state for finding in found(site, *only)}
        assert 0 == publisher.times_asked("/list")
        [clock] = found(site, *only, online=True)
        assert "127.0.0.1 says that it is 2020-01-01T00:00:00Z" in clock.what
        publisher.gives("/list", b"c2.example\n")
        assert [] == found(site, *only, online=True)
        publisher.fails("/list", 403)
        reached, _ = found(site, *only, online=True)
        assert "one: HTTP status 403" in reached.what
    assert "one: " in found(site, *only, online=True)[0].what


def test_what_is_missing_or_full(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    rndc_path = subprocess.run(
        ["which", "rndc"], check=True, capture_output=True, text=True
    ).stdout.strip()
    setup = (
        f"mount --bind /dev/null {rndc_path} && mount -t tmpfs -o size=1m,mode=700 t {site.state}"
    )
    only = ("--only", "tools", "--only", "disk-space", "--json")
    done = site.cli("doctor", *only, within=alone_in_mounts(setup))
    told = {f["id"]: f["what"] for f in done.json()["findings"] if f["state"] == "fault"}
    assert {"tools", "disk-space"} == set(told), done
    assert told["tools"].startswith("rndc is not installed")
