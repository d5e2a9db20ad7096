"""Settings of what is told of changes: [audit], [metrics] and [hooks] in rpzctl.toml."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from rpzctl.typed import Between, Shaped, Typed

Success = Literal["live", "published", "recorded"]
Failure = Literal["refused", "check-failed", "not-live", "locked", "failed", "interrupted"]


class Audit(Typed):
    """The log of all changes: who, what, when, why, and what came of it."""

    enabled: bool = True
    """false: no log is written"""
    file: Path | None = None
    """where it is; left out: audit.jsonl in the state folder"""


class Metrics(Typed):
    """Figures for Prometheus, by way of the textfile collector of its node exporter."""

    file: Path | None = None
    """written anew after each command that may change something; its name ends in .prom, and its
    folder must be there; left out: none is written"""

    def agree(self) -> None:
        """Raise ValueError for a name that the collector would pass over."""
        if self.file is not None and self.file.suffix != ".prom":
            raise ValueError("file must end in .prom")


def _argument(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a control character")
    return text


def _url(text: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no https: or http: URL")
    if parts.username or parts.password:
        raise ValueError("holds a password; those belong into a file or the environment")
    if not text.isprintable() or " " in text:
        raise ValueError("has a space or a control character")
    return text


class Hook(Typed):
    """Who is told: a program, or a web server."""

    only: tuple[Success | Failure, ...] = ()
    """the outcomes of which it is told; left out: all of its table"""
    command: tuple[Annotated[str, _argument], ...] = ()
    """program and arguments, without a shell; the document is its standard input. A path is
    relative to the policy repo"""
    url: Annotated[str, _url] | None = None
    """where the document is sent by POST; {secret} in it stands for the secret"""
    timeout: Annotated[float, Between(above=0, most=300)] = 10.0
    """seconds until it is given up, a program with all that it started"""
    header: Annotated[str, Shaped(r"[A-Za-z][A-Za-z0-9-]{0,100}")] = "Authorization"
    """the HTTP header whose value the secret is, where {secret} is not in url"""
    secret_env: Annotated[str, Shaped(r"[A-Z_][A-Z0-9_]*")] | None = None
    """the environment variable that holds the secret"""
    secret_file: Path | None = None
    """the file that holds the secret; nobody but owner and group may read it"""
    plain_http: bool = False
    """send by http: everybody on the way can read the document and the secret"""

    def agree(self) -> None:
        """Raise ValueError for keys that do not go together."""
        secret = self.secret_env is not None or self.secret_file is not None
        if bool(self.command) == bool(self.url):
            raise ValueError("say command or url, one of them")
        if self.command and (secret or self.plain_http):
            raise ValueError("secret_env, secret_file and plain_http are for url")
        if self.secret_env is not None and self.secret_file is not None:
            raise ValueError("say secret_env or secret_file, not both")
        if self.url and self.url.startswith("http:") and not self.plain_http:
            raise ValueError("url begins with http:; take https:, or add plain_http = true")
        if self.url and "{secret}" in self.url and not secret:
            raise ValueError("{secret} needs secret_env or secret_file")


class Hooks(Typed):
    """Who is told of each change: any number of programs and web servers, by how it ended."""

    on_success: tuple[Hook, ...] = ()
    """of what is live, published or recorded"""
    on_failure: tuple[Hook, ...] = ()
    """of what was refused, check-failed, not-live (undone), locked, failed or interrupted"""

    def agree(self) -> None:
        """Raise ValueError for a hook that would never be told."""
        for key, hooks, able in (
            ("on_success", self.on_success, get_args(Success)),
            ("on_failure", self.on_failure, get_args(Failure)),
        ):
            for odd in (word for hook in hooks for word in hook.only if word not in able):
                raise ValueError(f"only: {odd} is never told to {key}")
