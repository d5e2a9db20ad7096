"""One rule of the operator, and its line in a rule file.

evil.example action=drop reason="C2 of case 7" ticket=INC-7 by=anna at=2026-11-24T03:00:00Z
*.tracker.example                      # only what is below it
login.evil.example exact expires=2026-12-31
"""

import json
import re
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rpzctl import times
from rpzctl.names import Domain, NameFault, is_address, parse, printable
from rpzctl.rpz import Action, Scope, parse_action
from rpzctl.triggers import ADDRESSES, Trigger, is_other, owner_of, subject, trigger_of

Verb = Literal["block", "allow"]
Via = Literal["rpz", "zone"]

WORDS = re.compile(r'[^\s"#=]+="(?:[^"\\]|\\.)*"|[^\s"#]+|#.*|\S')
_BARE = re.compile(r"[^\s\"#\\]+\Z")
_KEYS: dict[Verb, tuple[str, ...]] = {
    "block": ("action", "via", "reason", "ticket", "by", "at", "expires", "forced", "trigger"),
    "allow": ("reason", "ticket", "by", "at", "expires", "forced", "trigger"),
}


class Rule(NamedTuple):
    """What an operator decided about a name, an address or a network."""

    verb: Verb
    name: Domain
    """or the owner of another trigger: see `rpzctl.triggers`"""
    scope: Scope = Scope.SUBTREE
    action: Action | None = None
    """None: the configured default."""
    via: Via = "rpz"
    reason: str | None = None
    ticket: str | None = None
    by: str | None = None
    at: datetime | None = None
    expires: datetime | None = None
    forced: bool = False
    """A person overrode the guards for this rule."""

    @property
    def trigger(self) -> Trigger | None:
        """Which trigger the rule is, where that does not go without saying."""
        trigger = trigger_of(self.name)
        return None if trigger in {Trigger.QNAME, Trigger.RESPONSE_IP} else trigger

    @property
    def subject(self) -> tuple[Domain, Scope]:
        """What the rule speaks of; there is one rule for each subject in a file."""
        return self.name, self.scope

    def shown(self) -> str:
        """Return the subject as the rule file has it."""
        return subject_text(self.name, self.scope)

    def in_force(self, now: datetime) -> bool:
        """Tell whether the rule has not expired at `now`."""
        return self.expires is None or self.expires > now

    def line(self) -> str:
        """Return the rule as one line of a rule file, without the line feed."""
        words = [self.shown()]
        for key in _KEYS[self.verb]:
            text = _attribute(getattr(self, key), key)
            if text:
                words.append(f"{key}={text}")
        return " ".join(words)

    def value(self) -> dict[str, object]:
        """Return the rule as a JSON-ready document."""
        return {
            "verb": self.verb,
            "name": subject(self.name).text,
            "trigger": str(trigger_of(self.name)),
            "scope": str(self.scope),
            "action": str(self.action) if self.action else None,
            "via": self.via if self.verb == "block" else None,
            "reason": self.reason,
            "ticket": self.ticket,
            "by": self.by,
            "at": times.show(self.at) if self.at else None,
            "expires": times.show(self.expires) if self.expires else None,
            "forced": self.forced,
        }


def subject_text(name: Domain, scope: Scope) -> str:
    """Return ``name``, ``name exact`` or ``*.name``; an address or a prefix as it is."""
    if is_other(name):
        told = subject(name)
        if told.trigger in ADDRESSES:
            return told.text
        name = Domain(told.text)
    if scope is Scope.BELOW:
        return "*." + name
    return f"{name} exact" if scope is Scope.EXACT else name


def _attribute(value: object, key: str) -> str:
    if value is None or value is False or (key == "via" and value == "rpz"):
        return ""
    if value is True:
        return "yes"
    text = times.show(value) if isinstance(value, datetime) else str(value)
    return text if _BARE.match(text) else json.dumps(text, ensure_ascii=False)


Attributes = dict[tuple[str, ...], dict[str, Any]]
"""What the words after a name say. Names come in batches, whose lines differ in nothing else."""


