"""Documents held against classes: what is taken, what is refused, and with which words."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pytest

from rpzctl.typed import Between, Faults, Shaped, Typed


def even(number: int) -> int:
    if number % 2:
        raise ValueError("is odd")
    return number


class Part(Typed):
    """A section."""

    size: Annotated[int, Between(1, 9)] = 3


class Whole(Typed):
    """A document."""

    name: Annotated[str, Shaped(r"[a-z]+")]
    pair: Annotated[int, even] = 2
    share: Annotated[float, Between(above=0, most=1)] = 0.5
    on: bool = False
    kind: Literal["a", "b"] = "a"
    where: Path | None = None
    address: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    column: Annotated[int, Between(1)] | str | None = None
    names: tuple[str, ...] = ()
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    by_name: Mapping[Annotated[str, Shaped("[a-z]+")], Part] = MappingProxyType({})

    def agree(self) -> None:
        if self.on and self.pair == 2:
            raise ValueError("on needs another pair")


def faults(**document: Any) -> list[str]:  # noqa: ANN401 - whatever a document may hold
    with pytest.raises(Faults) as raised:
        Whole.of({"name": "x", **document})
    return raised.value.lines()


def test_what_is_left_out_is_as_the_class_says() -> None:
    made = Whole(name="x")
    assert (2, 0.5, Part()) == (made.pair, made.share, made.part)
    assert frozenset({"name"}) == made.said
    assert {"name": "x"} == made.unusual()


@pytest.mark.parametrize(
    ("key", "given", "taken"),
    [
        ("share", 1, 1),
        ("kind", "b", "b"),
        ("where", "a/b", Path("a/b")),
        ("where", None, None),
        ("address", "::1", ip_address("::1")),
        ("column", 3, 3),
        ("column", "host", "host"),
        ("names", ["a", "b"], ("a", "b")),
        ("part", {"size": 9}, Part(size=9)),
        ("parts", [{}, {"size": 1}], (Part(), Part(size=1))),
        ("by_name", {"a": {"size": 1}}, {"a": Part(size=1)}),
    ],
)
def test_what_fits_is_taken(key: str, given: object, taken: object) -> None:
    assert taken == getattr(Whole.of({"name": "x", key: given}), key)


@pytest.mark.parametrize(
    ("key", "given", "said"),
    [
        ("name", 5, "name: is no text"),
        ("name", "X\n", "name: has not the shape [a-z]+"),
        ("pair", 3, "pair: is odd"),
        ("pair", "2", "pair: is no whole number"),
        ("pair", True, "pair: is no whole number"),
        ("pair", 2.0, "pair: is no whole number"),
        ("share", 0, "share: is not more than 0"),
        ("share", float("nan"), "share: is not more than 0"),
        ("share", float("inf"), "share: is more than 1"),
        ("share", True, "share: is no number"),
        ("on", 1, "on: is neither true nor false"),
        ("on", "yes", "on: is neither true nor false"),
        ("kind", "c", "kind: is none of a, b"),
        ("kind", ["a"], "kind: is no text"),
        ("where", 5, "where: is no text"),
        ("address", "localhost", "address: is no IPv4 address and is no IPv6 address"),
        ("address", 5, "address: is no text"),
        ("column", 0, "column: is less than 1 and is no text"),
        ("names", "a", "names: is no list"),
        ("names", ["a", 1], "names.1: is no text"),
        ("part", [], "part: is no section"),
        ("part", {"size": 0}, "part.size: is less than 1"),
        ("part", {"siez": 1}, "unknown key 'part.siez'; did you mean 'size'?"),
        ("parts", [{}, {"x": 1}], "unknown key 'parts.1.x'"),
        ("by_name", {"A": {}}, "by_name.A: has not the shape [a-z]+"),
        ("by_name", {"a": {"size": 10}}, "by_name.a.size: is more than 9"),
        ("by_name", 1, "by_name: is no section"),
        ("on", True, "on needs another pair"),
        ("self", 1, "unknown key 'self'"),
        ("fields", 1, "unknown key 'fields'"),
    ],
)
def test_what_does_not_fit_is_told_by_its_key(key: str, given: object, said: str) -> None:
    assert [said] == faults(**{key: given})


def test_all_is_told_at_once_and_what_is_missing_too() -> None:
    with pytest.raises(Faults) as raised:
        Whole.of({"pair": 1, "names": [1, 2], "zzz": 1})
    assert [
        "name: is missing",
        "pair: is odd",
        "names.0: is no text",
        "names.1: is no text",
        "unknown key 'zzz'",
    ] == raised.value.lines()


def test_a_value_does_not_change_but_gives_another() -> None:
    made = Whole(name="x", pair=4)
    with pytest.raises(AttributeError):
        made.pair = 6  # type: ignore[misc]
    other = made.but(on=True)
    assert (False, True, 4) == (made.on, other.on, other.pair)
    assert made != other
    assert Whole(name="x", pair=4) == made
    assert 1 == len({Part(), Part(size=3)})
    with pytest.raises(Faults, match="pair: is odd"):
        made.but(pair=3)


def test_a_value_is_ready_for_json() -> None:
    made = Whole(name="x", where=Path("a"), names=("b",), by_name={"c": Part()})
    found = made.value()
    assert {"where": "a", "names": ["b"], "address": "127.0.0.1"} == {
        key: found[key] for key in ("where", "names", "address")
    }
    assert {"c": {"size": 3}} == found["by_name"]
