"""`rpzctl doctor` against a real named with each fault really made, and mended as it says."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from rpzctl import config, doctor
from rpzctl.doctor.finding import Finding
from rpzctl.doctor.scene import Scene
from rpzctl.errors import RpzctlError
from tests.integration.test_drift import rndc
from tests.integration.test_feeds import define, local
from tests.integration.test_refused import alone_in_mounts
from tests.publisher import publishing
from tests.servers import Site, bare_site, live_site

PLACE = re.compile(r"(?P<file>/.+?)(?::(?P<line>\d+))?, (?:inside .*|at the top level):\Z")
LOADED_AGAIN = "then: rndc reconfig"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live_site(tmp_path_factory.mktemp("doctor")) as made:
        made.block_list.chmod(0o644)
        yield made


@pytest.fixture
def well(live: Site) -> Iterator[Site]:
    """Give the site, and put its configuration back after the test."""
    settings = live.config.read_text()
    yield live
    live.config.write_text(settings)
    live.include()
    rndc(live, "reconfig")


def found(
    site: Site,
    *only: str,
    online: bool = False,
    system: Path = Path("/"),
    later: timedelta = timedelta(0),
) -> list[Finding]:
    """Return what the examinations find that is not well."""
    given: config.Config | RpzctlError
    try:
        given = config.load(site.config)
    except RpzctlError as fault:
        given = fault
    now = datetime.now(UTC) + later
    scene = Scene(given, now, time.monotonic() + 14, online, system)
    findings = doctor.examine(scene, doctor.chosen(only))
    assert not [each for each in findings if "rpzctl failed at it" in each.what]
    return [each for each in findings if each.state != "ok"]


def one(site: Site, only: str, state: str = "fault", *, system: Path = Path("/")) -> Finding:
    """Return the one thing that is not well."""
    [finding] = found(site, only, system=system)
    assert (only, state) == (finding.id, finding.state), finding
    return finding


def mend(site: Site, finding: Finding) -> None:
    """Carry out a mend of named.conf: write the lines where it says, and load."""
    fix = finding.fix
    if fix.startswith("take this include out"):
        file, _, number = finding.where.rpartition(":")
        lines = Path(file).read_text().splitlines(keepends=True)
        lines[int(number) - 1] = "\n"
        Path(file).write_text("".join(lines))
        fix = fix.partition("; ")[2] or fix.partition("\n")[2]
    assert LOADED_AGAIN == fix.splitlines()[-1]
    place = None
    for line in fix.splitlines()[:-1]:
        if found := PLACE.match(line):
            place = found
            continue
        assert place, fix
        path = Path(place["file"])
        lines = path.read_text().splitlines(keepends=True)
        if place["line"] is None:
            lines.append(line + "\n")
        else:
            at = int(place["line"]) - 1
            lines[at] = lines[at].replace("{", "{ " + line, 1)
        path.write_text("".join(lines))
    rndc(site, "reconfig")


def shell(finding: Finding) -> None:
    """Carry out a mend that is a command."""
    subprocess.run(finding.fix.split(), check=True, capture_output=True)


def test_a_site_that_is_well_has_no_fault(well: Site) -> None:
    done = well.ok("doctor", "--json")
    value = done.json()
    assert value["ok"]
    assert 0 == value["counts"]["fault"]
    ids = [finding["id"] for finding in value["findings"]]
    assert [doctor.id_of(each) for each in doctor.EXAMINATIONS] == list(dict.fromkeys(ids))
    assert {"git-repo", "rndc-key"} == {
        finding["id"] for finding in value["findings"] if finding["state"] == "warning"
    }


def test_missing_includes_are_told_with_place_and_line(well: Site) -> None:
    well.named.configure("", "")
    rndc(well, "reconfig")
    options, zones = found(well, "includes")
    assert options.where == f"{well.named.conf}:3"
    assert f'inside options {{ }}:\ninclude "{well.output}/current/options.conf";' in options.fix
    assert [] != found(well, "running-zones", "live")
    mend(well, zones)
    mend(well, options)
    assert [] == found(well, "includes", "include-place", "named-conf")
    well.ok("apply")
    assert [] == found(well, "live", "running-zones")


VIEWS = """\
view "inside" {
    match-clients { 127.0.0.1; };
    zone "." { type primary; file "internet.zone"; };
};
view "guests" {
    zone "." { type primary; file "internet.zone"; };
};
"""


def views(site: Site, options: str = "", zones: str = "") -> None:
    """Write a named.conf with two views."""
    site.named.configure(options, "")
    text = site.named.conf.read_text()
    text = re.sub(r'(?m)^zone "\."[^\n]*\n', "", text) + zones + VIEWS
    site.named.conf.write_text(text)


def test_each_view_needs_the_policy(well: Site) -> None:
    views(well)
    rndc(well, "reconfig")
    options, zones = found(well, "includes")
    mend(well, zones)
    mend(well, options)
    assert [] == found(well, "includes", "include-place", "named-conf")
    current = well.output / "current"
    views(well)
    text = well.named.conf.read_text()
    both = f'{{ include "{current}/options.conf"; include "{current}/zones.conf";'
    well.named.conf.write_text(text.replace('"inside" {', '"inside" ' + both))
    rndc(well, "reconfig")
    guests = one(well, "view-policy", "warning")
    assert 'view "guests" has no response-policy' in guests.what
    mend(well, guests)
    assert [] == found(well, "named-conf", "live")
    assert "2 views have the policy" in one(well, "view-policy").what


def test_a_policy_for_all_views_needs_the_zones_in_each(well: Site) -> None:
    views(well, f'include "{well.output}/current/options.conf";')
    zones = f'include "{well.output}/current/zones.conf";'
    text = well.named.conf.read_text()
    well.named.conf.write_text(text.replace('"inside" {', '"inside" { ' + zones))
    lacking = one(well, "view-policy")
    assert 'view "guests" does not have the policy zones local.rpz' in lacking.what
    mend(well, lacking)
    assert [] == found(well, "named-conf")
    assert "2 views have the policy" in one(well, "view-policy").what


@pytest.mark.parametrize(
    ("options", "zones", "in_views"),
    [
        ("", "{options}\n{zones}", False),
        ("{options}\n{zones}", "", False),
        ("{options}", "{zones}\n", True),
        ("{options}\n{options}", "{zones}", False),
    ],
    ids=["options.conf at the top", "zones.conf in options", "zones.conf beside views", "twice"],
)
def test_an_include_in_the_wrong_place(
    well: Site, options: str, zones: str, *, in_views: bool
) -> None:
    lines = {name: f'include "{well.output}/current/{name}.conf";' for name in ("options", "zones")}
    options, zones = options.format_map(lines), zones.format_map(lines)
    views(well, options, zones) if in_views else well.named.configure(options, zones)
    assert [] != found(well, "named-conf"), "named would not take it"
    finding = one(well, "include-place")
    mend(well, finding)
    assert [] == found(well, "include-place", "includes", "named-conf", "live")


def test_an_include_of_one_generation_is_told(well: Site) -> None:
    generation = (well.output / "current").resolve()
    text = well.named.conf.read_text()
    pinned = text.replace("current/options.conf", f"generations/{generation.name}/options.conf")
    well.named.conf.write_text(pinned)
    finding = one(well, "include-place")
    assert "from one generation" in finding.what
    assert f'write there: include "{well.output}/current/options.conf";' in finding.fix


def by_hand(site: Site, policy: str) -> None:
    """Write a response-policy by hand in the place of options.conf."""
    home = site.home
    (home / "other.zone").write_text("$TTL 60\n@ SOA . . 1 1 1 1 1\n@ NS .\nx.test CNAME .\n")
    site.named.configure(
        f"response-policy {policy};",
        f'include "{site.output}/current/zones.conf";\n'
        f'zone "other.rpz" {{ type primary; file "{home}/other.zone"; }};',
    )
    rndc(site, "reconfig")


TAIL = "break-dnssec yes qname-wait-recurse no min-update-interval 0"


@pytest.mark.parametrize(
    ("only", "state", "policy", "says", "mended"),
    [
        (
            "policy-order",
            "fault",
            f'{{ zone "other.rpz"; zone "local.rpz"; }} {TAIL}',
            "other.rpz stands in front of the operator's local.rpz",
            f'{{ zone "local.rpz"; zone "other.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "fault",
            f'{{ zone "local.rpz" policy disabled; }} {TAIL}',
            "'policy disabled' takes the place of what local.rpz says",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "warning",
            '{ zone "local.rpz"; } break-dnssec no qname-wait-recurse no min-update-interval 0',
            "break-dnssec is no; rpzctl.toml says yes",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "policy-overrides",
            "warning",
            '{ zone "local.rpz"; } break-dnssec yes min-update-interval 0',
            "qname-wait-recurse is yes; rpzctl.toml says no",
            f'{{ zone "local.rpz"; }} {TAIL}',
        ),
        (
            "update-interval",
            "fault",
            '{ zone "local.rpz"; }',
            "min-update-interval is 60 s",
            '{ zone "local.rpz"; } min-update-interval 0',
        ),
        (
            "update-interval",
            "fault",
            '{ zone "local.rpz" min-update-interval 2m; } min-update-interval 0',
            "min-update-interval is 120 s",
            '{ zone "local.rpz" min-update-interval 1; } min-update-interval 0',
        ),
    ],
)
def test_a_policy_that_named_takes_and_does_not_do(
    well: Site, only: str, state: str, policy: str, says: str, mended: str
) -> None:
    by_hand(well, policy)
    finding = one(well, only, state)
    assert says in finding.what
    assert finding.where.startswith(f"{well.named.conf}:")
    by_hand(well, mended)
    assert [] == found(well, only)


def test_two_policies_and_no_recursion(well: Site) -> None:
    well.include(options='response-policy { zone "x.rpz"; };')
    second = one(well, "policy-statements")
    lines = well.named.conf.read_text().splitlines()
    assert "x.rpz" in lines[int(second.where.removeprefix(f"{well.named.conf}:")) - 1]
    assert "'response-policy' redefined" in found(well, "named-conf")[0].what
    well.include(options='response-policy { zone "x.rpz"; };'.replace("response-policy", "//"))
    assert [] == found(well, "policy-statements")
    text = well.named.conf.read_text()
    well.named.conf.write_text(text.replace("recursion yes", "recursion no"))
    assert "the policy has no effect" in one(well, "recursion", "warning").what


def test_more_policy_zones_than_named_takes(well: Site) -> None:
    many = " ".join(f'zone "z{number}.rpz";' for number in range(64))
    well.named.configure(f'response-policy {{ zone "local.rpz"; {many} }};', "")
    assert "65 policy zones; named takes 64" in one(well, "policy-count").what


def test_named_conf_that_is_not_there_or_not_sound(well: Site) -> None:
    text = well.config.read_text()
    well.config.write_text(text.replace(str(well.named.conf), "/nonexistent/named.conf"))
    finding = one(well, "named-conf")
    assert f'the running named reads "{well.named.conf}"' in finding.fix
    well.config.write_text(text)
    well.named.conf.write_text(well.named.conf.read_text() + 'include "/nonexistent/x.conf";\n')
    [where, *_] = found(well, "named-conf")
    assert where.what == "includes /nonexistent/x.conf: No such file or directory"


def test_the_key_of_rndc(well: Site) -> None:
    key, kept = well.named.key, well.named.key.read_text()
    key.chmod(0o644)
    shell(one(well, "rndc-key", "warning"))
    assert [] == found(well, "rndc-key")
    key.write_text("junk")
    assert "holds no key statement" in one(well, "rndc-key").what
    assert "rndc cannot read its key" in one(well, "rndc-channel").what
    other = well.home / "other.key"
    done = subprocess.run(["tsig-keygen", "rndc-key"], check=True, capture_output=True)
    other.write_bytes(done.stdout)
    key.write_text(kept)
    well.config.write_text(well.config.read_text().replace(str(key), str(other)))
    finding = one(well, "rndc-channel")
    assert "named does not take our commands" in finding.what
    assert "is another than named.conf's of that name" in finding.fix
    assert "secret" not in finding.fix
    other.write_bytes(done.stdout.replace(b"rndc-key", b"their-key"))
    assert "has the key their-key, named.conf has rndc-key" in one(well, "rndc-channel").fix
    other.unlink()
    assert "there is no rndc key" in one(well, "rndc-key").what


def test_ports_and_files_of_another_named(well: Site) -> None:
    text = well.config.read_text()
    well.config.write_text(text.replace(str(well.named.rndc_port), "1"))
    finding = one(well, "rndc-channel")
    line = f"rndc_port = {well.named.rndc_port}"
    assert line in finding.fix
    well.config.write_text(well.config.read_text().replace("rndc_port = 1", line))
    assert [] == found(well, "rndc-channel")
    copy = well.home / "copy.conf"
    copy.write_text(well.named.conf.read_text())
    well.config.write_text(text.replace(str(well.named.conf), str(copy)))
    finding = one(well, "running-configuration")
    assert finding.fix.endswith(f'named_conf = "{well.named.conf}"')
    well.config.write_text(re.sub('named_conf = "[^"]*"', finding.fix.split(": ")[1], text))
    assert [] == found(well, "running-configuration")
    well.config.write_text(re.sub(r"(?m)^port = .*", "port = 1", text))
    assert "does not answer" in one(well, "resolver-answers").what


def test_a_zone_that_named_was_not_told_of(well: Site) -> None:
    local(well, "one", b"c2.example\n", format="domains")
    well.ok("sync", "--no-reload")
    finding = one(well, "running-zones")
    assert "named does not know the published zone malware.rpz" in finding.what
    assert "does not serve malware.rpz as published" in one(well, "live").what
    assert finding.fix.startswith("rndc reconfig;")
    rndc(well, "reconfig")
    assert [] == found(well, "running-zones", "live")


def test_a_resolver_that_refuses_us(well: Site) -> None:
    well.include(options="allow-query { 192.0.2.1; };")
    rndc(well, "reconfig")
    finding = one(well, "resolver-refuses")
    line = finding.fix.splitlines()[0].partition(": ")[2]
    assert "allow-query { localhost; 192.0.2.1; };" == line
    well.include(options=line)
    rndc(well, "reconfig")
    assert [] == found(well, "resolver-refuses", "live")


def test_a_named_that_hangs_costs_no_more_than_its_time(well: Site) -> None:
    well.named.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        done = well.cli("doctor", "--json")
        took = time.monotonic() - begun
    finally:
        well.named.signal(signal.SIGCONT)
    assert took < 15
    assert (4, "") == (done.status, done.stderr)
    states = {finding["id"]: finding["state"] for finding in done.json()["findings"]}
    assert ("fault", "not-looked-at") == (states["resolver-answers"], states["rndc-channel"])
    assert "ok" == states["includes"]


def test_what_named_may_not_read(well: Site, tmp_path: Path) -> None:
    process = tmp_path / "proc" / "7"
    process.mkdir(parents=True)
    (process / "cmdline").write_bytes(
        b"/usr/sbin/named\0-c\0" + os.fsencode(well.named.conf) + b"\0"
    )
    (process / "status").write_text("Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t0\t0\n")
    closed = [well.output, (well.output / "current").resolve() / "local.rpz.zone"]
    for path, mode in zip(closed, (0o750, 0o600), strict=True):
        path.chmod(mode)

    def ours() -> list[Finding]:
        here = found(well, "output-readable", system=tmp_path)
        return [each for each in here if Path(each.where).is_relative_to(well.output)]

    findings = ours()
    assert [str(path) for path in closed] == [finding.where for finding in findings]
    for finding in findings:
        shell(finding)
    assert [] == ours()


def test_a_profile_that_keeps_named_out(well: Site, tmp_path: Path) -> None:
    profiles = tmp_path / "etc/apparmor.d"
    (profiles / "local").mkdir(parents=True)
    (profiles / "usr.sbin.named").write_text(
        "profile named /usr/sbin/named {\n  /var/lib/bind/** rw,\n  #include "
        "<local/usr.sbin.named>\n}\n"
    )
    module = tmp_path / "sys/module/apparmor/parameters"
    module.mkdir(parents=True)
    (module / "enabled").write_text("Y\n")
    finding = one(well, "output-apparmor", system=tmp_path)
    where, line, then = finding.fix.splitlines()
    assert f"in {profiles}/local/usr.sbin.named:" == where
    assert then.startswith("then: apparmor_parser -r ")
    (profiles / "local/usr.sbin.named").write_text(f"  {line}\n")
    assert [] == found(well, "output-apparmor", system=tmp_path)


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


BREAKS: dict[str, Callable[[Site], object]] = {
    "configuration": lambda site: site.config.unlink(),
    "configuration, unsound": lambda site: site.setting("prot = 53\n[nonsense]\nx = 1"),
    "output-folder": lambda site: (site.output / "current").unlink(),
    "rules": lambda site: site.block_list.write_text("evil..example\n"),
    "feed-definitions": lambda site: (site.repo / "feeds" / "x.toml").write_text("url = 7\n"),
}


@pytest.mark.parametrize("case", BREAKS)
def test_it_works_when_almost_everything_is_broken(well: Site, case: str) -> None:
    kept = {path: path.read_bytes() for path in (well.config, well.block_list)}
    generation = (well.output / "current").readlink()
    BREAKS[case](well)
    try:
        done = well.cli("doctor", "--json")
    finally:
        for path, octets in kept.items():
            path.write_bytes(octets)
        (well.repo / "feeds" / "x.toml").unlink(missing_ok=True)
        (well.output / "current").unlink(missing_ok=True)
        (well.output / "current").symlink_to(generation)
    assert (4, "") == (done.status, done.stderr)
    faults = [f for f in done.json()["findings"] if f["state"] == "fault"]
    assert case.split(",", maxsplit=1)[0] == faults[0]["id"]
    assert faults[0]["fix"]


def test_it_works_with_nothing_there(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    site.output.rename(tmp_path / "gone")
    told = site.cli("doctor")
    assert (4, "") == (told.status, told.stderr)
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert f"fault output-folder {site.output}: there is no output folder" in lines
    assert "rpzctl apply --no-reload; then add the includes, and: rpzctl apply" in lines
    [line] = [line for line in lines if line.endswith("nothing is published: see 'output-folder'")]
    assert line.startswith("not looked at: published-files, ")
    assert "\x1b" not in told.stdout
    assert "✗" not in told.stdout


def test_marks_are_for_a_terminal(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    outer, inner = pty.openpty()
    shown = b""
    with os.fdopen(outer, "rb", buffering=0) as terminal:
        done = subprocess.Popen(
            site.command("doctor", "--only", "rules", "--only", "output-folder"),
            stdout=inner,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(inner)
        try:
            while part := terminal.read(65536):
                shown += part
        except OSError:  # Linux: at the end of the other side
            pass
        assert 0 == done.wait()
    assert "\x1b[32m✓\x1b[0m rules".encode() in shown


def test_an_unknown_examination_is_a_usage_fault(tmp_path: Path) -> None:
    site = bare_site(tmp_path / "site")
    done = site.cli("doctor", "--only", "include")
    assert 2 == done.status
    assert "do you mean includes?" in done.stderr
