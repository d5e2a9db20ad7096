"""Hooks: programs and web servers are told, in their time, and change nothing of what is done."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import authority
from tests.integration.test_concurrency import locked
from tests.integration.test_feeds import local
from tests.publisher import Publisher, publishing, send
from tests.servers import Result, Site, until

SECRET = "hush-hush-0815"  # noqa: S105 - to be kept from all that is shown


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def program(site: Site, name: str, text: str) -> str:
    """Write a program into the policy repo; return how a hook names it."""
    path = site.repo / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return f'command = ["hooks/{name}", "one argument; $HOME"]'


def hook(site: Site, *keys: str, on: str = "on_success") -> None:
    site.setting(f"[[hooks.{on}]]\n" + "\n".join(keys))


def collects(site: Site, name: str = "collect") -> str:
    """Return a program that keeps what it is given."""
    out = site.home / name
    return program(
        site,
        name,
        f"cat > {out}.$$; mv {out}.$$ {out}.json\n"
        f'echo "$RPZCTL_OUTCOME $RPZCTL_GENERATION $RPZCTL_HOOK $1" >> {out}.log',
    )


def given(site: Site, name: str = "collect") -> dict[str, Any]:
    value = json.loads((site.home / f"{name}.json").read_text())
    assert isinstance(value, dict)
    return value


def log(site: Site, name: str = "collect") -> list[str]:
    path = site.home / f"{name}.log"
    return path.read_text().splitlines() if path.exists() else []


def block(site: Site, name: str = "evil.example") -> Result:
    """Block a name without a resolver; whatever hooks do, that is done."""
    done = site.cli("block", name, "--no-apply")
    assert done.status == 0, done
    assert "Traceback" not in done.stderr
    return done


def test_programs_are_told_of_success_and_of_failure(site: Site) -> None:
    hook(site, collects(site))
    hook(site, collects(site), on="on_failure")
    hook(site, collects(site, "failures"), on="on_failure")
    hook(site, 'only = ["locked", "not-live"]', collects(site, "others"), on="on_failure")
    hook(site, 'only = ["recorded"]', collects(site, "some"))
    site.ok("block", "evil.example", "--reason", "C2")
    found = given(site)
    assert (found["outcome"], found["names"], found["generation"]) == ("live", ["evil.example"], 2)
    assert found["plan"]["zones"][0]["added_rows"] == ["evil.example nxdomain"]
    assert found["text"].startswith("rpzctl: live: block evil.example, by ")
    assert found["text"].endswith("(C2); generation 2")
    assert log(site) == ["live 2 1 one argument; $HOME"]
    assert site.cli("block", "com").status == 3
    assert given(site)["outcome"] == given(site, "failures")["outcome"] == "refused"
    assert given(site)["plan"] is None
    site.ok("block", "evil.example")
    site.ok("sync")
    site.ok("block", "later.example", "--no-apply")
    told = [line.split()[0] for line in log(site)]
    assert told == ["live", "refused", "recorded"], "nothing to do is not told"
    assert [line.split()[0] for line in log(site, "failures")] == ["refused"]
    assert [line.split()[0] for line in log(site, "some")] == ["recorded"]
    with locked(site):
        assert site.cli("block", "busy.example", "--wait", "0").status == 6
    assert given(site, "others")["outcome"] == "locked"


def test_a_hook_that_hangs_is_killed_with_its_children_and_others_go_on(repo: Site) -> None:
    pids = repo.home / "pids"
    hangs = program(
        repo, "hangs", f"sleep 300 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    )
    hook(repo, hangs, "timeout = 0.5")
    hook(repo, collects(repo))
    begun = time.monotonic()
    done = block(repo)
    assert 0.5 <= time.monotonic() - begun < 10
    assert "the hook hooks/hangs: hooks/hangs did not end within 0.5 s" in done.stderr.replace(
        f"{repo.repo}/", ""
    )
    assert log(repo), "the other was told"
    for pid in pids.read_text().split():
        until(lambda pid=pid: not _runs(int(pid)), "it is gone", 5)  # type: ignore[misc]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_lives_on_is_not_waited_for(repo: Site) -> None:
    pid = repo.home / "pid"
    hook(repo, program(repo, "daemon", f"setsid sleep 300 & echo $! > {pid}"))
    begun = time.monotonic()
    try:
        assert block(repo).stderr == ""
        assert time.monotonic() - begun < 5
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo went wrong >&2; exit 3", "exit 3: went wrong"),
        ("kill -9 $$", "killed by signal 9"),
        ("head -c 50000000 /dev/zero; printf '\\033[31mred'; exit 1", "exit 1"),
        ("exec 0<&- 1>&- 2>&-; exit 4", "exit 4"),
    ],
    ids=["exit", "signal", "floods", "closes"],
)
def test_a_hook_that_fails_is_told(repo: Site, text: str, told: str) -> None:
    hook(repo, program(repo, "fails", text))
    done = block(repo)
    assert told in done.stderr
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.parametrize("what", ["missing", "no program"])
def test_a_hook_that_cannot_start_is_told(repo: Site, what: str) -> None:
    path = repo.repo / "hooks" / "odd"
    path.parent.mkdir()
    if what == "no program":
        path.write_bytes(b"\x7fELF junk")
        path.chmod(0o755)
    hook(repo, 'command = ["hooks/odd"]')
    done = block(repo)
    assert ("is not installed" if what == "missing" else "cannot start") in done.stderr


def test_a_hook_that_calls_rpzctl_does_not_come_back(repo: Site) -> None:
    text = f"echo ran >> {repo.home}/ran; " + " ".join(repo.command("block", "inner.example"))
    hook(repo, program(repo, "inner", text + " --no-apply"))
    assert block(repo).stderr == ""
    assert (repo.home / "ran").read_text() == "ran\n"
    assert "inner.example" in repo.block_list.read_text()


def test_the_result_is_there_before_the_hooks_end(repo: Site) -> None:
    flag = repo.home / "go-on"
    hook(
        repo, program(repo, "waits", f"while [ ! -e {flag} ]; do sleep 0.02; done"), "timeout = 60"
    )
    child = repo.start("block", "evil.example", "--no-apply")
    assert child.stdout is not None
    assert child.stdout.readline() == b"block evil.example\n"
    assert child.poll() is None
    free = {"RPZCTL_HOOK": "1"}
    assert repo.cli("unblock", "evil.example", "--no-apply", "--wait", "0", env=free).status == 0
    flag.touch()
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (0, b"")


def test_an_interrupt_ends_the_hooks_and_not_the_exit_code(repo: Site) -> None:
    pid = repo.home / "pid"
    hook(repo, program(repo, "sleeps", f"echo $$ > {pid}.x; mv {pid}.x {pid}; exec sleep 300"))
    child = repo.start("block", "evil.example", "--no-apply")
    until(pid.exists, "the hook runs")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=8)
    assert child.returncode == 0
    until(lambda: not _runs(int(pid.read_text())), "it is gone", 5)


def test_json_stays_one_document(repo: Site) -> None:
    hook(repo, program(repo, "noise", "echo noise; exit 1"))
    done = repo.cli("block", "evil.example", "--no-apply", "--json")
    assert done.json()["results"][0]["status"] == "recorded"
    assert "exit 1: noise" in done.stderr


def test_a_web_server_is_told(repo: Site, publisher: Publisher) -> None:
    secret = repo.repo / "hook.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    keys = ("plain_http = true", 'secret_file = "hook.secret"')
    hook(repo, f'url = "{publisher.gives("/hook", b"ok")}"', *keys, 'header = "X-Key"')
    hook(repo, f'url = "{publisher.url("/in/{secret}/path")}"', *keys)
    publisher.gives(f"/in/{SECRET}/path", b"ok")
    assert block(repo).stderr == ""
    headers = dict(publisher.asked)
    assert {"/hook", f"/in/{SECRET}/path"} == set(headers)
    assert headers["/hook"]["X-Key"] == SECRET
    assert headers["/hook"]["Content-Type"] == "application/json"
    assert SECRET not in headers[f"/in/{SECRET}/path"].values()
    told = [json.loads(text) for text in publisher.posted]
    assert [each["names"] for each in told] == [["evil.example"]] * 2


def _hangs(publisher: Publisher) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(_: BaseHTTPRequestHandler) -> None:
        publisher.ended.wait(20)

    return answer


def test_bad_days_of_web_servers_are_told_without_the_secret(
    repo: Site, publisher: Publisher
) -> None:
    keys = ("plain_http = true", 'secret_env = "HOOK_SECRET"', "timeout = 0.7")
    answers = publisher.answers
    publisher.fails("/500", 500, SECRET.encode())
    publisher.redirects("/away", publisher.url("/elsewhere"))
    answers["/hangs"] = _hangs(publisher)
    answers["/floods"] = _floods
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        urls = [publisher.url(path) for path in ("/500", "/away", "/hangs", "/floods")]
        urls += [f"http://127.0.0.1:{port}/silent", "http://127.0.0.1:1/{secret}"]
        for url in urls:
            hook(repo, f'url = "{url}"', *keys)
        begun = time.monotonic()
        done = repo.cli(
            "block", "evil.example", "--no-apply", env={"HOOK_SECRET": SECRET, "no_proxy": "*"}
        )
        assert time.monotonic() - begun < 6, "all at once"
    assert done.status == 0
    said = [line.removeprefix("the hook at 127.0.0.1: ") for line in done.stderr.splitlines()]
    assert sorted(said) == [
        "HTTP status 302",
        "HTTP status 500",
        "no answer within 0.7 s",
        "no answer within 0.7 s",
        "the host refuses the connection",
    ]
    assert "/elsewhere" not in [path for path, _ in publisher.asked]
    assert SECRET not in done.stderr + (repo.state / "audit.jsonl").read_text()
    missing = repo.cli("block", "other.example", "--no-apply", env={"HOOK_SECRET": ""})
    assert "its secret is missing: set the environment variable HOOK_SECRET" in missing.stderr


def _floods(request: BaseHTTPRequestHandler) -> None:
    """Answer well, with more than anybody wants to read."""
    send(request, 200, bytes(1 << 22))


def test_https_is_verified(repo: Site, tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    trusted = authority(tmp_path / "authority")
    with (
        publishing(trusted.server("IP:127.0.0.1")) as good,
        publishing(trusted.server("IP:127.0.0.1", signed=False)) as bad,
    ):
        hook(repo, f'url = "{good.gives("/hook", b"ok")}"')
        hook(repo, f'url = "{bad.gives("/hook", b"ok")}"')
        env = {"SSL_CERT_FILE": str(trusted.certificate)}
        done = repo.cli("block", "evil.example", "--no-apply", env=env)
    assert "the certificate is not trusted" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (len(good.posted), bad.posted) == (1, [])


def test_a_sync_of_which_all_feeds_fail_is_a_failure(repo: Site) -> None:
    local(repo, "one", b"<html>", format="domains")
    hook(repo, collects(repo), on="on_failure")
    assert repo.cli("sync", "--no-reload").status == 1
    assert given(repo)["feeds"] == {"one": "is a web page, not a list"}


def test_a_sync_that_goes_on_failing_alike_is_told_once_an_hour(repo: Site) -> None:
    hook(repo, collects(repo), on="on_failure")
    before = len((repo.state / "audit.jsonl").read_text().splitlines())
    repo.block_list.write_text("a..b\n")
    for _ in range(3):
        assert repo.cli("sync", "--no-reload").status == 2
    assert len(log(repo)) == 1
    repo.block_list.write_text("a..c\n")
    assert repo.cli("sync", "--no-reload").status == 2
    assert len(log(repo)) == 2, "another fault is news"
    record = repo.state / "runs" / "sync.json"
    kept = json.loads(record.read_text())
    record.write_text(json.dumps({**kept, "told": "2026-01-01T00:00:00Z"}))
    assert repo.cli("sync", "--no-reload").status == 2
    assert len(log(repo)) == 3
    entries = (repo.state / "audit.jsonl").read_text().splitlines()[before:]
    assert ["failed"] * 3 == [json.loads(line)["outcome"] for line in entries]
    repo.block_list.write_text("")
    repo.ok("sync", "--no-reload")
    repo.block_list.write_text("a..c\n")
    assert repo.cli("sync", "--no-reload").status == 2
    assert len(log(repo)) == 4, "it was good in between"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("timeout = 3",), "say command or url"),
        (('command = ["x"]', 'url = "https://x.example"'), "say command or url"),
        (('url = "http://x.example"',), "plain_http = true"),
        (('url = "ftp://x.example"',), "is no https: or http: URL"),
        (('url = "https://u:p@x.example"',), "holds a password"),
        (('url = "https://x.example/{secret}"',), "{secret} needs"),
        (('command = ["x"]', 'secret_env = "X"'), "are for url"),
        (('command = ["x"]', 'only = ["lvie"]'), "is none of live"),
        (('command = ["x"]', 'only = ["refused"]'), "refused is never told to on_success"),
        (('command = ["x"]', "timeout = 0"), "is not more than 0"),
        (('command = ["x\\n"]',), "control character"),
    ],
)
def test_settings_that_cannot_be_meant_are_told(
    repo: Site, keys: tuple[str, ...], told: str
) -> None:
    hook(repo, *keys)
    done = repo.cli("status")
    assert done.status == 2
    assert told in done.stderr
