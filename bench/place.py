"""A policy repo and a private named to measure on, as the tests have them."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from measure import RPZCTL, timed

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Site, live_site

DYNAMIC = """\
zone "dynamic.test" {{ type primary; file "{}"; allow-update {{ 127.0.0.1; }}; }};
"""


class Place(NamedTuple):
    """A policy repo and a private named, as the tests have them."""

    site: Site

    @property
    def home(self) -> Path:
        """The folder of everything."""
        return self.site.home

    @property
    def port(self) -> int:
        """Where named answers."""
        return self.site.named.port

    def rpzctl(self, *words: str, **environment: str) -> float:
        """Run rpzctl; return the seconds that it took. Fails when it does."""
        return timed([*RPZCTL, "--config", str(self.site.config), *words], **environment)


@contextmanager
def place(home: Path) -> Iterator[Place]:
    """Give a place in `home` whose named has a small dynamic zone, too."""
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    with live_site(home) as site:
        zone = home / "dynamic.zone"
        zone.write_text("$TTL 60\n@ SOA localhost. a.localhost. 1 60 60 60 60\n@ NS localhost.\n")
        site.named.stop()
        site.include(zones=DYNAMIC.format(zone))
        site.named.start()
        yield Place(site)
