"""The tree of errors and the exit codes.

Functions raise; one printer (`rpzctl.cli`) shows. A message says what went wrong, its
details say where (``file:line``), and ``fix`` says what to do next.
"""

from collections.abc import Sequence


class RpzctlError(Exception):
    """An operational failure: disk, network, a program that is missing."""

    exit_code = 1

    def __init__(
        self, message: str, *, details: Sequence[str] = (), fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.fix = fix

    def value(self) -> dict[str, object]:
        """Return the error as a JSON-ready document."""
        return {
            "error": {
                "kind": type(self).__name__,
                "message": self.message,
                "details": list(self.details),
                "fix": self.fix,
                "exit_code": self.exit_code,
            }
        }


class UsageFault(RpzctlError):
    """Input that cannot be understood: a bad name, option, configuration or rule file."""

    exit_code = 2


class Refused(RpzctlError):
    """A guard stopped a change that is likely to do harm."""

    exit_code = 3


class CheckFailed(RpzctlError):
    """What was rendered is not fit to publish; nothing was published."""

    exit_code = 4


class NotLive(RpzctlError):
    """The resolver did not take the change; the previous policy was put back."""

    exit_code = 5


class Locked(RpzctlError):
    """Another rpzctl held the lock for longer than the caller would wait."""

    exit_code = 6
