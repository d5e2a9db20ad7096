"""`rpzctl doctor` against a real named with each fault really made, and mended as it says."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rpzctl.doctor.finding import Finding
from tests.integration.examining import becomes_well, found, one, shell
from tests.integration.test_drift import rndc
from tests.integration.test_feeds import local
from tests.servers import Site, bare_site


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
    becomes_well(well, "running-zones", "live")


def test_a_resolver_that_refuses_us(well: Site) -> None:
    well.include(options="allow-query { 192.0.2.1; };")
    rndc(well, "reconfig")
    finding = one(well, "resolver-refuses")
    line = finding.fix.splitlines()[0].partition(": ")[2]
    assert "allow-query { localhost; 192.0.2.1; };" == line
    well.include(options=line)
    rndc(well, "reconfig")
    becomes_well(well, "resolver-refuses", "live")


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
