"""The conformance table of docs/reference/resolvers.md, from a run against the real resolvers.

    python -m tests.differential.table [ROUNDS]

Writes docs/conformance.json: for each kind, trigger and action, whether every answer to a query
that meets one rule was BIND's, or which documented difference it was.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.differential.test_differential import ROOT, ROUNDS, isolated

FILE = ROOT / "docs" / "conformance.json"


def seen(kind: str, rounds: int) -> dict[str, str]:
    """Return what was seen of each trigger and action: BIND, or the difference."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = [str(seed) for seed in range(1000, 1000 + rounds)]
        argv = [sys.executable, "-m", "tests.differential.compare", kind, folder, *numbers]
        done = subprocess.run([*isolated(), *argv], cwd=ROOT, capture_output=True, check=True)
    found = json.loads(done.stdout)
    if found["differences"]:
        raise SystemExit(f"{kind}: {found['first']}")
    return cells(found["cells"])


def cells(counted: dict[str, int]) -> dict[str, str]:
    """Return by "trigger action" what was seen, of counts by "trigger action how"."""
    hows: dict[str, set[str]] = {}
    for key in counted:
        cell, _, how = key.rpartition(" ")
        hows.setdefault(cell, set()).add(how)
    return {cell: ", ".join(sorted(told - {"BIND"}) or ["BIND"]) for cell, told in hows.items()}


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 70
    made = {kind: dict(sorted(seen(kind, rounds).items())) for kind in ROUNDS}
    Path(FILE).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
