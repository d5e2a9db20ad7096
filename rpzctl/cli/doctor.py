"""doctor: look at everything, and say the mend."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from rpzctl.cli import show
from rpzctl.cli.options import Json, scene_of
from rpzctl.cli.progress import progress

if TYPE_CHECKING:
    from rpzctl.doctor.finding import Finding, State

_FAULTS = 4
_COLOURS = {"ok": "green", "warning": "yellow", "fault": "red", "not-looked-at": "dim"}
_MARKS: "dict[State, str]" = {"ok": "✓", "warning": "!", "fault": "✗", "not-looked-at": "-"}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        epilog="Example: rpzctl doctor; or, after a mend: rpzctl doctor --only includes. "
        "Exit code 4: there are faults."
    )(doctor)


def _complete(incomplete: str) -> list[str]:
    from rpzctl import doctor as examinations

    known = (examinations.id_of(each) for each in examinations.EXAMINATIONS)
    return [name for name in known if name.startswith(incomplete)]


def doctor(
    ctx: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="This examination only; may be given again.",
            show_default=False,
            autocompletion=_complete,
        ),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask publishers and the git remote, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at everything that keeps a policy from being live, and say the mend. Changes nothing."""
    from rpzctl import doctor as examinations

    chosen = examinations.chosen(only or ())
    with progress(quiet=json) as shown:
        shown.stage("examining")
        findings = examinations.examine(scene_of(ctx, online=online), chosen)
    counts = Counter(finding.state for finding in findings)
    if json:
        show.document(
            {
                "ok": not counts["fault"],
                "counts": {state: counts[state] for state in _MARKS},
                "findings": [finding.value() for finding in findings],
            }
        )
    else:
        _tell(findings, counts)
    if counts["fault"]:
        raise typer.Exit(_FAULTS)


def _tell(findings: "list[Finding]", counts: "Counter[State]") -> None:
    marked = sys.stdout.isatty()
    width = max(len(finding.id) for finding in findings)
    room = 0 if marked else max(len(state) for state in _MARKS)
    passed: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state == "not-looked-at" and not finding.fix:
            passed.setdefault(finding.what, []).append(finding.id)
            continue
        mark = _MARKS[finding.state] if marked else finding.state.ljust(room)
        where = f"{finding.where}: " if finding.where else ""
        head = show.paint(mark, _COLOURS[finding.state])
        print(f"{head} {finding.id.ljust(width)}  {where}{finding.what}")
        for line in finding.fix.splitlines():
            print(f"{' ' * (room or 1)} {' ' * width}    {show.paint(line, 'bold')}")
    for why, names in passed.items():
        print(show.paint(f"not looked at: {', '.join(names)}: {why}", "dim"))
    told: tuple[tuple[State, str], ...] = (
        ("fault", "faults"),
        ("warning", "warnings"),
        ("ok", "ok"),
        ("not-looked-at", "not looked at"),
    )
    print(", ".join(f"{counts[state]} {name}" for state, name in told))
