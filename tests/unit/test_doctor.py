"""What doctor reads and how it keeps within its time, without a named."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpzctl import doctor
from rpzctl.doctor import apparmor, named_conf
from rpzctl.doctor.finding import Finding, ok
from rpzctl.doctor.once import Once
from rpzctl.doctor.scene import Scene, version
from rpzctl.errors import UsageFault
from tests.servers import find

PLAIN = """\
// a comment { with braces; }
options { # another
    directory "/tmp"; /* include "x"; */
    response-policy { zone "Local.rpz."; zone "b.rpz" policy passthru; } break-dnssec yes
        min-update-interval 5;
};
controls { inet 127.0.0.1 port 9530 allow { 127.0.0.1; } keys { "k"; }; };
key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };
zone "local.rpz" { type primary; file "a;b{c"; };
zone "b.rpz" IN { type primary; file "b"; };
"""
VIEWS = """\
options { directory "/tmp"; allow-query { any; }; };
view "one" { match-clients { 127.0.0.1; }; recursion no;
  zone "x.example" { type primary; file "x"; }; };
view two { response-policy { zone "y.rpz"; };
  zone "y.rpz" { type primary; file "y"; }; };
"""


def shape(conf: named_conf.NamedConf) -> list[object]:
    return [
        (
            view.name,
            sorted(named_conf.zones(view.block)),
            policy and named_conf.zones(policy.block or ()),
            policy and policy.value("break-dnssec"),
            policy and policy.value("min-update-interval"),
            recursion and recursion.words[1:],
        )
        for view in conf.views
        for policy in [conf.setting(view, "response-policy")]
        for recursion in [conf.setting(view, "recursion")]
    ]


@pytest.mark.parametrize("text", [PLAIN, VIEWS])
def test_a_configuration_is_read_as_bind_reads_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "named.conf"
    before, _, after = text.partition("response-policy")
    end = after.index(";\n", after.index("}")) + 2
    (tmp_path / "p.conf").write_text(f"response-policy{after[:end]}")
    file.write_text(f'{before}include "{tmp_path}/p.conf";{after[end:]}')
    done = subprocess.run(
        [find("named-checkconf"), "-px", str(file)], capture_output=True, text=True, check=True
    )
    theirs = named_conf.parse(done.stdout, file)
    ours = named_conf.read(file)
    assert shape(theirs) == shape(ours)
    assert shape(ours) == shape(named_conf.parse(text, file))
    assert [str(tmp_path / "p.conf")] == [str(each.path) for each in ours.includes()]


def test_statements_know_their_line_and_further_blocks(tmp_path: Path) -> None:
    conf = named_conf.parse(PLAIN, tmp_path / "c")
    assert [2, 7, 8, 9, 10] == [statement.line for statement in conf.block]
    [controls] = named_conf.named(conf.block, "controls")
    [inet] = controls.block or ()
    assert ("9530", ("keys",)) == (inet.value("port"), inet.tail)


@pytest.mark.parametrize(
    "text", ["", "}", "};;", "options {", 'zone "x', "/*", "include;", "{ { }", "a { b { c; };"]
)
def test_what_is_no_configuration_is_read_without_complaint(tmp_path: Path, text: str) -> None:
    conf = named_conf.parse(text, tmp_path / "c")
    assert [] == conf.policies()
    assert 1 == len(conf.views)


def test_an_include_of_itself_ends(tmp_path: Path) -> None:
    file = tmp_path / "named.conf"
    file.write_text(f'include "{tmp_path}/*.conf";')
    assert "which includes it" in named_conf.read(file).faults[0][1]


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ("/var/lib/bind/** rw,", "/var/lib/bind/rpzctl/current/x.zone", True),
        ("/var/lib/bind/* rw,", "/var/lib/bind/rpzctl/current/x.zone", False),
        ("/{srv,opt}/dns/** r,", "/opt/dns/x", True),
        ("/srv/** w,", "/srv/x", False),
        ("owner /srv/** r,", "/srv/x", True),
        ("/srv/** r,\n deny /srv/x r,", "/srv/x", False),
        ("# /srv/** r,", "/srv/x", False),
        ("@{PROC}/** r,", "/proc/x", False),
    ],
)
def test_what_a_profile_allows(tmp_path: Path, rule: str, path: str, *, allowed: bool) -> None:
    rules = apparmor.rules(f"profile named /usr/sbin/named {{\n {rule}\n}}\n", tmp_path)
    assert allowed == apparmor.allows(rules, path)


def test_every_examination_says_harm_example_and_reference() -> None:
    said = [doctor.described(each) for each in doctor.EXAMINATIONS]
    assert len({each.id for each in said}) == len(said)
    assert [] == [each.id for each in said if not all(each)]
    with pytest.raises(UsageFault, match="do you mean includes"):
        doctor.chosen(["include"])


def scene(seconds: float) -> Scene:
    return Scene(UsageFault("none"), datetime.now(UTC), time.monotonic() + seconds)


def test_what_hangs_or_fails_is_not_looked_at() -> None:
    def hangs(_: Scene) -> Iterator[Finding]:
        time.sleep(30)
        yield ok("never")

    def fails(_: Scene) -> Iterator[Finding]:
        yield ok("first")
        raise ZeroDivisionError("by\x1b[31m zero")

    begun = time.monotonic()
    late, first, failed = doctor.examine(scene(0.1), [hangs, fails])
    assert time.monotonic() - begun < 5
    assert ("not-looked-at", "hangs") == (late.state, late.id)
    assert ("ok", "first") == (first.state, first.what)
    assert ("not-looked-at", "fails") == (failed.state, failed.id)
    assert "\x1b" not in failed.what


def test_a_fact_is_found_out_once_whoever_asks() -> None:
    class Asked:
        times = 0

        @Once
        def fact(self) -> int:
            self.times += 1
            raise OSError("no")

    asked = Asked()
    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            _ = asked.fact
    assert 1 == asked.times


def test_versions_are_read() -> None:
    assert (9, 18, 49) == version("version: BIND 9.18.49-1~deb12u3-Debian <id:>")
    assert version("nonsense") is None
