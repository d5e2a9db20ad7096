"""Whatever the policy: our own readers find it in what is exported, and no format blocks more."""

import io
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings

from rpzctl import config, formats
from rpzctl.export import FORMATS, Source
from rpzctl.formats import Options
from rpzctl.names import Domain, ancestors
from rpzctl.policy import effects, rows
from rpzctl.rows import QuickRows
from rpzctl.rpz import BITS, PASSTHRU, Action, Scope
from tests.property.test_flat_property import ZONES, all_names, decide

EXACT, BELOW = BITS[Scope.EXACT], BITS[Scope.BELOW]
Entry = tuple[str, int, bool]
Ruled = list[dict[tuple[Domain, Scope], Action]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> config.Config:
    path = tmp_path_factory.mktemp("house") / "rpzctl.toml"
    path.write_text('[paths]\noutput = "out"\nstate = "state"\n')
    return config.load(path)


def exported(house: config.Config, ruled: Ruled, form: str) -> str:
    zones = tuple(QuickRows(tuple(rows(effects(each)))) for each in ruled)
    origins = tuple(f"z{n}.rpz" for n in range(len(zones)))
    out = io.BytesIO()
    FORMATS[form].write(Source(house, origins, zones, 7, 2026112501), out)
    return out.getvalue().decode()


def read(text: str, form: str) -> list[Entry]:
    options = Options(path="rows", field="name") if form == "json" else Options()
    parsed = formats.read(text.encode(), form, options)
    assert 0 == parsed.rejected, parsed.rejects
    return list(parsed.entries.iter_rows())


def matches(entry: Entry, name: str) -> bool:
    listed, scope, _ = entry
    if name == listed:
        return bool((scope or EXACT) & EXACT)
    return bool(scope & BELOW) and name.endswith(f".{listed}")


def exactly(text: str, form: str) -> Callable[[str], bool]:
    entries = read(text, form)
    return lambda name: any(entry[0] == name for entry in entries)


def nearest(text: str, form: str) -> Callable[[str], bool]:
    entries = read(text, form)
    return lambda name: _nearest(entries, name)


def _nearest(entries: list[Entry], name: str) -> bool:
    """Return what a program says for which the longest match decides."""
    found = [entry for entry in entries if matches(entry, name)]
    return bool(found) and not max(found, key=lambda entry: (len(entry[0]), entry[2]))[2]


def filtered(text: str, form: str) -> Callable[[str], bool]:
    """Return what a DNS filter says: the rule of the highest rank decides."""
    ranked = [
        (2 * line.endswith("$important") + line.startswith("@@"), read(line, form)[0])
        for line in text.splitlines()[1:]
    ]

    def blocks(name: str) -> bool:
        found = [(rank, entry) for rank, entry in ranked if matches(entry, name)]
        return bool(found) and not max(found)[1][2]

    return blocks


BLOCKS: Mapping[str, Callable[[str, str], Callable[[str], bool]]] = {
    "hosts": exactly,
    "domains": exactly,
    "dnsmasq": nearest,
    "unbound": nearest,
    "adblock": filtered,
}


@settings(max_examples=60, deadline=None)
@given(ZONES)
@pytest.mark.parametrize("form", BLOCKS)
def test_no_format_blocks_what_the_policy_lets_through(
    house: config.Config, form: str, ruled: Ruled
) -> None:
    text = exported(house, ruled, form)
    blocks = BLOCKS[form](text, form)
    said = [effects(each) for each in ruled]
    for name in all_names(key[0] for each in ruled for key in each):
        decided = next((act for each in said if (act := decide(each, name)) is not None), None)
        if decided is None or decided == PASSTHRU:
            assert not blocks(name), name
        elif form in {"hosts", "domains"} and any(name == key[0] for r in ruled for key in r):
            assert blocks(name), name


@settings(max_examples=60, deadline=None)
@given(ZONES)
def test_an_exported_rpz_says_what_the_policy_says(house: config.Config, ruled: Ruled) -> None:
    entries = read(exported(house, ruled, "rpz"), "rpz")
    made: dict[tuple[str, int], bool] = {(name, scope): allow for name, scope, allow in entries}
    said = [effects(each) for each in ruled]
    exist = {name for name, _ in made}
    exist |= {parent for name in exist for parent in ancestors(name)}
    for name in all_names(key[0] for each in ruled for key in each):
        decided = next((act for each in said if (act := decide(each, name)) is not None), None)
        allow = made.get((name, EXACT))
        if name not in exist:  # as a DNS wildcard matches: from the closest name that exists
            closest = next((p for p in ancestors(name) if p in exist), None)
            allow = made.get((closest, BELOW)) if closest else None
        assert (None if decided is None else decided == PASSTHRU) == allow, name


@settings(max_examples=60, deadline=None)
@given(ZONES)
def test_json_has_all_rows(house: config.Config, ruled: Ruled) -> None:
    entries = read(exported(house, ruled, "json"), "json")
    wanted = sorted(row.name for each in ruled for row in rows(effects(each)))
    assert wanted == sorted(name for name, _, _ in entries)
