"""The evaluator against a resolver: random policies, random queries, no unexplained difference.

    python -m tests.differential.compare KIND FOLDER SEED...

Runs in a network namespace of its own, for the small internet has addresses and port 53 there.
Prints what was compared, what a documented difference explains, and what differs, as JSON.
"""

import json
import random
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from rpzctl import build, config, differences, evaluate, render
from rpzctl.evaluate import Query, Verdict
from rpzctl.manifest import ZoneEntry
from rpzctl.names import sort_key
from rpzctl.plan import Candidate
from rpzctl.resolvers import Answer, Question
from rpzctl.rows import QuickRows
from rpzctl.rpz import Row, Scope
from tests.differential import universe
from tests.differential.asking import ask_all
from tests.differential.engines import ENGINES, ORIGINS, Engine

QUERIES = 300


def settings(home: Path) -> config.Config:
    (home / "rpzctl.toml").write_text(f'[paths]\noutput = "{home}/out"\nstate = "{home}/state"\n')
    return config.load(home / "rpzctl.toml")


def written(home: Path, chance: random.Random, engine: type[Engine]) -> list[ZoneEntry]:
    """Write random policy zones as rpzctl writes zones."""
    loaded = settings(home)
    env = render.environment(loaded)
    entries = []
    for origin in ORIGINS:
        able = engine.bounds.triggers
        triggers = tuple(chance.sample(able, chance.randint(1, min(3, len(able)))))
        rows = sorted(universe.rules(chance, triggers, engine.bounds), key=_canonical)
        actions = {row.action for row in rows}
        drawn = render.zone(env, "bind/rpz.zone.j2", loaded, origin, actions)
        candidate = Candidate(origin, drawn=drawn, rows=QuickRows(tuple(rows)))
        entries.append(build.build_zone(candidate, home, chance.randint(1, 2**31)))
    return entries


def _canonical(row: Row) -> tuple[str, bool]:
    return sort_key(row.name), row.scope is Scope.BELOW


def differs(query: Query, verdict: Verdict, answer: Answer) -> str | None:
    """Return how the answer is not that of the verdict."""
    said = {f"{kind} {data}" for kind, data in answer.records}
    match verdict.outcome:
        case "drop":
            right = answer.rcode is None
        case "tcp-only":
            right = answer.truncated
        case "nxdomain":
            right = answer.rcode == "NXDOMAIN"
        case "nodata":
            right = answer.rcode == "NOERROR" and not said
        case "data":
            right = set(verdict.records) <= said
        case _:
            truth = {f"{query.type} {address}" for address in query.answers}
            truth = truth or {'TXT "real"'}
            right = answer.rcode == "NOERROR" and truth <= said
    if right:
        return None
    owner = f" by {verdict.match.zone} {verdict.match.owner}" if verdict.match else ""
    return f"{query}: expected {verdict.outcome}{owner}, got {answer.text()}"


class Asked(NamedTuple):
    """A question, what becomes of it, and what was answered."""

    query: Query
    bind: Verdict
    """what BIND does"""
    own: Verdict
    """what the resolver does, by the documented differences"""
    reasons: tuple[str, ...]
    """the differences by which it does so"""
    answer: Answer

    @property
    def fault(self) -> str | None:
        """How the answer is not what the resolver does."""
        return differs(self.query, self.own, self.answer)


def waves(queries: Sequence[Query]) -> list[list[Query]]:
    """Return the queries such that in none of the lists two ask for the same.

    Of two that are asked at the same moment, one may be given the answer of the other.
    """
    found: list[list[Query]] = []
    often: Counter[tuple[str, str]] = Counter()
    for query in queries:
        place = often[query.name, query.type]
        often[query.name, query.type] += 1
        found += [[]] * (place == len(found))
        found[place] = [*found[place], query]
    return found


def asked_of(home: Path, seed: int, kind: str) -> list[Asked]:
    """Ask a resolver with one random policy; return what came of it."""
    chance = random.Random(seed)
    entries = written(home, chance, ENGINES[kind])
    queries = universe.queries(chance, QUERIES)
    engine = ENGINES[kind](home, wait=seed % 4 == 3)
    engine.start()
    try:
        told: list[Asked] = []
        resolved: set[tuple[str, str]] = set()
        with evaluate.opened_zones([(home, entry) for entry in entries]) as zones:
            for wave in waves(queries):
                made = [expected(kind, zones, query, resolved) for query in wave]
                dropped = {place for place, each in enumerate(made) if each.own.outcome == "drop"}
                found = answers(engine, wave, dropped)
                told += [
                    each._replace(answer=answer) for each, answer in zip(made, found, strict=True)
                ]
                resolved |= {
                    (each.query.name, each.query.type)
                    for each in made
                    if differences.is_resolved(each.own)
                }
        return told
    finally:
        engine.stop()


def expected(
    kind: str,
    zones: Sequence[evaluate.Zone],
    query: Query,
    resolved: Collection[tuple[str, str]],
) -> Asked:
    """Return a question with what becomes of it, not answered yet.

    `resolved` are those whose true answer is in the resolver's cache.
    """
    bind = evaluate.evaluate(zones, (), query)
    found = (bind.match, *bind.beaten) if bind.match else ()
    cached = (query.name, query.type) in resolved
    own, reasons = differences.verdict(kind, query, (), found, cached=cached)
    return Asked(query, bind, own, tuple(reasons), Answer(Question(query.name, query.type)))


def answers(engine: Engine, queries: Sequence[Query], dropped: set[int]) -> list[Answer]:
    """Return what the resolver answers; `dropped` are the places of those that get no answer."""
    found = ask_all(engine.port, queries, dropped)
    # named says SERVFAIL to the first who ask while it fetches the addresses of name servers.
    again = [place for place, each in enumerate(found) if each.rcode == "SERVFAIL"]
    second = ask_all(engine.port, [queries[place] for place in again], set())
    for place, answer in zip(again, second, strict=True):
        found[place] = answer
    return found


class Judged(NamedTuple):
    """What came of one policy."""

    explained: Counter[str]
    """answers that are not BIND's, by the documented differences that they are"""
    wrong: tuple[str, ...]
    """answers that nothing explains"""


def judge(told: Sequence[Asked]) -> Judged:
    """Return what the documented differences explain of the answers, and what they do not."""
    explained: Counter[str] = Counter()
    wrong = []
    for each in told:
        if each.fault is not None:
            wrong.append(each.fault)
            continue
        if differs(each.query, each.bind, each.answer) is not None:
            explained.update(each.reasons)
    return Judged(explained, tuple(wrong))


def main(kind: str, folder: Path, seeds: Sequence[int]) -> dict[str, object]:
    """Compare the policies of all `seeds`; each fourth with names held after the answer."""
    internet = universe.authoritative(folder)
    count, wrong = 0, []
    explained: Counter[str] = Counter()
    try:
        internet.start_when_it_answers(universe.ROOT_ADDRESS)
        for seed in seeds:
            home = folder / str(seed)
            home.mkdir()
            told = asked_of(home, seed, kind)
            judged = judge(told)
            count += len(told)
            explained += judged.explained
            wrong += [f"seed {seed}: {fault}" for fault in judged.wrong]
    finally:
        internet.stop()
    return {
        "compared": count,
        "explained": dict(sorted(explained.items())),
        "differences": len(wrong),
        "first": wrong[:10],
    }


if __name__ == "__main__":
    universe.connect()
    kind, folder, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(main(kind, Path(folder), [int(text) for text in numbers])))
