"""A site for each kind of resolver, for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.conformance.daemons import DAEMONS, ConformingSite, Daemon, running


@pytest.fixture(scope="module", params=DAEMONS, ids=lambda each: each.kind)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConformingSite]:
    """Give a policy repo and a running resolver; each test takes names of its own."""
    daemon: type[Daemon] = request.param
    with running(daemon, tmp_path_factory.mktemp(daemon.kind)) as site:
        yield site
