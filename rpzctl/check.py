"""Checks on what was rendered, before it is published: our own, dnspython's, BIND's tools'.

Each check says harm, example and reference in its function's docstring.
"""

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, cast

from rpzctl import process
from rpzctl.names import printable
from rpzctl.render import CANARY_APEX, SERIAL_MARK, Frame, canary_name
from rpzctl.rows import Rows, Shape, expand
from rpzctl.rpz import Action, Row, owners

if TYPE_CHECKING:
    import dns.name
    import dns.rdata

SMALL = 100
"""A zone with so many rows or fewer is read whole by dnspython, which is slow (33 us a record)."""
SAMPLE = 20
"""Of a larger zone a stratified sample of so many rows is read; `rpzctl check` reads them all."""
NEW = 300
"""Up to so many new rows are read whole, of more a stratified sample: a thousand take dnspython
a quarter of a second, and our own grammar reads every record."""
_CHECKZONE_RATE = 50_000
"""rows, of two records each, that named-checkzone surely reads in four seconds"""


class Finding(NamedTuple):
    """One result of one check."""

    id: str
    severity: Literal["error", "warning"]
    where: str
    message: str
    fix: str | None = None

    def text(self) -> str:
        """Return the finding for people."""
        fix = f" - {self.fix}" if self.fix else ""
        return f"{self.severity}: {self.where}: {self.message}{fix} [{self.id}]"

    def value(self) -> dict[str, object]:
        """Return the finding as a JSON-ready document."""
        return {
            "id": self.id,
            "severity": self.severity,
            "where": self.where,
            "message": self.message,
            "fix": self.fix,
        }


def error(check: str, where: object, message: str, fix: str | None = None) -> Finding:
    """Return a finding that keeps a policy from being published."""
    return Finding(check, "error", str(where), printable(message, 400), fix)


def frame_whole(origin: str, frame: Frame, *, canary: bool) -> list[Finding]:
    """Find frames that lack what rpzctl or BIND cannot do without.

    Harm: without SOA and NS no zone loads; without its canary no change can be proved. Example: a
    template of the operator's own that replaces the head and forgets the NS record.
    """
    text = frame.head + frame.tail
    found = []
    if not re.search(r"^\S+\s.*\bSOA\s", frame.head, re.MULTILINE):
        found.append(error("frame", origin, "the template writes no SOA record"))
    elif not any(
        SERIAL_MARK in line for line in frame.head.splitlines() if CANARY_APEX not in line
    ):
        found.append(
            error("frame", origin, "the template's SOA has another serial than it is given")
        )
    if not re.search(r"\bNS\s+\S+", text):
        found.append(error("frame", origin, "the template writes no NS record"))
    if canary and canary_name(origin, SERIAL_MARK) not in text:
        found.append(error("frame", origin, "the template writes no canary record"))
    return found


def written(
    path: Path,
    origin: str,
    rows: Rows,
    span: tuple[int, int],
    shapes: Mapping[Action, Shape],
    sha256: str,
) -> list[Finding]:
    """Read the zone file back and hold it against the policy: names in are names out.

    Harm: text that writes a second record or a directive, such as ``x CNAME rpz-passthru.`` or
    ``$ORIGIN com.``; dnspython and named-checkzone read both without complaint.
    """
    return [error("names-out", origin, fault) for fault in rows.recheck(path, span, shapes, sha256)]


def dnspython_sample(
    origin: str, frame: Frame, rows: Iterable[Row], shapes: Mapping[Action, Shape]
) -> list[Finding]:
    """Have dnspython read the frame and the records of `rows` (RFC 1035, section 5).

    Harm: a record that another implementation than BIND's own tools rejects or reads otherwise.
    """
    head, tail = frame.stamped(1)
    body = "".join(expand(shapes[row.action], owner) for row in rows for owner in owners(*row[:2]))
    return dnspython_lines(origin, io.StringIO(head.decode() + body + tail.decode()))


class _Receiver:
    """Takes in what dnspython's zone file reader reads, and keeps no zone.

    `dns.zone.Zone` costs three times as much, and a gigabyte for a million records.
    """

    def __init__(self, apex: "dns.name.Name") -> None:
        self.apex = apex
        self.manager = self
        self.outside: list[str] = []
        self.types: set[int] = set()
        self.records = 0

    def origin_information(self) -> tuple["dns.name.Name", bool, "dns.name.Name"]:
        """Return what the reader asks of a transaction manager."""
        return self.apex, False, self.apex

    def check_put_rdataset(self, check: object) -> None:
        """Take no checks on sets of records: none are kept."""

    def add(self, owner: "dns.name.Name", _ttl: int, rdata: "dns.rdata.Rdata") -> None:
        """Take in one record."""
        self.records += 1
        if not owner.is_subdomain(self.apex):
            self.outside.append(owner.to_text())
        elif owner == self.apex:
            self.types.add(rdata.rdtype)


def dnspython_lines(origin: str, text: IO[str]) -> list[Finding]:
    """Have dnspython read zone text record by record; also find owners outside the zone."""
    import dns.exception
    import dns.name
    import dns.rdataclass
    import dns.rdatatype
    import dns.tokenizer
    import dns.zonefile

    receiver = _Receiver(dns.name.from_text(origin))
    reader = dns.zonefile.Reader(
        dns.tokenizer.Tokenizer(text, filename=origin),
        dns.rdataclass.IN,
        cast("Any", receiver),
        allow_directives=["TTL"],
    )
    reader.zone_origin = dns.name.root  # or it drops without a word what is out of the zone
    found = []
    try:
        reader.read()
    except (dns.exception.DNSException, ValueError) as fault:
        found.append(error("dnspython", origin, str(fault)))
    else:
        missing = {dns.rdatatype.SOA, dns.rdatatype.NS} - receiver.types
        found += [
            error("dnspython", origin, f"no {kind} record at the apex")
            for kind in sorted(map(dns.rdatatype.to_text, missing))
        ]
    outside = receiver.outside[:5]
    return found + [error("dnspython", origin, f"{owner} is outside the zone") for owner in outside]


