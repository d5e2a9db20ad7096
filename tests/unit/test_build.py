"""A plan made into files: what did not change is linked, and serials only rise."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpzctl import build, config, render
from rpzctl.build import Step, Target
from rpzctl.fragments import ALL as FRAGMENTS
from rpzctl.manifest import Manifest
from rpzctl.names import Domain
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows
from rpzctl.rpz import Action, Kind, Row, Scope
from rpzctl.store import SINKHOLE, Store

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CLOCK = 2026112400
NXDOMAIN = Action(Kind.NXDOMAIN)


class House:
    """A policy repo with an output folder, and generations that are published into it."""

    def __init__(self, root: Path) -> None:
        (root / "rpzctl.toml").write_text('[paths]\noutput = "out"\nstate = "state"\n')
        self.config = config.load(root / "rpzctl.toml")
        self.store = Store(self.config.output, self.config.state)

    def candidate(self, origin: str, *names: str) -> Candidate:
        env = render.environment(self.config)
        is_sinkhole = origin == SINKHOLE
        template = "bind/sinkhole.zone.j2" if is_sinkhole else "bind/rpz.zone.j2"
        rows = tuple(Row(Domain(name), Scope.SUBTREE, NXDOMAIN) for name in sorted(names))
        actions = {row.action for row in rows}
        drawn = render.zone(env, template, self.config, origin, actions)
        return Candidate(origin, drawn=drawn, rows=QuickRows(rows))

    def publish(self, zones: dict[str, tuple[str, ...]], now: datetime = NOW) -> Manifest:
        target = Target(
            zones=tuple(self.candidate(origin, *names) for origin, names in zones.items()),
            sinkhole=self.candidate(SINKHOLE),
            sinkholes=(),
            fragments=dict.fromkeys(FRAGMENTS, f"// {sorted(zones)}\n"),
        )
        step = Step(self.config, self.store, self.store.current(), target, now)
        with self.store.aside() as folder:
            made = build.build(step, folder)
            self.store.publish(folder, made)
        return made

    def text(self, made: Manifest, origin: str) -> str:
        return (self.store.folder(made) / made.zones[origin].file).read_text()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def serials(made: Manifest) -> dict[str, int]:
    return {origin: zone.serial for origin, zone in made.zones.items()}


def test_a_zone_that_says_the_same_is_the_same_file_under_the_same_serial(house: House) -> None:
    first = house.publish({"local.rpz": ("a.example",), "ads.rpz": ("b.example",)})
    second = house.publish({"local.rpz": ("a.example", "c.example"), "ads.rpz": ("b.example",)})
    assert {"local.rpz": CLOCK, "ads.rpz": CLOCK, SINKHOLE: CLOCK} == serials(first)
    assert {"local.rpz": CLOCK + 1, "ads.rpz": CLOCK, SINKHOLE: CLOCK} == serials(second)
    folders = [house.store.folder(made) for made in (first, second)]
    for name, same in {"ads.rpz.zone": True, "options.conf": True, "local.rpz.zone": False}.items():
        before, after = ((folder / name).stat() for folder in folders)
        assert same == (before.st_ino == after.st_ino)
        assert not same or before.st_mtime_ns == after.st_mtime_ns


def test_a_zone_that_comes_back_goes_on_from_its_highest_serial(house: House) -> None:
    for names in (("a.example",), ("b.example",), ("c.example",)):
        house.publish({"local.rpz": (), "ads.rpz": names})
    without = house.publish({"local.rpz": ()})
    assert "ads.rpz" not in without.zones
    assert without.serials["ads.rpz"] == CLOCK + 2
    again = house.publish({"local.rpz": (), "ads.rpz": ("a.example",)})
    assert again.zones["ads.rpz"].serial == CLOCK + 3


def test_what_is_put_back_says_the_same_under_a_higher_serial(house: House) -> None:
    good = house.publish({"local.rpz": ("a.example",), "ads.rpz": ("b.example",)})
    bad = house.publish({"local.rpz": ("z.example",), "ads.rpz": ("b.example",)})
    with house.store.aside() as folder:
        wanted = build.content(house.config, house.store, good)
        restored = build.rebuild(house.config, house.store, wanted, bad, folder, NOW)
        house.store.publish(folder, restored)
    assert {"local.rpz": CLOCK + 2, "ads.rpz": CLOCK, SINKHOLE: CLOCK} == serials(restored)
    assert house.text(good, "local.rpz").replace(str(CLOCK), str(CLOCK + 2)) == house.text(
        restored, "local.rpz"
    )
    assert (good.zones["local.rpz"].digest, 3) == (
        restored.zones["local.rpz"].digest,
        restored.generation,
    )
    rows = QuickRows((Row(Domain("a.example"), Scope.SUBTREE, NXDOMAIN),))
    entry = restored.zones["local.rpz"]
    path = house.store.folder(restored) / entry.file
    shapes = {NXDOMAIN: ("", " CNAME .\n")}
    assert [] == rows.recheck(path, entry.span, shapes)


def test_a_serial_rises_though_the_clock_went_back(house: House) -> None:
    house.publish({"local.rpz": ("a.example",)})
    made = house.publish({"local.rpz": ("b.example",)}, datetime(2020, 1, 1, tzinfo=UTC))
    assert made.zones["local.rpz"].serial == CLOCK + 1


def test_saved_rows_tell_the_difference_to_the_next(house: House) -> None:
    made = house.publish({"local.rpz": ("a.example", "b.example")})
    entry = made.zones["local.rpz"]
    assert entry.rows_file is not None
    now = house.candidate("local.rpz", "b.example", "c.example").rows
    assert now is not None
    diff = now.diff(house.store.folder(made) / entry.rows_file)
    assert (["c.example"], ["a.example"]) == (
        [row.name for row in diff.added],
        [row.name for row in diff.removed],
    )
