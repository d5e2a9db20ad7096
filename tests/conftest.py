"""Sites for the integration tests: see servers.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Site, bare_site, live_site

LIVE = {"site", "shared"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if LIVE & set(getattr(item, "fixturenames", ())):
            item.add_marker("bind")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give a policy repo and a `named` that belong to this test alone."""
    with live_site(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a policy repo and a `named` for all tests of a module: each takes names of its own."""
    with live_site(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def repo(tmp_path: Path) -> Site:
    """Return a policy repo without a resolver: for what is refused before one is asked."""
    return bare_site(tmp_path)