def checkzone(origin: str, path: Path) -> process.Running | None:
    """Start named-checkzone on a zone file; None when it is not installed.

    Owner names are not held against host name rules (``-k ignore``): DNS is wider than those.
    """
    if process.find("named-checkzone") is None:
        return None
    options = ["-k", "ignore", "-i", "none", "-n", "ignore", "-m", "ignore", "-r", "ignore"]
    return process.start(["named-checkzone", *options, origin, str(path)])


def checkzone_findings(origin: str, running: process.Running, rows: int) -> list[Finding]:
    """Wait for named-checkzone; return what it found. Its "ignoring" lines are errors here.

    Harm: it says OK to a zone whose out-of-zone records it leaves out.
    """
    done = running.wait(timeout=30 + rows * 4 / _CHECKZONE_RATE)
    ignored = [line for line in done.said.splitlines() if "ignoring" in line]
    if done.status == 0 and not ignored:
        return []
    told = ignored or [line for line in done.said.splitlines() if line.strip()]
    return [error("named-checkzone", origin, line) for line in told[:5]]


def checkconf(named_conf: Path, fragments: Mapping[str, str], published: Path) -> list[Finding]:
    """Have named-checkconf read the whole configuration with the new fragments in it.

    `fragments` maps file names to their new text; `published` is the folder through which
    named.conf includes them. Where there is no named.conf on this machine, the fragments are
    checked within a configuration of nothing else.

    Harm: a broken fragment makes `rndc reconfig` fail and keeps the old configuration; the next
    restart of named then fails altogether.
    """
    if process.find("named-checkconf") is None:
        return []
    where = str(named_conf)
    # Those of a view that is no more are there until the next generation is.
    gone = {path.name for path in published.glob("*.*.conf")} - fragments.keys()
    known = {**fragments, **dict.fromkeys(gone, "")}
    try:
        text, included, missing = whole(named_conf, known, published)
    except FileNotFoundError:
        text, included, missing = "", set(), []
    except (OSError, UnicodeDecodeError) as fault:
        return [
            Finding("named-checkconf", "warning", str(named_conf), f"cannot be read: {fault}", None)
        ]
    if missing:
        return [
            error("named-checkconf", where, f"includes {path}: no such file") for path in missing
        ]
    if included & gone:
        return [
            error(
                "named-checkconf",
                where,
                f"includes {published / name}, and rpzctl.toml has no such view any more",
                "take the view's includes out first",
            )
            for name in sorted(included & gone)
        ]
    if not included:
        where = "the fragments"
        text = _alone(fragments)
    done = process.run(["named-checkconf", "/dev/stdin"], stdin=text.encode())
    if done.status == 0:
        return []
    return [error("named-checkconf", where, line) for line in done.said.splitlines()[:5]]


def _alone(fragments: Mapping[str, str]) -> str:
    """Return a configuration of nothing but the fragments, those of views in views."""
    text = ""
    for name, options in fragments.items():
        kind, _, view = name.removesuffix(".conf").partition(".")
        if kind == "options" and view:
            text += f'view "{view}" {{\n{options}{fragments[f"zones.{view}.conf"]}}};\n'
    return text or f"options {{\n{fragments['options.conf']}}};\n{fragments['zones.conf']}"


def not_included(named_conf: Path, fragments: Iterable[str], published: Path) -> list[str]:
    """Return those of the file names `fragments` that `named_conf` does not include."""
    names = dict.fromkeys(fragments, "")
    try:
        _, included, _ = whole(named_conf, names, published)
    except (OSError, UnicodeDecodeError):
        return []
    return [name for name in names if name not in included]


_INCLUDE = re.compile(
    r"/\*.*?\*/|//[^\n]*|#[^\n]*"  # comments
    r'|\binclude\s+"(?P<file>[^"\n]*)"\s*;'
    r'|"(?:[^"\\]|\\.)*"',
    re.DOTALL,
)


def whole(
    conf: Path, fragments: Mapping[str, str], published: Path, include: re.Pattern[str] = _INCLUDE
) -> tuple[str, set[str], list[Path]]:
    """Return the text of `conf`, includes written out, and what it includes.

    That is: which of the fragments, and which files that are not there. `include` matches an
    include, with the path as its group ``file``, and what may hold one that is none.

    The fragments' new text stands in the place of the published one: a checking tool cannot be
    told to read another file in place of an included one. Raises OSError for `conf` itself.
    """
    ours = {published / name: name for name in fragments}
    included: set[str] = set()
    missing: list[Path] = []

    def written_out(file: Path, around: tuple[Path, ...]) -> str:
        def replaced(match: re.Match[str]) -> str:
            target = match["file"]
            if target is None:
                return match[0]
            path = Path(target)
            if path in ours:
                included.add(ours[path])
                return fragments[ours[path]]
            found = sorted(path.parent.glob(path.name)) if set(target) & set("*?[") else [path]
            if not path.is_absolute() or path in around:
                return match[0]
            missing.extend(each for each in found if not each.exists())
            if missing:
                return match[0]
            return "\n".join(written_out(each, (*around, file)) for each in found)

        return include.sub(replaced, file.read_text(encoding="utf-8"))

    return written_out(conf, ()), included, missing
