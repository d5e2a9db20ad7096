"""The text format of Prometheus, version 0.0.4: figures with names, labels and a word of help.

Written out here, for the library takes as long to import as all of a sync with nothing to do.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One figure."""

    value: float
    labels: Labels = MappingProxyType({})


class Family(NamedTuple):
    """The figures of one name. All of ours are gauges."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def text(families: Iterable[Family]) -> str:
    """Return the families that have figures as text."""
    parts: list[str] = []
    for family in families:
        if not family.samples:
            continue
        parts.append(f"# HELP {family.name} {_help(family.help)}\n# TYPE {family.name} gauge\n")
        parts += [f"{family.name}{_labels(s.labels)} {_number(s.value)}\n" for s in family.samples]
    return "".join(parts)


def _help(said: str) -> str:
    return said.replace("\\", r"\\").replace("\n", r"\n")


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (
        f'{name}="{_help(value).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
