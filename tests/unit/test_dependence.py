"""What a policy makes of a resolver's own ways: found in the zones, for `check`."""

from pathlib import Path

import pytest

from rpzctl import dependence

NAMES = "evil.example CNAME .\n*.evil.example CNAME .\n"


def told(tmp_path: Path, kind: str, *texts: str) -> list[str]:
    zones = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.zone"
        path.write_text(text)
        zones.append((f"z{number}.rpz", path))
    return [f"{each.where}: {each.message}" for each in dependence.findings(kind, zones)]


@pytest.mark.parametrize(
    ("kind", "front", "said"),
    [
        ("unbound", "24.0.2.0.192.rpz-ip CNAME rpz-passthru.\n", "still blocked by name behind"),
        ("unbound", "32.1.2.0.192.rpz-client-ip CNAME rpz-passthru.\n", "in the same zone"),
        ("unbound", "32.1.2.0.192.rpz-client-ip CNAME garden.example.\n", "is an empty answer"),
        ("pdns-recursor", "24.0.2.0.192.rpz-ip CNAME rpz-passthru.\n", "by name behind"),
        ("unbound", "32.1.2.0.192.rpz-nsip CNAME .\n", "not held against name servers"),
        ("pdns-recursor", "ns.a.rpz-nsdname CNAME .\n", "not held against name servers"),
        ("unbound", "24.0.2.0.192.rpz-ip CNAME rpz-drop.\n", "only the first who asks"),
    ],
)
def test_a_policy_that_depends_on_it_is_told(
    tmp_path: Path, kind: str, front: str, said: str
) -> None:
    [line] = told(tmp_path, kind, NAMES + front + front, NAMES)
    assert line.startswith("z0.rpz: ")
    assert said in line
    assert front.split(maxsplit=1)[0] in line


@pytest.mark.parametrize("kind", ["bind", "unbound", "pdns-recursor", "knot"])
def test_names_and_blocks_of_addresses_depend_on_nothing(tmp_path: Path, kind: str) -> None:
    blocks = "24.0.2.0.192.rpz-ip CNAME .\n32.1.2.0.192.rpz-client-ip CNAME rpz-drop.\n"
    names = NAMES + "x.example CNAME garden.example.\n"
    assert [] == told(tmp_path, kind, names + blocks, names)


PASSES = "good.example CNAME rpz-passthru.\n"
BLOCKS = "24.0.2.0.192.rpz-ip CNAME .\n"


@pytest.mark.parametrize("zones", [(PASSES, BLOCKS), (PASSES + BLOCKS,)])
def test_an_allow_before_blocks_of_addresses_is_told_of_unbound(
    tmp_path: Path, zones: tuple[str, ...]
) -> None:
    [line] = told(tmp_path, "unbound", *zones)
    assert "names that pass are blocked by this when they are in the cache" in line
    assert [] == told(tmp_path, "pdns-recursor", *zones)


def test_an_allow_behind_blocks_of_addresses_is_told(tmp_path: Path) -> None:
    for kind in ("unbound", "pdns-recursor"):
        [line] = told(tmp_path, kind, BLOCKS, PASSES)
        assert "what this blocks may pass by a rule in a zone behind" in line


def test_a_client_that_passes_behind_passes_nothing_in_front(tmp_path: Path) -> None:
    client = "32.1.2.0.192.rpz-client-ip CNAME rpz-passthru.\n"
    [line] = told(tmp_path, "pdns-recursor", NAMES, client)
    assert "does not pass addresses in zones in front" in line
