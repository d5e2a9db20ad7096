"""Adblock rules as DNS filters read them: ``||name^`` blocks a name and everything below it.

Source: https://adguard-dns.io/kb/general/dns-filtering-syntax/. Only what a name can express is
taken: ``||vg.no.$dnstype=~CNAME`` means "starts with vg.no." and must not block vg.no. A rule that
means a name and more besides (``||name``, ``name^``) is taken as far as the name goes.
"""

import re

from rpzctl.formats.lines import COMMENT, Line, LineFormat, Shape
from rpzctl.formats.networks import network
from rpzctl.formats.parsed import Entry, Options
from rpzctl.names import NameFault, parse
from rpzctl.rpz import BITS, Scope

_WIDE = BITS[Scope.SUBTREE]
_COSMETIC = re.compile(r"#[@?$%]{0,2}#|\$\$")
_SAID = frozenset({"badfilter", "client", "ctag", "denyallow", "dnstype", "dnsrewrite"})
"""modifiers of DNS filters that no policy zone can express"""
_FRAGMENT = re.compile(r"[\w.%&=?:;~+!@-]+\Z")
"""of a URL: what a rule without ``||`` may look for anywhere"""
_WHOLE = re.compile(r"(?:\||\|?https?://|:?//)([^|^/]+)(?:\^\|?|\|)\Z")
"""a rule about the name itself and no other"""
_PATTERN = "a pattern that no name can express"


def _odd(line: str, _options: Options) -> Line:
    if line.startswith(("!", "[")) or (
        line.startswith("#") and (re.match(r"#+(\s|\Z)", line) or not _COSMETIC.match(line))
    ):
        return COMMENT
    if _COSMETIC.search(line):
        return Line(skipped="a cosmetic rule")
    allow = line.startswith("@@")
    rule = line.removeprefix("@@")
    if rule.startswith("/") and re.search(r".+/(\$|$)", rule[1:]):
        return Line(skipped="a regular expression")
    rule, _, modifiers = rule.partition("$")
    barred = _barred(modifiers)
    return Line(skipped=barred) if barred else _rule(rule, allow=allow)


def _barred(modifiers: str) -> str | None:
    """Return why a rule with `modifiers` blocks nothing here, or None."""
    for modifier in filter(None, modifiers.split(",")):
        key = modifier.strip().partition("=")[0].removeprefix("~").lower()
        if key in _SAID:
            return f"the modifier ${key}"
        if key not in {"important", "all"}:
            return "a modifier for browsers"
    return None


def _rule(rule: str, *, allow: bool) -> Line:
    """Return what a rule without its modifiers comes to."""
    if whole := _WHOLE.match(rule):
        return _named(whole[1], BITS[Scope.EXACT], allow=allow)
    anchored = rule.startswith("||")
    body = rule.removeprefix("||")
    ended = body.endswith(("^", "^|", "|"))
    body = body.removesuffix("|").removesuffix("^")
    scope = _WIDE
    if anchored and body.startswith("*."):
        body, scope = body[2:], BITS[Scope.BELOW]
    elif not anchored and ended and body.startswith("."):  # whatever ends with .name
        body, scope = body[1:], BITS[Scope.BELOW]
    elif not anchored and not ended:
        scope = BITS[Scope.EXACT]  # a plain name
    if "." not in body and ":" not in body and not (anchored and ended):
        return Line(skipped=_PATTERN)  # ||top^ is a name; top^ is whatever ends so
    if (
        "*" in body
        or "^" in body
        or "|" in body
        or body.endswith(".")
        or body.startswith((".", "-"))
    ):
        return Line(skipped=_PATTERN)
    made = _named(body, scope, allow=allow)
    if made.reason and not (anchored and ended) and _FRAGMENT.match(body):
        return Line(skipped=_PATTERN)
    return made


def _named(body: str, scope: int, *, allow: bool) -> Line:
    """Return what a rule about the one name or address `body` comes to."""
    if "*" in body or "^" in body or "|" in body:
        return Line(skipped=_PATTERN)
    if "/" in body or (":" in body and network(body) is None):
        return Line(skipped="a path or port on a host")
    if address := network(body):
        return Line(networks=() if allow else (address,), skipped="an address" if allow else None)
    try:
        return Line((Entry(parse(body), scope, allow),))
    except NameFault as fault:
        return Line(reason=f"the name {fault}")


FORMAT = LineFormat(
    name="adblock",
    summary="||name^ on each line: the name and all below it; @@||name^ excepts",
    shapes=(
        Shape("||", "^", _WIDE),
        Shape("||", "^$important", _WIDE),
        Shape("@@||", "^", _WIDE, allow=True),
    ),
    odd=_odd,
)
