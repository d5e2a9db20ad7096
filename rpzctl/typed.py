"""Documents as typed values: what a file says is held against the annotations of a class.

Each command reads such documents, so this costs nothing but itself: no library is imported for it.
"""

import re
from collections import abc
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Never,
    Self,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
)

NO_TEXT = "is no text"
UNSAID = "file"
"""the field that says where a document was read; no document says it itself"""
KIND = "kind"
"""the key by which one of several classes is chosen; left out, it is the first one"""
_PLAIN: Mapping[Any, tuple[tuple[type, ...], str]] = MappingProxyType(
    {
        str: ((str,), NO_TEXT),
        int: ((int,), "is no whole number"),
        float: ((float, int), "is no number"),
        bool: ((bool,), "is neither true nor false"),
    }
)
_READ: Mapping[Any, str] = MappingProxyType(
    {Path: "path", IPv4Address: "IPv4 address", IPv6Address: "IPv6 address"}
)
"""what is made of text"""
Take = Callable[[Any], Any]
"""from what a document says to the value. Raises `Faults`"""


class Fault(NamedTuple):
    """What is wrong with a document, and where."""

    key: tuple[str | int, ...]
    """from the top; empty: the whole"""
    said: str
    given: Any = None
    near: str | None = None
    """the known key that was meant, perhaps, by one that is not known"""

    def text(self) -> str:
        """Return it as a line."""
        key = ".".join(str(part) for part in self.key)
        if self.said == _UNKNOWN:
            return f"{_UNKNOWN} {key!r}" + (f"; did you mean {self.near!r}?" if self.near else "")
        return f"{key}: {self.said}" if key else self.said


_UNKNOWN = "unknown key"


class Faults(Exception):
    """All that is wrong with a document."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)

    def lines(self) -> list[str]:
        """Return a line for each fault."""
        return [fault.text() for fault in self.faults]

    def below(self, key: str | int) -> tuple[Fault, ...]:
        """Return the faults as those of a document that has this one at `key`."""
        return tuple(fault._replace(key=(key, *fault.key)) for fault in self.faults)

    def __str__(self) -> str:
        return "; ".join(self.lines())


class Field(NamedTuple):
    """A key of a document."""

    take: Take
    required: bool


class Between(NamedTuple):
    """A number's bounds: at least, at most, and more than."""

    least: float | None = None
    most: float | None = None
    above: float | None = None

    def __call__(self, number: float) -> float:
        """Return the number. Raises ValueError."""
        if self.least is not None and not number >= self.least:
            raise ValueError(f"is less than {self.least}")
        if self.above is not None and not number > self.above:
            raise ValueError(f"is not more than {self.above}")
        if self.most is not None and not number <= self.most:
            raise ValueError(f"is more than {self.most}")
        return number


