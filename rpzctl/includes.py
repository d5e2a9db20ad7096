"""A resolver's own configuration, with the fragments in it, held before anything is published."""

import re
from collections.abc import Mapping
from pathlib import Path

from rpzctl import check, process
from rpzctl.check import Finding, error
from rpzctl.fragments import of_view
from rpzctl.resolver_settings import (
    AnyResolver,
    BindSettings,
    PdnsRecursorSettings,
    UnboundSettings,
)

_UNBOUND = re.compile(
    r"#[^\n]*"
    r'|\binclude(?:-toplevel)?:[ \t]*"?(?P<file>(?<=")[^"\n]*|[^\s"#]+)"?'
    r'|"[^"\n]*"'
)
_ZONE_FILE = re.compile(r"^\s*zonefile:.*\n", re.MULTILINE)


def configuration(
    settings: AnyResolver, fragments: Mapping[str, str], published: Path
) -> list[Finding]:
    """Have the resolver's own tool read its whole configuration with the new fragments in it.

    `fragments` maps file names to their new text; `published` is the folder through which the
    configuration includes them. PowerDNS Recursor and Knot Resolver have no such tool: they keep
    what they have when a fragment is broken, and say so.
    """
    if isinstance(settings, BindSettings):
        return check.checkconf(settings.named_conf, fragments, published)
    if isinstance(settings, UnboundSettings):
        return unbound_checkconf(settings.unbound_conf, fragments, published)
    return []


def unbound_checkconf(
    unbound_conf: Path, fragments: Mapping[str, str], published: Path
) -> list[Finding]:
    """Have unbound-checkconf read unbound.conf with the new fragments in it.

    The zone files are left out: it would read them all, and they may not be in place yet.

    Harm: a reload with a broken configuration ends Unbound.
    """
    texts = {name: _ZONE_FILE.sub("", text) for name, text in fragments.items()}
    if process.find("unbound-checkconf") is None:
        return []
    where = str(unbound_conf)
    try:
        text, included, _ = check.whole(unbound_conf, texts, published, _UNBOUND)
    except FileNotFoundError:
        text, included = "", set()
    except (OSError, UnicodeDecodeError) as fault:
        return [Finding("unbound-checkconf", "warning", where, f"cannot be read: {fault}")]
    if not included:
        where = "the fragments"
        text = 'server:\n\tchroot: ""\n\tusername: ""\n\tmodule-config: "respip iterator"\n'
        text += texts["unbound.conf"]
    done = process.run(["unbound-checkconf", "/dev/stdin"], stdin=text.encode())
    if done.status == 0:
        return []
    return [error("unbound-checkconf", where, line) for line in done.said.splitlines()[:5]]


def not_included(settings: AnyResolver, published: Path) -> list[Finding]:
    """Find fragments that the resolver's configuration does not include, and modules it lacks."""
    if isinstance(settings, BindSettings):
        names = of_view(settings.view)
        missing = check.not_included(settings.named_conf, names, published)
        fix = "'rpzctl doctor' says where it goes"
        return [_missing(settings.named_conf, published / name, fix) for name in missing]
    if isinstance(settings, UnboundSettings):
        return _unbound(settings.unbound_conf, published)
    if isinstance(settings, PdnsRecursorSettings):
        return _pdns_recursor(settings.config_dir / "recursor.conf", published)
    return []


def _missing(conf: Path, path: Path, fix: str = "'rpzctl init' prints the line") -> Finding:
    return Finding("includes", "warning", str(conf), f"does not include {path}", fix)


def _unbound(conf: Path, published: Path) -> list[Finding]:
    try:
        text, included, _ = check.whole(conf, {"unbound.conf": ""}, published, _UNBOUND)
    except (OSError, UnicodeDecodeError):
        return []
    if not included:
        return [_missing(conf, published / "unbound.conf")]
    modules = re.findall(r"^\s*module-config:\s*[\"']?([^\"'\n]*)", text, re.MULTILINE)
    if modules and modules[-1].split()[:1] == ["respip"]:
        return []
    return [
        error(
            "includes",
            conf,
            "module-config does not begin with respip: no policy zone has effect",
            'write in its server section: module-config: "respip validator iterator"',
        )
    ]


def _pdns_recursor(conf: Path, published: Path) -> list[Finding]:
    fragment = published / "pdns-recursor.lua"
    try:
        text = conf.read_text(encoding="utf-8")
        for folder in re.findall(r"^\s*include-dir\s*=\s*(\S+)", text, re.MULTILINE)[-1:]:
            more = sorted(Path(folder).glob("*.conf"))  # these count over recursor.conf
            text = "\n".join([text, *(each.read_text(encoding="utf-8") for each in more)])
        named = re.findall(r"^\s*lua-config-file\s*=\s*(\S+)", text, re.MULTILINE)
        if named and str(fragment) not in {named[-1], ""}:
            lua = Path(named[-1]).read_text(encoding="utf-8")
            named = [str(fragment)] if str(fragment) in lua else []
    except (OSError, UnicodeDecodeError):
        return []
    if not named:
        return [_missing(conf, fragment)]
    told = re.findall(r"^\s*extended-resolution-errors\s*=\s*(\S+)", text, re.MULTILINE)
    if told and told[-1] in {"yes", "true", "on", "1"}:
        return []
    return [
        error(
            "includes",
            conf,
            "extended-resolution-errors is not on: no answer tells its policy zone, by which a "
            "change is proved",
            "write there: extended-resolution-errors=yes",
        )
    ]
