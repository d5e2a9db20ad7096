"""What is generated is committed, and the documents speak of what there is."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["commands.md", "configuration.md", "feeds.md", "doctor.md", "resolvers.md"]
)
def test_the_reference_is_what_the_program_says(page: str) -> None:
    committed = (ROOT / "docs/reference" / page).read_text()
    assert generator().PAGES[page]() == committed, "run 'make docs' and commit"


def test_every_document_that_is_linked_is_there() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(((?!http)[^)#]+)", document.read_text()):
            assert (document.parent / target).is_file(), f"{document.name}: {target}"


def test_the_readme_names_only_commands_that_exist() -> None:
    reference = (ROOT / "docs/reference/commands.md").read_text()
    known = set(re.findall(r"^## rpzctl (\w+)", reference, re.MULTILINE))
    named = set(re.findall(r"`rpzctl (\w+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= known


def test_the_hosts_of_shipped_feeds_are_protected() -> None:
    from urllib.parse import urlsplit

    from rpzctl import catalogue, guards, shipped

    protected = guards.read_protect_list(shipped.protect_list())
    for path in shipped.folder("feeds").glob("*.toml"):
        host = urlsplit(catalogue.read(path).url).hostname
        assert host is None or host in protected, f"{path.name}: {host}"
