"""The policy as planned, in files that a query can be held against; nothing is published."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rpzctl import cases, evaluate
from rpzctl.config import Sinkhole
from rpzctl.errors import RpzctlError
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.resolvers import Answer, Marks, rewritten
from rpzctl.run import Run
from rpzctl.triggers import Trigger

if TYPE_CHECKING:
    from rpzctl.build import Target
    from rpzctl.check import Finding
    from rpzctl.plan import Plan
    from rpzctl.policy import OperatorPolicy

Files = list[tuple[Path, ZoneEntry]]


@contextmanager
def planned(run: Run) -> Iterator[tuple[Files, tuple[str, ...]]]:
    """Give the policy zones in order, and the sinkhole zones, as `apply` would publish them.

    Zones that stay as they are published are not built. Raises what a plan does.
    """
    base = run.store.sound(run.store.current(), thorough=False)
    target, _ = _target(run, base)
    with _built(run, base, target) as files:
        yield files, target.sinkholes


def plan(run: Run) -> "tuple[Plan, list[Finding]]":
    """Return what `apply` would change, and which of the team's expectations would not be met."""
    from rpzctl import planning

    base = run.store.sound(run.store.current(), thorough=False)
    target, made = _target(run, base)
    found: list[Finding] = []
    if cases.file_of(run.config).is_file():
        with _built(run, base, target) as files:
            found = list(cases.findings(run.config, files, target.sinkholes))
    return planning.make_plan(run, base, target, made), found


def _target(run: Run, base: Manifest | None) -> "tuple[Target, OperatorPolicy]":
    from rpzctl import bulk, catalogue, planning  # columns, where a policy is made
    from rpzctl.book import read_book

    feeds = catalogue.load(run.config)
    book = read_book(run.config.repo)
    return planning.make_target(
        run, book, base, lambda at: list(bulk.zones(run, at, feeds).candidates)
    )


@contextmanager
def _built(run: Run, base: Manifest | None, target: "Target") -> Iterator[Files]:
    from rpzctl import build

    with tempfile.TemporaryDirectory(prefix="rpzctl-test-") as name:
        folder = Path(name)
        files: Files = []
        for candidate in target.zones:
            old = base.zones.get(candidate.origin) if base else None
            if base and old and (candidate.kept or old.digest == candidate.digest):
                files.append((run.store.folder(base), old))
            else:
                files.append((folder, build.build_zone(candidate, folder, 1)))
        yield files


def published(run: Run) -> tuple[Files, tuple[str, ...]]:
    """Return the policy zones in order, and the sinkhole zones, as they are published.

    Raises `RpzctlError` if nothing is.
    """
    current = run.store.current()
    if current is None:
        raise RpzctlError("nothing is published yet", fix="rpzctl init")
    return files_of(run.store.folder(current), current), current.sinkholes


def files_of(folder: Path, manifest: Manifest) -> Files:
    """Return the policy zones of the generation in `folder`."""
    return [(folder, manifest.zones[origin]) for origin in manifest.policy_zones]


def verdicts(
    run: Run, query: evaluate.Query, names: Iterable[str], *, as_planned: bool
) -> dict[str, evaluate.Verdict]:
    """Return what becomes of `query` in each of the views `names`; "" is the whole policy.

    Raises `RpzctlError`.
    """
    policy = planned(run) if as_planned else nullcontext(published(run))
    try:
        with policy as (files, sinkholes), evaluate.opened_zones(files) as zones:
            return {
                name: evaluate.evaluate(*cases.in_view(run.config, name, zones, sinkholes), query)
                for name in names
            }
    except (OSError, ValueError) as fault:
        raise _damaged(fault) from None


def monitored(run: Run, query: evaluate.Query) -> list[evaluate.Verdict]:
    """Return what each published zone that is only monitored would do with `query`, if it bit.

    Raises `RpzctlError`.
    """
    files, _ = published(run)
    try:
        with evaluate.opened_zones(files, monitored=True) as zones:
            each = [evaluate.evaluate([zone], (), query) for zone in zones]
    except (OSError, ValueError) as fault:
        raise _damaged(fault) from None
    return [verdict for verdict in each if verdict.match]


