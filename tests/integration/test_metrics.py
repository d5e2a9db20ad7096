"""Figures for Prometheus: what is exported, in its format, and what alerts and dashboard use."""

import json
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rpzctl import exposition, shipped
from rpzctl.exposition import Family, Sample
from tests.integration.test_feeds import define, local, publisher
from tests.publisher import Publisher
from tests.servers import Site

__all__ = ["publisher"]  # the fixture
RULES = "prometheus/rpzctl.rules.yml"
DASHBOARD = "grafana/rpzctl.json"
_METRIC = re.compile(r"\brpzctl_[a-z_]+")


def file_of(site: Site) -> Path:
    return site.home / "rpzctl.prom"


Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    """Return the samples of what Prometheus' own parser reads."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def watched(site: Site) -> Site:
    text = site.config.read_text()
    site.config.write_text(f'[metrics]\nfile = "{file_of(site)}"\n{text}')
    return site


def test_what_is_exported_after_each_command(watched: Site, publisher: Publisher) -> None:
    site = watched
    define(site, "good", publisher.gives("/good", b"0.0.0.0 a.bad.example\n0.0.0.0 a..b\n"))
    define(site, "gone", publisher.fails("/gone", 404), zone="ads")
    site.ok("block", "evil.example", "--expires", "7d")
    site.ok("sync")
    path = file_of(site)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    seen = figures(path.read_text())
    zones = {dict(labels)["zone"] for name, labels in seen if name == "rpzctl_zone_serial"}
    assert zones == {"local.rpz", "malware.rpz"}
    local_zone = (("zone", "local.rpz"),)
    assert seen["rpzctl_zone_serial", local_zone] == site.serial()
    served = {n: v for (n, labels), v in seen.items() if ("zone", "local.rpz") in labels}
    assert served["rpzctl_zone_live_serial"] == seen["rpzctl_zone_serial", local_zone]
    proved = {
        zone: seen["rpzctl_zone_last_success_timestamp_seconds", (("zone", zone),)]
        for zone in zones
    }
    assert all(abs(moment - time.time()) < 60 for moment in proved.values()), proved
    good = (("feed", "good"), ("zone", "malware"))
    assert seen["rpzctl_feed_names", good] == 1
    assert seen["rpzctl_feed_rejects", good] == 1
    held = (("feed", "gone"), ("reason", "fetch"), ("zone", "ads"))
    assert seen["rpzctl_feed_held_back", held] == 1
    assert seen["rpzctl_last_run_success", (("command", "sync"),)] == 1
    assert seen["rpzctl_last_run_success", (("command", "block"),)] == 1
    assert seen["rpzctl_rules", (("state", "in_force"), ("verb", "block"))] == 1
    assert seen["rpzctl_policy_held", ()] == 0
    before = path.read_text()
    site.ok("sync")
    again = figures(path.read_text())
    key = ("rpzctl_last_run_timestamp_seconds", (("command", "sync"),))
    assert again[key] >= figures(before)[key], "fresh also when nothing changed"
    site.ok("rollback")
    assert figures(path.read_text())["rpzctl_policy_held", ()] == 1


def test_a_failure_is_a_figure_and_what_cannot_be_written_stops_nothing(watched: Site) -> None:
    site = watched
    assert site.cli("block", "co.uk").status == 3
    seen = figures(file_of(site).read_text())
    assert seen["rpzctl_last_run_success", (("command", "block"),)] == 0
    assert seen["rpzctl_last_run_outcome", (("command", "block"), ("outcome", "refused"))] == 1
    text = site.config.read_text()
    site.config.write_text(text.replace(str(file_of(site)), "/nonexistent/rpzctl.prom"))
    done = site.ok("block", "evil.example")
    assert "the metrics are old" in done.stderr
    assert site.answer("evil.example") == "NXDOMAIN"


def one(seen: Figures, metric: str) -> float:
    """Return the only figure of that name."""
    [found] = [value for (name, _), value in seen.items() if name == metric]
    return found


def test_what_resolvers_serve_is_asked_and_known_to_runs_that_do_not_ask(watched: Site) -> None:
    site = watched
    seen = figures(site.ok("metrics").stdout)
    assert one(seen, "rpzctl_resolver_up") == 1
    named = {each["name"] for each in site.ok("metrics", "--json").json()["metrics"]}
    assert named == {name for name, _ in seen}
    site.ok("block", "evil.example")
    seen = figures(file_of(site).read_text())
    good = one(seen, "rpzctl_zone_last_success_timestamp_seconds")
    assert abs(good - time.time()) < 60
    site.named.stop()
    assert site.ok("metrics", "--write").stdout == ""
    runs = [("apply", "--no-reload"), ("feeds", "enable", "urlhaus"), ("sync", "--no-reload")]
    for run in [(), *runs]:
        if run:
            site.cli(*run)
        seen = figures(file_of(site).read_text())
        assert one(seen, "rpzctl_resolver_up") == 0, run
        assert one(seen, "rpzctl_zone_last_success_timestamp_seconds") == good
    assert site.cli("apply").status != 0
    site.named.start()
    site.ok("apply")
    seen = figures(file_of(site).read_text())
    assert one(seen, "rpzctl_resolver_up") == 1
    assert one(seen, "rpzctl_zone_live_serial") == site.serial()


def test_alerts_and_dashboard_use_what_is_exported(watched: Site) -> None:
    site = watched
    local(site, "one", b"0.0.0.0 c2.bad.example\n", max_age="30d")
    site.ok("block", "evil.example", "--expires", "7d")
    site.ok("sync")
    site.ok("rollback")
    exported = {name for name, _ in figures(site.ok("metrics").stdout)}
    folder = shipped.folder("deploy")
    rules = (folder / RULES).read_text()
    used = {m for line in rules.splitlines() if "expr:" in line for m in _METRIC.findall(line)}
    assert len(used) >= 9
    assert used <= exported
    panels = json.loads((folder / DASHBOARD).read_text())["panels"]
    shown = {m for p in panels for t in p["targets"] for m in _METRIC.findall(t["expr"])}
    assert len(shown) >= 12
    assert shown <= exported
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(places)


def test_prometheus_takes_the_alerts_and_the_figures(watched: Site) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    text = watched.ok("metrics").stdout
    rules = str(shipped.folder("deploy") / RULES)
    for words, given in ((("rules", rules), ""), (("metrics",), text)):
        done = subprocess.run(
            [promtool, "check", *words], input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_odd_labels_stay_in_their_place() -> None:
    odd = 'quote " slash \\ line\nend'
    text = exposition.text([Family("x_seconds", "a\nb", (Sample(1.5, {"zone": odd}),))])
    [((name, labels), value)] = figures(text).items()
    assert (name, dict(labels)["zone"], value) == ("x_seconds", odd, 1.5)