class Shaped(NamedTuple):
    """The shape of a text, as a regular expression of all of it."""

    pattern: str

    def __call__(self, text: str) -> str:
        """Return the text. Raises ValueError."""
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"has not the shape {self.pattern}")
        return text


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Typed:
    """A frozen value whose class says which keys a document has, of which types, with defaults.

    Types are str, int, float, bool, Path, addresses, Literal, tuple, Mapping, other such classes,
    unions of them, and ``Annotated`` with functions that return the value or raise ValueError.
    """

    fields: ClassVar[Mapping[str, Field]] = MappingProxyType({})

    def __init_subclass__(cls) -> None:
        own = {
            key: Field(_take(kind), not hasattr(cls, key))
            for key, kind in cls.__annotations__.items()
        }
        inherited = [each.fields for each in cls.__mro__[1:] if issubclass(each, Typed)]
        cls.fields = MappingProxyType({**inherited[0], **own})

    def __init__(self, /, **document: Any) -> None:  # noqa: ANN401 - that is what is found out
        """Take what a document says. Raises `Faults` with all that is wrong with it."""
        found: list[Fault] = []
        values = self.__dict__  # a default is found at the class
        for key, given in document.items():
            field = self.fields.get(key)
            if field is None:
                found.append(Fault((key,), _UNKNOWN, near=_nearest(key, self.fields)))
                continue
            try:
                values[key] = field.take(given)
            except Faults as faults:
                found += faults.below(key)
        found += [
            Fault((key,), "is missing")
            for key, field in self.fields.items()
            if field.required and key not in document
        ]
        if found:
            place = {key: number for number, key in enumerate(self.fields)}
            raise Faults(sorted(found, key=lambda fault: place.get(str(fault.key[0]), len(place))))
        try:
            self.agree()
        except ValueError as fault:
            raise Faults([Fault((), str(fault))]) from None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return what a document says. Raises `Faults` with all that is wrong with it."""
        return cls(**document)

    def agree(self) -> None:
        """Raise ValueError if the values do not go together."""

    def __setattr__(self, key: str, value: object) -> Never:
        raise AttributeError(f"{key} of a {type(self).__name__} does not change")

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, key) for key in self.fields)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Typed)
            and type(self) is type(other)
            and self._values() == other._values()
        )

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        told = ", ".join(f"{key}={value!r}" for key, value in self.unusual().items())
        return f"{type(self).__name__}({told})"

    @property
    def said(self) -> frozenset[str]:
        """The keys that the document holds."""
        return frozenset(self.__dict__)

    def unusual(self, keys: Iterable[str] | None = None) -> dict[str, Any]:
        """Return those of the `keys` (all if None) that are not as by default, with values."""
        chosen = [key for key in (self.fields if keys is None else keys) if key in self.__dict__]
        return {
            key: self.__dict__[key]
            for key in chosen
            if self.fields[key].required or self.__dict__[key] != getattr(type(self), key)
        }

    def but(self, /, **changes: Any) -> Self:  # noqa: ANN401 - of whatever types the keys have
        """Return the same with other values of some keys. Raises `Faults`."""
        return self.of({**self.__dict__, **changes})

    def value(self) -> dict[str, Any]:
        """Return all keys as a JSON-ready document."""
        return {key: _plain(getattr(self, key)) for key in self.fields}


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any type that a field may have
    if isinstance(value, Typed):
        return value.value()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if type(value) in _READ or isinstance(value, Path) else value


def _nearest(key: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(key, [each for each in known if each != UNSAID], 1)), None)


def _wrong(said: str, given: object) -> Faults:
    return Faults([Fault((), said, given)])


def _take(kind: Any) -> Take:  # noqa: ANN401 - an annotation is of any type
    """Return how a value of the annotation `kind` is taken."""
    origin, inner = get_origin(kind), get_args(kind)
    take: Take
    if origin is Annotated:
        take = partial(_checked, _take(inner[0]), inner[1:])
    elif origin in {Union, UnionType} and all(_is_section(each) for each in inner):
        take = partial(_of_kind, {get_args(each.__annotations__[KIND])[0]: each for each in inner})
    elif origin in {Union, UnionType}:
        takes = tuple(_take(each) for each in inner if each is not NoneType)
        take = partial(_either, takes, NoneType in inner)
    elif origin is Literal:
        take = partial(_literal, inner)
    elif origin is tuple:
        take = partial(_items, _take(inner[0]))
    elif origin is abc.Mapping:
        take = partial(_mapping, _take(inner[0]), _take(inner[1]))
    elif kind in _PLAIN:
        take = partial(_of_type, *_PLAIN[kind])
    elif kind in _READ:
        take = partial(_of_text, kind, _READ[kind])
    else:
        take = partial(_section, kind)
    return take


def _of_type(types: tuple[type, ...], said: str, given: object) -> object:
    if not isinstance(given, types) or (isinstance(given, bool) and bool not in types):
        raise _wrong(said, given)
    return given


def _of_text(kind: Callable[[str], object], what: str, given: object) -> object:
    if isinstance(given, str):
        try:
            return kind(given)
        except ValueError:
            raise _wrong(f"is no {what}", given) from None
    if type(given) is kind or (isinstance(given, Path) and kind is Path):
        return given
    raise _wrong(NO_TEXT, given)


def _checked(take: Take, checks: tuple[Callable[[Any], Any], ...], given: object) -> object:
    taken = take(given)
    for check in checks:
        try:
            taken = check(taken)
        except ValueError as fault:
            raise _wrong(str(fault), given) from None
    return taken


def _either(takes: tuple[Take, ...], optional: bool, given: object) -> object:
    if given is None and optional:
        return None
    said = []
    for take in takes:
        try:
            return take(given)
        except Faults as faults:
            if len(takes) == 1:
                raise
            said.append(str(faults))
    raise _wrong(" and ".join(dict.fromkeys(said)), given)


def _literal(known: tuple[str, ...], given: object) -> str:
    if not isinstance(given, str):
        raise _wrong(NO_TEXT, given)
    if given not in known:
        raise _wrong(f"is none of {', '.join(known)}", given)
    return given


def _items(take: Take, given: object) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple):
        raise _wrong("is no list", given)
    taken: list[Any] = []
    found: list[Fault] = []
    for place, each in enumerate(given):
        try:
            taken.append(take(each))
        except Faults as faults:
            found += faults.below(place)
    if found:
        raise Faults(found)
    return tuple(taken)


def _mapping(take_key: Take, take: Take, given: object) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise _wrong("is no section", given)
    taken: dict[Any, Any] = {}
    found: list[Fault] = []
    for key, each in given.items():
        try:
            taken[take_key(key)] = take(each)
        except Faults as faults:
            found += faults.below(key)
    if found:
        raise Faults(found)
    return MappingProxyType(taken)


def _section(kind: type[Typed], given: object) -> Typed:
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise _wrong("is no section", given)
    return kind(**given)


def _is_section(kind: Any) -> bool:  # noqa: ANN401 - an annotation is of any type
    return isinstance(kind, type) and issubclass(kind, Typed)


def _of_kind(kinds: Mapping[str, type[Typed]], given: object) -> object:
    """Take a section whose key `KIND` says of which class it is."""
    if isinstance(given, tuple(kinds.values())):
        return given
    if not isinstance(given, Mapping):
        raise _wrong("is no section", given)
    named = given.get(KIND, next(iter(kinds)))
    try:
        kind = kinds[_literal(tuple(kinds), named)]
    except Faults as faults:
        raise Faults(faults.below(KIND)) from None
    others = {
        key: [name for name, other in kinds.items() if key in other.fields]
        for key in given
        if key not in kind.fields
    }
    found = [
        Fault((key,), f"is a key of the kind {' and '.join(names)}; this one is {named}")
        for key, names in others.items()
        if names
    ]
    try:
        taken = kind(**{key: each for key, each in given.items() if not others.get(key)})
    except Faults as faults:
        found += faults.faults
    if found:
        raise Faults(found)
    return taken
