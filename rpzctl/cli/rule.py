"""block, allow, unblock, unallow, list: the operator's own rules."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from rpzctl.cli import show
from rpzctl.cli.options import (
    WAIT,
    Force,
    Json,
    NoCommit,
    Wait,
    complete_allowed,
    complete_blocked,
    complete_trigger,
    invoker,
    run_of,
)
from rpzctl.cli.telling import told

if TYPE_CHECKING:
    from rpzctl import commands
    from rpzctl.edits import Subject
    from rpzctl.rpz import Action
    from rpzctl.rule import Rule, Verb
    from rpzctl.run import Run
    from rpzctl.triggers import Trigger

_PASTED = "As pasted: URLs, evil[.]example, upper case, Unicode. *.NAME: only what is below."
Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME...", help=_PASTED, show_default=False)
]
Blocked = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME...", help=_PASTED, show_default=False, autocompletion=complete_blocked
    ),
]
Allowed = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME...", help=_PASTED, show_default=False, autocompletion=complete_allowed
    ),
]
Exact = Annotated[bool, typer.Option("--exact", help="Only the name itself, not what is below.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE", help="Also the names in FILE, one a line; - for stdin."),
]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the rule.")]
Ticket = Annotated[str | None, typer.Option(help="Case number; kept with the rule.")]
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="30m, 12h, 7d, 2026-12-31 (that day's end, UTC).")
]
By = Annotated[str | None, typer.Option(help="Who decided; else the invoking user.")]
OfTrigger = Annotated[
    str | None,
    typer.Option(
        "--trigger",
        help="What the rule is about: qname (else for names), response-ip (else for addresses), "
        "client-ip, ns-ip, nsdname.",
        show_default=False,
        autocompletion=complete_trigger,
    ),
]
NoApply = Annotated[bool, typer.Option("--no-apply", help="Record only; apply later.")]


class How(NamedTuple):
    """How a change of rules is carried out."""

    wait: float
    record: bool
    no_commit: bool
    json: bool


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: rpzctl block evil.example --reason 'C2' --expires 7d")(block)
    app.command(epilog="Example: rpzctl allow good.evil.example --ticket INC-7")(allow)
    app.command(epilog="Example: rpzctl unblock evil.example")(unblock)
    app.command(epilog="Example: rpzctl unallow good.evil.example")(unallow)


def block(
    ctx: typer.Context,
    names: Names = None,
    exact: Exact = False,
    action: Annotated[
        str | None,
        typer.Option(
            help="nxdomain, nodata, drop, tcp-only, sinkhole or cname:TARGET; else as configured."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RECORD",
            help="Answer with this record in place of an action: 'A 192.0.2.1'; once for each.",
            show_default=False,
        ),
    ] = None,
    trigger: OfTrigger = None,
    via: Annotated[
        str, typer.Option(help="rpz: a rule of the policy zone; zone: a sinkhole zone of its own.")
    ] = "rpz",
    reason: Reason = None,
    ticket: Ticket = None,
    expires: Expires = None,
    by: By = None,
    from_: From = None,
    force: Force = False,
    no_apply: NoApply = False,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Block names, addresses or networks now, and prove it on the resolver."""
    from rpzctl.errors import UsageFault

    if via not in {"rpz", "zone"}:
        raise UsageFault(f"--via is rpz or zone, not {via!r}")
    parsed = _action(action, data)
    like = like_rule("block", reason, ticket, expires, by, force=force)
    like = like._replace(action=parsed, via="zone" if via == "zone" else "rpz")
    _add(
        ctx,
        like,
        _subjects(names, from_, exact=exact, trigger=trigger),
        how=How(wait, no_apply, no_commit, json),
    )


