"""How long generations are kept, as rpzctl.toml says."""

import json
from pathlib import Path

from tests.servers import Site, bare_site


def generations(site: Site) -> list[int]:
    return sorted(int(path.name) for path in (site.output / "generations").iterdir())


def offline(home: Path, setting: str) -> Site:
    """Return a policy repo without a resolver."""
    site = bare_site(home)
    site.config.write_text(site.config.read_text().partition("[[resolver]]")[0] + setting)
    return site


def redate(site: Site, number: int, made: str) -> None:
    """Let a generation say that it was made at another moment."""
    path = site.output / "generations" / f"{number:010d}" / "manifest.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "made": made}))


def test_a_generation_goes_days_after_it_was_replaced(tmp_path: Path) -> None:
    site = offline(tmp_path / "site", "[policy]\nkeep_days = 7\n")
    for name in ("a", "b", "c"):
        site.ok("block", f"{name}.example")
    for number, made in ((1, "2020-01-01"), (2, "2020-02-01"), (3, "2020-03-01")):
        redate(site, number, f"{made}T00:00:00Z")
    site.ok("block", "d.example")
    assert [3, 4, 5] == generations(site), "the third was replaced today"


def test_by_default_age_does_not_count(tmp_path: Path) -> None:
    site = offline(tmp_path / "site", "")
    for name in ("a", "b"):
        site.ok("block", f"{name}.example")
    for number in (1, 2):
        redate(site, number, "2020-01-01T00:00:00Z")
    site.ok("block", "c.example")
    assert [1, 2, 3, 4] == generations(site)


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    site = offline(tmp_path / "site", "[policy]\nkeep = 2\n")
    for name in ("a", "b", "c"):
        site.ok("block", f"{name}.example")
    assert [3, 4] == generations(site)
