"""Text becomes a `Domain` here, or a `NameFault`: nothing untyped passes.

A `Domain` is lower-case ASCII (A-labels, RFC 5890), without the final dot. Labels are what
DNS carries in practice: letters, digits, hyphen and underscore in any place, 1 to 63 octets
(RFC 2181, section 11 allows more; names with an underscore or a hyphen at an edge resolve
and are met in feeds). The last label begins with a letter, which keeps addresses out. The
whole is at most 253 octets (RFC 1035, section 2.3.4: 255 on the wire).

`LABEL` and `LAST_LABEL` are the one definition that the bulk lane's regular expressions
are made from, too.
"""

import ipaddress
import re
from typing import NamedTuple, NewType

Domain = NewType("Domain", str)

LABEL = r"[a-z0-9_-]{1,63}"
LAST_LABEL = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
MAX_LENGTH = 253
RESERVED = "rpz-"
"""begins the last label of owners that are no names: ``32.1.2.0.192.rpz-ip`` in a policy zone is a
trigger on an address. A list of names that could say so would block half of the internet."""

_NAME = re.compile(rf"(?:{LABEL}\.)*{LAST_LABEL}\Z", re.ASCII)
_LABEL = re.compile(rf"{LABEL}\Z", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/{1,3}|//", re.IGNORECASE)
_PORT = re.compile(r":[0-9]{1,5}\Z")
_IPV4_LIKE = re.compile(r"[0-9]+(?:\.[0-9]+){3}\Z", re.ASCII)
# What analysts write so that nobody clicks: evil[.]example, evil(dot)example, hxxp[:]//...
_DEFANGED = (
    (re.compile(r"[\[({]\s?(?:\.|dot)\s?[\])}]", re.IGNORECASE), "."),
    (re.compile(r"\\\."), "."),
    (re.compile(r"[\[({]:[\])}]"), ":"),
    (re.compile(r"[\[({]://[\])}]"), "://"),
    (re.compile(r"[\[({]/[\])}]"), "/"),
)
_WRAPPERS = {"<": ">", '"': '"', "'": "'", "`": "`", "(": ")", "[": "]"}


class NameFault(ValueError):
    """A text that is no name; the message is the reason, for people."""


class Pasted(NamedTuple):
    """What a person pasted, understood."""

    name: Domain
    below_only: bool
    """The text was ``*.name``."""
    note: str | None
    """What was left out of the text and should be told, e.g. the path of a URL."""


def printable(text: str, limit: int = 120) -> str:
    """Return `text` safe for a terminal: control and format characters escaped, bounded."""
    safe = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def parse(text: str) -> Domain:
    """Return the name that `text` is: any case, perhaps with a final dot, perhaps Unicode.

    Raises `NameFault` with the reason. Non-ASCII text is mapped by UTS #46 (non-transitional)
    and encoded by IDNA 2008 (symbols as UTS #46 says), label by label, so that ASCII labels which
    IDNA would reject but DNS resolves keep their form.
    """
    name = text.lower() if text.isascii() else _to_ascii(text)
    if name.endswith(".") and name != ".":
        name = name[:-1]
    if len(name) <= MAX_LENGTH and _NAME.match(name) and not _is_reserved(name):
        return Domain(name)
    raise NameFault(_reason(name))


def _to_ascii(text: str) -> str:
    import idna

    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
        return ".".join(
            label if label.isascii() else _a_label(label) for label in mapped.split(".")
        ).lower()
    except (idna.IDNAError, UnicodeError) as fault:
        raise NameFault(f"not a valid internationalised name: {printable(str(fault))}") from None


def _a_label(label: str) -> str:
    """Return the A-label of a label that UTS #46 mapped.

    IDNA 2008 has no place for symbols and emoji; UTS #46 does, browsers resolve them, and they are
    registered.
    """
    import idna

    try:
        return idna.alabel(label).decode("ascii")
    except idna.InvalidCodepoint:
        return "xn--" + label.encode("punycode").decode("ascii")


def _reason(name: str) -> str:  # noqa: PLR0911 - one return for each reason
    """Say why `name`, lower-case and without its final dot, is no name."""
    if not name or name == ".":
        return "is empty"
    if any(c.isspace() for c in name):
        return "has a space or line break inside"
    if is_address(name):
        return "is an IP address, not a name"
    for label in name.split("."):
        if not label:
            return "has an empty label (two dots together, or a dot in front)"
        odd = next((c for c in label if not re.match(r"[a-z0-9_-]", c)), None)
        if odd is not None:
            return f"has the character {printable(odd)!r}, which no host name holds"
        if not _LABEL.match(label):
            return f"has a label of {len(label)} octets; 63 is the most"
    if len(name) > MAX_LENGTH:
        return f"is {len(name)} octets long; {MAX_LENGTH} is the most"
    if _is_reserved(name):
        return "is no name but the syntax of a policy zone for another trigger"
    return "its last label is not that of a domain (it begins or ends wrongly, or is a number)"


def _is_reserved(name: str) -> bool:
    return name.rpartition(".")[2].startswith(RESERVED)


def is_address(text: str) -> bool:
    """Tell whether `text` has the form of an address or a prefix."""
    candidate = text.strip("[]").partition("%")[0]
    candidate = candidate.partition("/")[0]
    if _IPV4_LIKE.match(candidate):
        return True
    try:
        ipaddress.ip_address(candidate)
    except ValueError:
        return False
    return True


def paste(text: str) -> Pasted:
    """Return the name in what people paste: URLs, defanged indicators, ``*.name``, quotes.

    Raises `NameFault`. A URL gives its host; that the path was dropped is in the note. An
    e-mail address is not guessed at, nor an address.
    """
    host, note = host_of(text)
    below_only = host.startswith("*.")
    name = parse(host[2:] if below_only else host)
    return Pasted(name, below_only, note)


def host_of(text: str) -> tuple[str, str | None]:
    """Return the host, an address or a prefix, too, in what people paste, and what to tell.

    Raises `NameFault`.
    """
    body = text.strip()
    if any(not c.isprintable() for c in body):
        raise NameFault("has a control character inside")
    body = _unwrap(body)
    for pattern, plain in _DEFANGED:
        body = pattern.sub(plain, body)
    is_url = _SCHEME.match(body)
    host = body[is_url.end() :] if is_url else body
    if not is_url and is_address(host):  # a prefix, too: its slash begins no path
        return host, None
    host, path = _split_path(host)
    if "@" in host:
        if not is_url:
            raise NameFault("looks like an e-mail address; give the domain alone")
        host = host.rpartition("@")[2]
    if not is_address(host):
        host = _PORT.sub("", host)
    return host, f"only the host counts, not the path {printable(path, 40)}" if path else None


def _unwrap(text: str) -> str:
    text = text.rstrip(",;")
    while len(text) > 1 and _WRAPPERS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    return text


def _split_path(rest: str) -> tuple[str, str]:
    """Split what follows the scheme at the end of the authority (RFC 3986, section 3.2).

    A backslash ends it, too, as browsers read it. A lone final slash is no path.
    """
    end = min((i for i in map(rest.find, "/?#\\") if i >= 0), default=len(rest))
    path = rest[end:]
    return rest[:end], "" if path in {"/", "\\"} else path


def to_unicode(name: Domain) -> str | None:
    """Return the Unicode form of a name that has A-labels, for people; None where there is none."""
    if "xn--" not in name:
        return None
    import idna

    try:
        decoded = ".".join(
            idna.ulabel(label) if label.startswith("xn--") else label for label in name.split(".")
        )
    except (idna.IDNAError, UnicodeError):
        return None
    return decoded if decoded != name else None


def sort_key(name: str) -> str:
    r"""Return a key that sorts names by labels from the right (RFC 4034, section 6.1).

    Labels are reversed and joined with NUL, which sorts before every label's octets; with
    ``.`` as the joint, ``-`` would sort before it and tear subtrees apart.
    """
    return "\0".join(reversed(name.split(".")))


def ancestors(name: str) -> list[Domain]:
    """Return the strict ancestors of `name`, nearest first, without the root."""
    labels = name.split(".")
    return [Domain(".".join(labels[i:])) for i in range(1, len(labels))]


def is_within(name: str, apex: str) -> bool:
    """Tell whether `name` is `apex` or below it."""
    return name == apex or name.endswith("." + apex)
