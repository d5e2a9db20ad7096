"""Feed definitions: one TOML file each, shipped and the operator's own; same name shadows.

Not called `feeds`: that place inside the package belongs to the shipped definitions.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from rpzctl import shipped, times
from rpzctl.config import Config, GroupName, Line, read_toml
from rpzctl.errors import UsageFault
from rpzctl.names import parse, printable
from rpzctl.typed import Between, Faults, Shaped, Typed

SCHEMES = ("https", "http", "file", "axfr")
Format = Literal[
    "hosts",
    "domains",
    "wildcard",
    "adblock",
    "dnsmasq",
    "unbound",
    "named",
    "rpz",
    "csv",
    "json",
    "threatfox",
    "urlhaus",
    "misp",
    "stix",
    "maltrail",
    "urls",
    "ips",
]
"""the names of `formats.READERS`, said here so that a definition is read without them"""
_OUR_HEADERS = frozenset({"host", "content-length", "content-type", "transfer-encoding"})
_USES = {
    "csv": ("column", "type_column", "types", "delimiter", "whole_hosts"),
    "json": ("path", "field", "type_field", "types", "whole_hosts"),
    "threatfox": ("types", "whole_hosts"),
    "urlhaus": ("whole_hosts",),
    "misp": ("to_ids", "whole_hosts"),
    "stix": ("whole_hosts",),
    "maltrail": ("whole_hosts",),
    "urls": ("whole_hosts",),
}
"""the keys of a definition that say how to read it, by the formats that know them"""
READING = tuple(sorted({key for known in _USES.values() for key in known}))
"""all of them"""
Column = Annotated[int, Between(1)] | Line
FeedName = Annotated[str, Shaped(r"[a-z0-9][a-z0-9._-]{0,60}")]


def _interval(text: str) -> str:
    if times.span(text) > times.LONGEST:
        raise ValueError("is longer than ten years")
    return text


Interval = Annotated[str, _interval]


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"begins with none of {', '.join(s + ':' for s in SCHEMES)}")
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError("names no host")
    if parts.scheme == "axfr" and (not parts.path.strip("/") or "/" in parts.path.strip("/")):
        raise ValueError("is not axfr://server/zone")
    if parts.scheme == "axfr":
        parse(unquote(parts.path.strip("/")))
    if parts.scheme != "file":
        _host(parts.hostname or "")
    if "\0" in unquote(parts.path):
        raise ValueError("has the character NUL in its path")
    if _port(parts) == 0:
        raise ValueError("names port 0")
    if parts.username or parts.password:
        raise ValueError("holds a password; those belong into a file or the environment")
    if not text.isprintable() or " " in text:
        raise ValueError("has a space or a control character")
    return text


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:  # what it says may be a password
        raise ValueError("names a port that is no number up to 65535") from None


def _host(text: str) -> None:
    """Raise ValueError for what is neither an address nor a name that DNS can be asked for."""
    try:
        ip_address(text)
    except ValueError:
        try:
            text.encode("idna")
        except UnicodeError:
            raise ValueError(f"names the host {printable(text)!r}, which is no name") from None


def _header_name(text: str) -> str:
    if text.lower() in _OUR_HEADERS:
        raise ValueError(f"{text} is no header for a secret")
    return text


class Feed(Typed):
    """One feed: where it is, how to read it, which policy zone it belongs to."""

    file: Path
    name: FeedName
    """the name of the file, and may be left out"""
    url: Annotated[str, _url]
    """https, http, file, or axfr://server/zone; a relative file is beside the definition"""
    format: Format
    """hosts: an address and names on each line; domains: a name on each line; the others by the
    programs and publishers whose format it is"""
    zone: GroupName
    """the feed group, e.g. malware; each is one policy zone"""
    subdomains: bool | None = None
    """whether what is below each name is blocked, too; left out: as the format means it, and where
    it says nothing only the name itself; false: only the name itself, but an entry that means
    only what is below a name stays"""
    column: Column | None = None
    """csv: the column with the names, by its header or its number from 1"""
    type_column: Column | None = None
    """csv: the column that says what a row is"""
    types: tuple[Line, ...] = ()
    """csv, json, threatfox: only what has one of these types"""
    delimiter: Annotated[str, Shaped(r'[^"#\r\n A-Za-z0-9._-]')] = ","
    """csv: what stands between two columns"""
    path: Line = ""
    """json: the keys to the list, with dots: data.items"""
    field: Line = ""
    """json: the key of the name in each item"""
    type_field: Line = ""
    """json: the key of the type in each item"""
    whole_hosts: bool = False
    """csv, json, threatfox, urlhaus, misp, stix, maltrail, urls: block the host of a URL that has a
    path, too; such lists name pages on hosts that serve others"""
    to_ids: bool = True
    """misp: only attributes that are meant for detection"""
    enabled: bool = False
    """fetched by sync, and part of the policy"""
    min_names: Annotated[int, Between(0)] = 1
    """fewer names, exceptions and networks than this, and the feed keeps its last good copy"""
    max_change: Annotated[int, Between(0, 100_000)] = 30
    """percent by which its number of names, exceptions or networks may rise or fall in one step; 0:
    any, and nothing depends on what its header says of its size"""
    min_change: Annotated[int, Between(0)] = 100
    """a change by fewer than this is never too much"""
    kind: Literal["threat", "ads", "policy"] = "threat"
    """what its names are; a threat feed may not block a top site; of others it is only told"""
    exceptions: bool = True
    """names that it excepts are blocked by no feed; false: its exceptions are not listened to"""
    max_age: Interval | None = None
    """a last good copy that is older is stale: 12h, 7d, 4w; left out: never"""
    stale: Literal["keep", "drop"] = "keep"
    """keep: the names of a stale copy stay, with a warning; drop: they leave the policy"""
    plain_http: bool = False
    """fetch it by http: everybody on the way can read and change it, and read its secret"""
    member: Line = ""
    """the file to read in an archive that has several, by its name in there"""
    header: Annotated[str, Shaped(r"[A-Za-z][A-Za-z0-9-]{0,100}"), _header_name] = "Authorization"
    """the HTTP header whose value the secret is, such as Auth-Key; sent to the host of url alone"""
    user: Annotated[str, Shaped(r"[^:\x00-\x1f\x7f]*")] = ""
    """HTTP basic authentication: the user whose password the secret is"""
    secret_env: Annotated[str, Shaped(r"[A-Z_][A-Z0-9_]*")] | None = None
    """the environment variable that holds the secret"""
    secret_file: Path | None = None
    """the file that holds the secret, for axfr a TSIG key as tsig-keygen writes it; beside the
    definition if relative; nobody but owner and group may read it"""
    body: Line = ""
    """JSON sent by POST, for publishers that want a question: {"query": "get_iocs", "days": 1}"""
    title: Line | None = None
    """what people call it"""
    homepage: Line | None = None
    """where the publisher describes it"""
    licence: Line | None = None
    """on what terms it may be used"""
    commercial: bool | None = None
    """whether the terms allow commercial use; left out: not known"""
    every: Interval | None = None
    """the publisher's interval, as 5m, 12h, 1d: no sync fetches it more often, but by --now"""
    notes: Line | None = None
    """what else an operator should know"""

    def agree(self) -> None:
        """Raise ValueError for keys that do not go together."""
        self._format_knows_its_keys()
        self._transport_knows_its_keys()

    def _format_knows_its_keys(self) -> None:
        foreign = [key for key in self.reading if key not in _USES.get(self.format, ())]
        if foreign:
            raise ValueError(f"the format {self.format} has no {', '.join(foreign)}")
        told = {"csv": self.type_column, "json": self.type_field}
        if self.types and self.format in told and not told[self.format]:
            raise ValueError("types needs type_column (csv) or type_field (json)")

    def _transport_knows_its_keys(self) -> None:
        secret = self.secret_env is not None or self.secret_file is not None
        asking = list(self.unusual(("header", "user", "body")))
        if self.scheme == "http" and not self.plain_http:
            raise ValueError(
                "url begins with http:, so everybody on the way can change the list; "
                "take https:, or add plain_http = true"
            )
        if self.scheme not in {"http", "https"} and asking:
            raise ValueError(f"{self.scheme}: has no {', '.join(asking)}")
        if self.scheme == "file" and secret:
            raise ValueError("file: has no secret_env, secret_file")
        if self.secret_env is not None and self.secret_file is not None:
            raise ValueError("say secret_env or secret_file, not both")
        if self.user and "header" in asking:
            raise ValueError("say user or header, not both")
        if not secret and (self.user or "header" in asking):
            raise ValueError(f"{'user' if self.user else 'header'} needs secret_env or secret_file")
        if self.scheme == "axfr" and self.format != "rpz":
            raise ValueError('a zone transfer is read as format = "rpz"')
        if self.scheme == "axfr" and self.member:
            raise ValueError("axfr: has no member")

    @property
    def scheme(self) -> str:
        """How it is fetched: one of `SCHEMES`."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """The host that it is fetched from; empty for a file."""
        return urlsplit(self.url).hostname or ""

    @property
    def reading(self) -> dict[str, Any]:
        """What the definition says of the format, where it is not as usual: `formats.Options`."""
        return self.unusual(READING)

    @property
    def local_path(self) -> Path | None:
        """The file that a ``file:`` URL names.

        A relative one is beside the definition, or else among the shipped samples.
        """
        parts = urlsplit(self.url)
        if parts.scheme != "file":
            return None
        beside = self.file.parent / unquote(parts.path)
        sample = shipped.folder("feeds") / unquote(parts.path)
        return sample if not beside.exists() and sample.exists() else beside


def load(config: Config) -> dict[str, Feed]:
    """Return all definitions by name, the operator's in place of shipped ones of the same name.

    Raises `UsageFault` with the faults of all of them.
    """
    return _read_all((shipped.folder("feeds"), config.repo / "feeds"))


def enabled(config: Config) -> list[Feed]:
    """Return the definitions that are enabled, which are the operator's: none is as shipped.

    Raises `UsageFault` with the faults of all the operator's.
    """
    own = _read_all((config.repo / "feeds",))
    return [feed for feed in own.values() if feed.enabled]


def _read_all(folders: Iterable[Path]) -> dict[str, Feed]:
    feeds: dict[str, Feed] = {}
    faults: list[str] = []
    for folder in folders:
        for path in _files(folder):
            try:
                feed = read(path)
            except UsageFault as fault:
                faults += fault.details or (fault.message,)
                continue
            feeds[feed.name] = feed
    if faults:
        raise UsageFault("bad feed definitions", details=faults)
    return dict(sorted(feeds.items()))


def _files(folder: Path) -> list[Path]:
    """Return the definitions in `folder`, none if it is not there.

    Raises `UsageFault` when it cannot be read: that is not the same as to define no feed.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise UsageFault(
            f"cannot read the feed definitions in {folder}: {fault.strerror}",
            fix="nothing was changed; let the user that rpzctl runs as read that folder",
        ) from None


def read(path: Path) -> Feed:
    """Read one definition. Raises `UsageFault` with all its faults."""
    document = read_toml(path)
    if "file" in document:
        raise UsageFault(f"{path}: unknown key 'file'")
    try:
        feed = Feed.of({"name": path.stem, **document, "file": path.resolve()})
    except Faults as found:
        details = [f"{path}: {line}" for line in found.lines()]
        raise UsageFault(f"{path} has faults", details=details) from None
    if feed.name != path.stem:
        raise UsageFault(f"{path}: the name {feed.name!r} is not that of the file")
    return feed