def _damaged(fault: Exception) -> RpzctlError:
    told = f"a published file is gone or damaged: {fault}"
    return RpzctlError(told, fix="'rpzctl apply' builds it anew")


def held(run: Run, path: Path, *, as_planned: bool) -> list[cases.Held]:
    """Return what becomes of each expectation in the file `path`. Raises `RpzctlError`."""
    wanted = cases.load(path)
    policy = planned(run) if as_planned else nullcontext(published(run))
    with policy as (files, sinkholes), evaluate.opened_zones(files) as zones:
        return cases.hold(run.config, wanted, zones, sinkholes)


def findings(run: Run) -> "list[Finding]":
    """Return which of the policy repo's own expectations the policy as planned does not meet."""
    if not cases.file_of(run.config).is_file():
        return []
    with planned(run) as (files, sinkholes):
        return list(cases.findings(run.config, files, sinkholes))


_NO_ANSWERS = frozenset({"REFUSED", "NOTAUTH", "FORMERR", "NOTIMP"})
"""what a server says that does not answer us; SERVFAIL is what it says of a broken domain"""


def _is_of_another(answer: Answer, zone: str, marks: Marks) -> bool:
    """Tell whether an answer names another policy zone than `zone` as the one that made it."""
    names = marks not in {Marks.AUTHORITATIVE, Marks.NONE}
    return names and answer.policy_zone not in {None, zone}


def held_against(
    query: evaluate.Query,
    verdict: evaluate.Verdict,
    answer: Answer,
    sinkhole: Sinkhole,
    marks: Marks,
) -> bool | None:
    """Tell whether a resolver's answer is what the policy says; None: it cannot be told.

    So where a rule may have made it of which the query says nothing, and where an answer does not
    show that a rule on its addresses made it: it has none, and so have names that there are not.
    """
    if agrees(verdict, answer, sinkhole, marks):
        unseen = marks in {Marks.AUTHORITATIVE, Marks.NONE} and verdict.ruled_answers
        if verdict.blocks or answer.records or not unseen:
            return True
        return False if query.answers else None
    return None if _may_depend(verdict, answer, marks) else False


def _may_depend(verdict: evaluate.Verdict, answer: Answer, marks: Marks) -> bool:
    """Tell whether a rule may have made `answer` of which the query says nothing.

    Rules on clients have not: under one that speaks of this machine no change could be proved.
    """
    if answer.rcode is None or answer.rcode in _NO_ANSWERS:
        return False
    if not set(verdict.untold) - {Trigger.CLIENT_IP}:
        return False
    return verdict.sinkhole is None or rewritten(answer, marks)


def agrees(  # noqa: PLR0911 - one case for each action
    verdict: evaluate.Verdict, answer: Answer, sinkhole: Sinkhole, marks: Marks = Marks.ZONE
) -> bool:
    """Tell whether a resolver's answer is what the policy says, as far as it shows by its marks."""
    if verdict.outcome == "drop":
        return answer.rcode is None
    if answer.rcode is None or answer.rcode in _NO_ANSWERS:
        return False
    if verdict.sinkhole is not None:
        kind = answer.question.type
        own = {"A": str(sinkhole.ipv4), "AAAA": str(sinkhole.ipv6)}.get(kind)
        return own is None or answer.data(kind) == [own]
    if verdict.blocks and verdict.match and _is_of_another(answer, verdict.match.zone, marks):
        return False
    match verdict.outcome:
        case "passes" | "not rewritten":
            return not rewritten(answer, marks)
        case "tcp-only":
            return answer.truncated
        case "nxdomain":
            return answer.rcode == "NXDOMAIN"
        case "nodata":
            return answer.rcode == "NOERROR" and not answer.records
        case "data":
            said = [f"{kind} {data}" for kind, data in answer.records]
            return answer.truncated or set(verdict.records) <= set(said)
