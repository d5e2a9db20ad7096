"""A site for each module of tests of `rpzctl doctor`."""

from collections.abc import Iterator

import pytest

from tests.integration.test_drift import rndc
from tests.servers import Site, live_site


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live_site(tmp_path_factory.mktemp("doctor")) as made:
        made.block_list.chmod(0o644)
        yield made


@pytest.fixture
def well(live: Site) -> Iterator[Site]:
    """Give the site, and put its configuration back after the test."""
    settings = live.config.read_text()
    yield live
    live.config.write_text(settings)
    live.include()
    rndc(live, "reconfig")
