"""The evaluator against BIND: random policies, random queries, no difference.

    python -m tests.differential.bind FOLDER SEED...

Runs in a network namespace of its own, for the small internet has addresses and port 53 there.
Prints what was compared and what differs, as JSON.
"""

import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rpzctl import build, config, evaluate, render
from rpzctl.evaluate import Query, Verdict
from rpzctl.manifest import ZoneEntry
from rpzctl.names import sort_key
from rpzctl.plan import Candidate
from rpzctl.resolvers import Answer
from rpzctl.rows import QuickRows
from rpzctl.rpz import Row, Scope
from rpzctl.triggers import Trigger
from tests.differential import universe
from tests.differential.asking import ask_all
from tests.servers import Named, free_port

ZONES = ("first.rpz", "second.rpz", "third.rpz")
QUERIES = 300


def settings(home: Path) -> config.Config:
    (home / "rpzctl.toml").write_text(f'[paths]\noutput = "{home}/out"\nstate = "{home}/state"\n')
    return config.load(home / "rpzctl.toml")


def written(home: Path, chance: random.Random) -> list[ZoneEntry]:
    """Write random policy zones as rpzctl writes zones."""
    loaded = settings(home)
    env = render.environment(loaded)
    entries = []
    for origin in ZONES:
        triggers = tuple(chance.sample(tuple(Trigger), chance.randint(1, 3)))
        rows = sorted(universe.rules(chance, triggers), key=_canonical)
        actions = {row.action for row in rows}
        drawn = render.zone(env, "bind/rpz.zone.j2", loaded, origin, actions)
        made = Candidate(origin, drawn=drawn, rows=QuickRows(tuple(rows)))
        entries.append(build.build_zone(made, home, chance.randint(1, 2**31)))
    return entries


def _canonical(row: Row) -> tuple[str, bool]:
    return sort_key(row.name), row.scope is Scope.BELOW


def resolver(home: Path, *, wait: bool) -> Named:
    """Return a resolver that has the policy zones in `home`."""
    named = Named(home, port=free_port())
    named.prepare()
    (home / "hints").write_text(f". 60 NS ns.test.\nns.test. 60 A {universe.ROOT_ADDRESS}\n")
    order = " ".join(f'zone "{origin}";' for origin in ZONES)
    zones = "".join(
        f'zone "{origin}" {{ type primary; file "{home}/{origin}.zone"; check-names ignore; }};\n'
        for origin in ZONES
    )
    named.conf.write_text(
        f'include "{named.key}";\n'
        f'options {{ directory "{home}"; pid-file "{home}/named.pid"; recursion yes;\n'
        f'session-keyfile "{home}/session.key"; dnssec-validation no; empty-zones-enable no;\n'
        "allow-query { any; }; allow-recursion { any; }; qname-minimization off; servfail-ttl 0;\n"
        f"listen-on port {named.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n"
        f"response-policy {{ {order} }} qname-wait-recurse {'yes' if wait else 'no'} "
        "break-dnssec yes min-update-interval 0; };\n"
        f'zone "." {{ type hint; file "hints"; }};\n{zones}'
    )
    return named


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


def compare(home: Path, seed: int, *, wait: bool) -> tuple[int, list[str]]:
    """Compare one random policy; return how many queries were held against it, and differences."""
    chance = random.Random(seed)
    entries = written(home, chance)
    asked = universe.queries(chance, QUERIES)
    with evaluate.opened_zones([(home, entry) for entry in entries]) as zones:
        verdicts = [evaluate.evaluate(zones, (), query) for query in asked]
    named = resolver(home, wait=wait)
    named.start()
    try:
        silent = {place for place, each in enumerate(verdicts) if each.outcome == "drop"}
        answers = ask_all(named.port, asked, silent)
        # named says SERVFAIL to the first who ask while it fetches the addresses of name servers.
        again = [place for place, each in enumerate(answers) if each.rcode == "SERVFAIL"]
        second = ask_all(named.port, [asked[place] for place in again], set())
        for place, answer in zip(again, second, strict=True):
            answers[place] = answer
    finally:
        named.stop()
    told = (differs(*each) for each in zip(asked, verdicts, answers, strict=True))
    return len(asked), [f"seed {seed}: {text}" for text in told if text]


def main(folder: Path, seeds: Sequence[int]) -> dict[str, object]:
    """Compare the policies of all `seeds`; each fourth with names held after the answer."""
    internet = universe.authoritative(folder)
    count, wrong = 0, []
    try:
        internet.start_when_it_answers(universe.ROOT_ADDRESS)
        for seed in seeds:
            home = folder / str(seed)
            home.mkdir()
            compared, found = compare(home, seed, wait=seed % 4 == 3)
            count += compared
            wrong += found
    finally:
        internet.stop()
    return {"compared": count, "differences": len(wrong), "first": wrong[:10]}


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in universe.ADDRESSES:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]])))