def allow(
    ctx: typer.Context,
    names: Names = None,
    exact: Exact = False,
    trigger: OfTrigger = None,
    reason: Reason = None,
    ticket: Ticket = None,
    expires: Expires = None,
    by: By = None,
    from_: From = None,
    force: Force = False,
    no_apply: NoApply = False,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Let names resolve whatever feeds and wider blocks say, and prove it."""
    like = like_rule("allow", reason, ticket, expires, by, force=force)
    _add(
        ctx,
        like,
        _subjects(names, from_, exact=exact, trigger=trigger),
        how=How(wait, no_apply, no_commit, json),
    )


def unblock(
    ctx: typer.Context,
    names: Blocked = None,
    exact: Exact = False,
    trigger: OfTrigger = None,
    from_: From = None,
    no_apply: NoApply = False,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Take block rules back."""
    subjects = _subjects(names, from_, exact=exact, trigger=trigger)
    _remove(ctx, "block", subjects, how=How(wait, no_apply, no_commit, json))


def unallow(
    ctx: typer.Context,
    names: Allowed = None,
    exact: Exact = False,
    trigger: OfTrigger = None,
    from_: From = None,
    no_apply: NoApply = False,
    no_commit: NoCommit = False,
    wait: Wait = WAIT,
    json: Json = False,
) -> None:
    """Take allow rules back."""
    subjects = _subjects(names, from_, exact=exact, trigger=trigger)
    _remove(ctx, "allow", subjects, how=How(wait, no_apply, no_commit, json))


def _action(action: str | None, data: list[str] | None) -> "Action | None":
    from rpzctl.errors import UsageFault
    from rpzctl.rpz import parse_action

    if action is not None and data:
        raise UsageFault("--action and --data contradict each other: the records are the answer")
    text = "data:" + "; ".join(data) if data else action
    try:
        return parse_action(text) if text is not None else None
    except ValueError as fault:
        raise UsageFault(f"{'--data' if data else '--action'}: {fault}") from None


def _trigger(text: str | None) -> "Trigger | None":
    from rpzctl.errors import UsageFault
    from rpzctl.triggers import Trigger

    if text is None:
        return None
    if text not in tuple(Trigger):
        raise UsageFault(f"--trigger is one of {', '.join(Trigger)}, not {text!r}")
    return Trigger(text)


def like_rule(
    verb: "Verb",
    reason: str | None,
    ticket: str | None,
    expires: str | None,
    by: str | None,
    *,
    force: bool,
) -> "Rule":
    """Return a rule about nothing yet, with what the options say. Raises `UsageFault`."""
    from rpzctl import times
    from rpzctl.errors import UsageFault
    from rpzctl.names import Domain
    from rpzctl.rule import Rule

    now = datetime.now(UTC).replace(microsecond=0)
    for option, text in (("--reason", reason), ("--ticket", ticket), ("--by", by)):
        if text is not None and (not text.isprintable() or not text.strip()):
            raise UsageFault(f"{option} is empty or has a control character")
    try:
        until = times.expiry(expires, now) if expires is not None else None
    except ValueError as fault:
        raise UsageFault(f"--expires: {fault}") from None
    return Rule(
        verb,
        Domain(""),
        reason=reason,
        ticket=ticket,
        by=by or invoker(),
        at=now,
        expires=until,
        forced=force,
    )


def _subjects(
    names: list[str] | None, source: str | None, *, exact: bool, trigger: str | None
) -> "list[Subject]":
    from rpzctl.edits import from_lines, understand
    from rpzctl.errors import UsageFault

    given = [("", name) for name in names or () if name != "-"]
    sources = [source] if source else []
    if "-" in (names or ()):
        sources.append("-")
    for each in sources:
        try:
            raw = sys.stdin.buffer.read() if each == "-" else Path(each).read_bytes()
            text = raw.decode("utf-8-sig")
        except OSError as fault:
            raise UsageFault(f"cannot read {each}: {fault.strerror}") from None
        except UnicodeDecodeError:
            raise UsageFault(f"{each} is not UTF-8 text") from None
        given += from_lines("stdin" if each == "-" else each, text)
    if not given:
        raise UsageFault("no name was given", fix="name some, or say --from FILE")
    return understand(given, exact=exact, trigger=_trigger(trigger))


def _add(
    ctx: typer.Context,
    like: "Rule",
    subjects: "list[Subject]",
    *,
    how: How,
) -> None:
    from rpzctl import commands, edits, event

    run = run_of(ctx, wait=how.wait, force=like.forced, commit=not how.no_commit)
    run = _caused(run, like, subjects)
    with told(ctx, run, [subject.rule_text for subject in subjects]) as tell:
        done = commands.change_rules(
            run,
            like.verb,
            lambda book: edits.add(book, subjects, like, run.now),
            apply=not how.record,
        )
        tell(event.of_rules(done))
    _tell(done, [r.title for r in run.resolvers], as_json=how.json)


def _remove(
    ctx: typer.Context,
    verb: "Verb",
    subjects: "list[Subject]",
    *,
    how: How,
) -> None:
    from rpzctl import commands, edits, event

    run = _caused(run_of(ctx, wait=how.wait, commit=not how.no_commit), None, subjects)
    with told(ctx, run, [subject.rule_text for subject in subjects]) as tell:
        done = commands.change_rules(
            run,
            verb,
            lambda book: edits.remove(book, subjects, verb, run.now),
            apply=not how.record,
        )
        tell(event.of_rules(done))
    _tell(done, [r.title for r in run.resolvers], as_json=how.json)


def _caused(run: "Run", like: "Rule | None", subjects: "list[Subject]") -> "Run":
    """Return `run` with what is asked, by whom, and why."""
    names = [subject.shown for subject in subjects]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    cause = run.cause._replace(what=f"{run.cause.what} {names[0]}{more}")
    if like is not None:
        why = " ".join(part for part in (like.ticket, like.reason) if part)
        cause = cause._replace(by=like.by or cause.by, why=why)
    return run._replace(cause=cause)


_SAID = {
    "recorded": "{verb} {shown}",
    "changed": "{verb} {shown}: rule changed",
    "already": "already: {verb} {shown}",
    "removed": "no longer: {verb} {shown}",
    "absent": "there is no rule: {verb} {shown}",
}


def _tell(done: "commands.RuleOutcome", titles: list[str], *, as_json: bool) -> None:
    if as_json:
        show.document(done.value())
        return
    for result in done.results:
        text = _SAID[result.status].format(verb=done.verb, shown=result.subject.shown)
        rule = result.rule
        if rule and result.status in {"recorded", "changed"}:
            extra = [str(rule.action)] if rule.action else []
            extra += ["sinkhole zone"] if rule.via == "zone" else []
            if rule.expires:
                from rpzctl import times

                extra.append(f"until {times.show(rule.expires)}")
            text += f" ({', '.join(extra)})" if extra else ""
        print(text)
        if result.note:
            show.note(f"  {result.note}")
    if done.outcome is None:
        if any(result.status not in {"already", "absent"} for result in done.results):
            print("recorded, not applied")
    elif done.outcome.published or not done.outcome.proven:
        show.outcome(done.outcome, titles)
    for line in done.recorded.lines() if done.recorded else ():
        show.note(line)
