"""Fragments: what the settings of a group and of the policy say of each zone."""

from pathlib import Path

from rpzctl import config, fragments, render

ZONES = ["local.rpz", "fresh.malware.rpz", "malware.rpz", "ads.rpz", "answers.malware.rpz"]


def drawn(folder: Path, text: str) -> dict[str, str]:
    file = folder / "rpzctl.toml"
    file.write_text(text)
    loaded = config.load(file)
    return fragments.drawn(render.environment(loaded), loaded, folder / "current", ZONES, [], [])


def test_options_of_a_group_are_those_of_all_its_zones(tmp_path: Path) -> None:
    text = "[group.malware]\nmax_policy_ttl = 5\nlog = false\n[policy]\nnsip_wait_recurse = false\n"
    options = drawn(tmp_path, text)["options.conf"]
    for zone in ("fresh.malware.rpz", "malware.rpz", "answers.malware.rpz"):
        assert f'zone "{zone}" log no max-policy-ttl 5;' in options
    assert 'zone "local.rpz";' in options
    assert 'zone "ads.rpz";' in options
    assert "nsip-wait-recurse no break-dnssec yes" in options


def test_a_group_may_log_where_the_policy_does_not(tmp_path: Path) -> None:
    text = (
        "[policy]\nlog = false\n[group.ads]\nlog = true\n"
        '[[resolver]]\nkind = "unbound"\n[[resolver]]\nkind = "bind"\n'
    )
    found = drawn(tmp_path, text)
    assert 'zone "ads.rpz";' in found["options.conf"]
    assert 'zone "malware.rpz" log no;' in found["options.conf"]
    assert "nsip-wait-recurse" not in found["options.conf"]
    assert found["unbound.conf"].count("rpz-log: yes") == 1
    assert 'rpz-log-name: "ads.rpz"' in found["unbound.conf"]


def test_what_was_drawn_before_is_not_taken_for_other_settings(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    paths = '[paths]\noutput = "output"\nstate = "state"\n'
    plain = drawn(tmp_path, paths)["options.conf"]
    quiet = drawn(tmp_path, f"{paths}[group.ads]\nlog = false\n")["options.conf"]
    shadow = drawn(tmp_path, f'{paths}[group.ads]\nmode = "monitor"\n')["options.conf"]
    assert (plain.count("log no"), quiet.count("log no")) == (0, 1)
    assert 'zone "ads.rpz" policy disabled;' in shadow
    assert drawn(tmp_path, paths)["options.conf"] == plain
