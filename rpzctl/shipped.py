"""Where the data that come with rpzctl are: templates, feed definitions, lists, units."""

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent


def folder(kind: Literal["templates", "feeds", "deploy"]) -> Path:
    """Return the folder of shipped `kind`.

    A wheel carries it inside the package; in a checkout (and so in an editable install) it
    stands beside the package.
    """
    inside = PACKAGE / kind
    return inside if inside.is_dir() else PACKAGE.parent / kind


def protect_list() -> Path:
    """Return the list of names that no rule and no feed may block without force."""
    return PACKAGE / "data" / "protect.list"


def networks_list() -> Path:
    """Return the list of networks that no feed of addresses may take."""
    return PACKAGE / "data" / "networks.list"


def top_sites() -> Path:
    """Return the list of sites that no threat feed may block."""
    return PACKAGE / "data" / "top-sites.list"
