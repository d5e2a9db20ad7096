"""--via zone: a name that is a zone of its own on the resolver."""

from tests.servers import REAL, Site


def test_a_sinkhole_zone_answers_at_the_apex_and_below(shared: Site) -> None:
    shared.ok("block", "victim.example", "--via", "zone")
    for name in ("victim.example", "www.victim.example", "a.b.victim.example"):
        assert shared.answer(name) == "127.0.0.1"
        assert shared.answer(name, "AAAA") == "::1"
        assert "DNS administrator" in shared.answer(name, "TXT")
    assert shared.answer("victim.example", "NS") == "localhost."
    assert shared.answer("victim.example", "SOA").startswith("localhost. hostmaster.localhost. ")
    assert shared.answer("invictim.example") == REAL


def test_a_sinkhole_zone_goes_away_with_its_rule(shared: Site) -> None:
    shared.ok("block", "gone.example", "--via", "zone")
    shared.ok("unblock", "gone.example")
    assert shared.answer("gone.example") == REAL
    assert shared.answer("www.gone.example") == REAL


def test_policy_does_not_rewrite_a_sinkhole_zone(shared: Site) -> None:
    shared.ok("block", "wide.example")
    shared.ok("block", "zone.wide.example", "--via", "zone")
    assert shared.answer("zone.wide.example") == "127.0.0.1"
    assert shared.answer("a.zone.wide.example") == "127.0.0.1"
    assert shared.answer("other.wide.example") == "NXDOMAIN"


def test_a_policy_rule_becomes_a_sinkhole_zone(shared: Site) -> None:
    shared.ok("block", "move.example")
    shared.ok("block", "move.example", "--via", "zone")
    assert shared.answer("move.example") == "127.0.0.1"


def test_many_sinkhole_zones_share_one_file(shared: Site) -> None:
    names = [f"s{n}.share.example" for n in range(12)]
    shared.ok("block", *names, "--via", "zone")
    assert shared.answers(names) == dict.fromkeys(names, "127.0.0.1")
    files = {path.name for path in (shared.output / "current").iterdir()}
    assert "sinkhole.zone" in files
    assert not any("share.example" in name for name in files)


def test_an_unchanged_shared_file_keeps_its_serial(shared: Site) -> None:
    shared.ok("block", "first.serial.example", "--via", "zone")
    before = shared.answer("first.serial.example", "SOA")
    shared.ok("block", "second.serial.example", "--via", "zone")
    assert shared.answer("first.serial.example", "SOA") == before
    assert shared.answer("second.serial.example", "SOA") == before


def test_new_addresses_reach_the_zones_that_stay(site: Site) -> None:
    names = ["one.example", "two.example"]
    site.ok("block", *names, "--via", "zone")
    before = int(site.answer("one.example", "SOA").split()[2])
    with_address = '[sinkhole]\nipv4 = "198.51.100.7"\ncontact = "call \\"7\\"; or 8"\n\n[guards]'
    site.config.write_text(site.config.read_text().replace("[guards]", with_address))
    site.ok("apply")
    assert site.answers(names) == dict.fromkeys(names, "198.51.100.7")
    assert site.answer("one.example", "TXT") == r'"call \"7\"; or 8"'
    assert int(site.answer("one.example", "SOA").split()[2]) > before


def test_a_zone_that_named_has_already_is_stopped_before_it_is_published(site: Site) -> None:
    (site.home / "own.zone").write_text("@ 60 SOA . . 1 1 1 1 1\n@ 60 NS .\n@ 60 A 192.0.2.9\n")
    own = 'zone "own.example" { type primary; file "own.zone"; };'
    site.include(zones=own)
    site.named.stop()
    site.named.start()
    before = site.files()
    done = site.cli("block", "own.example", "--via", "zone")
    assert done.status == 4, done
    assert "own.example" in done.stderr
    assert "already exists" in done.stderr
    assert site.files() == before
    assert site.answer("own.example") == "192.0.2.9"
