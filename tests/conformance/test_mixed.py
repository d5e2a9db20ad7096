"""One policy repo for resolvers of several kinds."""

from pathlib import Path

from tests.conformance.daemons import Bind, Knot, Unbound, installed, running
from tests.servers import REAL


def test_one_change_is_proved_on_resolvers_of_two_kinds(tmp_path: Path) -> None:
    installed(Bind)
    with running(Unbound, tmp_path) as site:
        site.ok("block", "before.example")
        home = tmp_path / "second"
        home.mkdir()
        bind = Bind(home)
        bind.prepare()
        site.setting(
            f"[[resolver]]\nport = {bind.port}\nrndc_port = {bind.named.rndc_port}\n"
            f'rndc_key = "{bind.named.key}"\nnamed_conf = "{bind.named.conf}"'
        )
        assert "options.conf changes" in site.ok("plan").stdout
        site.ok("apply", "--no-reload")
        bind.configure(site.output / "current")
        try:
            bind.start()
            done = site.ok("block", "evil.example", "--via", "zone")
            assert f"unbound at 127.0.0.1 port {site.daemon.port} and named at" in done.stdout
            for daemon in (site.daemon, bind):
                assert "NXDOMAIN" == daemon.answer("before.example")
                assert "127.0.0.1" == daemon.answer("www.evil.example")
            bind.stop()
            refused = site.cli("block", "later.example")
            assert 1 == refused.status, refused
            assert REAL == site.answer("later.example")
            bind.start()
            site.ok("rollback", "2")
            assert {REAL} == {each.answer("www.evil.example") for each in (site.daemon, bind)}
            assert site.ok("status", "--json").json()["live"]
        finally:
            bind.stop()


def test_a_kind_that_is_configured_later_is_in_an_older_policy_too(tmp_path: Path) -> None:
    with running(Unbound, tmp_path) as site:
        site.ok("block", "evil.example")
        assert not (site.output / "current" / "knot.lua").exists()
        site.setting(f'[[resolver]]\nkind = "{Knot.kind}"\ncontrol = "{tmp_path}/none"')
        site.ok("apply", "--no-reload")
        site.ok("rollback", "1", "--no-reload")
        assert (site.output / "current" / "knot.lua").is_file()
