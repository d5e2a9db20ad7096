"""Which feed groups have a small zone in front, and when it may come and go."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpzctl import config, fronts
from rpzctl.feed_groups import Group
from rpzctl.fronts import Fronts
from rpzctl.run import Run

HAD = frozenset({"local.rpz", "fresh.malware.rpz", "malware.rpz", "ads.rpz"})


@pytest.mark.parametrize(
    ("free", "origin", "rows", "wanted"),
    [
        (False, "malware.rpz", 1, True),
        (True, "malware.rpz", 49, False),
        (True, "malware.rpz", 50, True),
        (False, "ads.rpz", 1000, False),
        (True, "ads.rpz", 99, False),
        (True, "ads.rpz", 100, True),
        (True, f"{'x' * 60}.rpz", 1000, False),
        (True, "rpz", 1000, False),
    ],
)
def test_it_comes_and_goes_where_that_costs_nothing(
    free: bool, origin: str, rows: int, wanted: bool
) -> None:
    decided = Fronts(100, free, HAD, "fresh.rpz")
    assert decided.is_wanted(origin, rows) == wanted


def test_none_where_none_is_asked_for() -> None:
    assert not Fronts(0, True, HAD, "local.rpz").is_wanted("malware.rpz", 1000)


def run_of(folder: Path, text: str = "") -> Run:
    file = folder / "rpzctl.toml"
    file.write_text(f'[paths]\noutput = "output"\nstate = "state"\n{text}')
    return Run(config.load(file), datetime(2026, 6, 1, tzinfo=UTC))


def test_by_default_where_bind_alone_serves_with_our_own_fragment(tmp_path: Path) -> None:
    assert fronts.least(run_of(tmp_path)) == fronts.USUAL
    assert fronts.least(run_of(tmp_path, '[[resolver]]\nkind = "bind"\n')) == fronts.USUAL
    assert fronts.least(run_of(tmp_path, '[[resolver]]\nkind = "unbound"\n')) == 0
    assert fronts.least(run_of(tmp_path, "[policy]\nfresh_from = 7\n")) == 7
    own = tmp_path / "templates/bind/options.conf.j2"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert fronts.least(run_of(tmp_path)) == 0, "zones of others may stand behind ours"
    assert fronts.least(run_of(tmp_path, "[policy]\nfresh_from = 7\n")) == 7


def test_bind_takes_so_many_policy_zones_and_no_more(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    groups = [Group(f"g{n}", ()) for n in range(32)]
    assert fronts.decide(run, groups[:31]).least == fronts.USUAL
    assert fronts.decide(run, groups).least == 0
    assert fronts.decide(run, groups[:1]).free, "nothing is published yet"