def parse_line(line: str, verb: Verb, known: Attributes | None = None) -> Rule | None:
    """Return the rule on `line`, or None for a blank line or a comment. Raises ValueError.

    `known` are the attributes of lines that were read before; this line's are added.
    """
    words = WORDS.findall(line) if '"' in line or "#" in line else line.split()
    while words and words[-1].startswith("#"):
        words.pop()
    if not words:
        return None
    below = words[0].startswith("*.")
    plain = _name(words[0][2:] if below else words[0])
    scope = Scope.BELOW if below else Scope.SUBTREE
    rest = words[1:]
    if rest and rest[0] == "exact":
        if below:
            raise ValueError("'*.' and 'exact' contradict each other")
        scope, rest = Scope.EXACT, rest[1:]
    values = known.get(tuple(rest)) if known is not None else None
    if values is None:
        values = _attributes(rest, verb)
        if known is not None:
            known[tuple(rest)] = values
    if plain is not None and "trigger" not in values:
        rule = Rule(verb, plain, scope, **values)
        return checked(rule) if rule.via == "zone" else rule
    return _other(verb, words[0], scope, dict(values))


def _name(text: str) -> Domain | None:
    """Return the name that `text` is, None for an address. Raises ValueError."""
    try:
        return parse(text)  # an address never is one
    except NameFault as fault:
        if is_address(text):
            return None
        raise ValueError(f"the name {fault}") from None


def _other(verb: Verb, text: str, scope: Scope, values: dict[str, Any]) -> Rule:
    """Return a rule whose trigger is said, or is an address."""
    given = None if scope is Scope.SUBTREE else scope
    try:
        name, meant = named(text, values.pop("trigger", None), given)
    except NameFault as fault:
        raise ValueError(f"{printable(text, 60)} {fault}") from None
    return checked(Rule(verb, name, meant or Scope.SUBTREE, **values))


def named(text: str, trigger: Trigger | None, scope: Scope | None) -> tuple[Domain, Scope | None]:
    """Return the owner and the scope of a rule on what `text` says: a name, an address, a prefix.

    `trigger` None: that of names, or for an address that of answers. Raises `NameFault`.
    """
    address = is_address(text)
    if trigger is None:
        trigger = Trigger.RESPONSE_IP if address else Trigger.QNAME
    if address != (trigger in ADDRESSES):
        wants = "an address or a prefix" if trigger in ADDRESSES else "a name"
        raise NameFault(f"is not {wants}, of which a {trigger} rule speaks")
    if not address:
        return owner_of(text.removeprefix("*."), trigger), scope
    if scope is not None:
        raise NameFault("is an address: 'exact' and '*.' are for names")
    return owner_of(text, trigger), Scope.EXACT


def _attributes(words: list[str], verb: Verb) -> dict[str, Any]:
    """Return the values of ``key=value`` words. Raises ValueError."""
    values: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS[verb]:
            known = ", ".join(_KEYS[verb])
            raise ValueError(f"{printable(word, 40)!r} is not one of {known} with =VALUE")
        if key in values:
            raise ValueError(f"{key} stands twice")
        values[key] = _value(key, value)
    return values


def _value(key: str, text: str) -> object:  # noqa: C901 - one branch for each key
    if text[:1] == '"':
        try:
            text = json.loads(text)
        except json.JSONDecodeError:
            raise ValueError(f"the quotes of {key} do not close as in JSON") from None
    if not text:
        raise ValueError(f"{key} is empty")
    if not text.isprintable():
        raise ValueError(f"{key} has a control character")
    if key == "action":
        return parse_action(text)
    if key == "trigger":
        if text not in tuple(Trigger):
            raise ValueError(f"trigger is one of {', '.join(Trigger)}")
        return Trigger(text)
    if key in {"at", "expires"}:
        try:
            return times.parse(text)
        except ValueError:
            raise ValueError(f"{key}={text} is no RFC 3339 time or date") from None
    if key == "via" and text not in {"rpz", "zone"}:
        raise ValueError("via is rpz or zone")
    if key == "forced":
        if text not in {"yes", "no"}:
            raise ValueError("forced is yes or no")
        return text == "yes"
    return text


def checked(rule: Rule) -> Rule:
    """Return `rule` unless its parts contradict each other; raises ValueError then."""
    if rule.via == "zone":
        if is_other(rule.name):
            raise ValueError("a sinkhole zone (via zone) is for a name, and what is below it")
        if rule.scope is not Scope.SUBTREE:
            raise ValueError("a sinkhole zone (via zone) always covers the name and all below it")
        if rule.action is not None and str(rule.action) != "sinkhole":
            raise ValueError("a sinkhole zone (via zone) has only the action sinkhole")
    return rule
