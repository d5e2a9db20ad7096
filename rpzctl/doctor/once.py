"""A property that is worked out once, by the first of several threads; the others wait for it."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Decorates a method. What it raises, all who ask get: a server that hangs is asked once.

    `functools.cached_property` would ask as often as there are threads.
    """

    def __init__(self, work: Callable[[Any], Value]) -> None:
        self._work = work
        self._turn = Lock()
        self.__doc__ = work.__doc__
        self._key = f"once {work.__name__}"

    def __get__(self, looked: Any, _: type | None = None) -> Value:  # noqa: ANN401 - of any class
        """Return the value, or raise what working it out raised."""
        with self._turn:
            kept: dict[str, Future[Value]] = looked.__dict__
            first = self._key not in kept
            future = kept.setdefault(self._key, Future())
        if first:
            try:
                future.set_result(self._work(looked))
            except Exception as fault:  # noqa: BLE001 - raised below, and to the others
                future.set_exception(fault)
        return future.result()
