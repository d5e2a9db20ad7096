"""Every command answers --help with an example, and takes --json."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from rpzctl import cli, errors


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer does not export Click's types
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands(typer.main.get_command(cli.app)))


def test_the_commands_of_the_contract_are_there() -> None:
    contract = "init block allow unblock unallow list sync plan apply check status"
    assert set() == set(contract.split()) - set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_command_takes_json(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", ALL)
def test_a_command_has_help_with_an_example(name: str) -> None:
    command = ALL[name]
    assert (command.help or "").strip().endswith(".")
    assert f"Example: rpzctl {name}" in (command.epilog or "") or "Example: " in command.epilog
    assert name in command.epilog


@pytest.mark.parametrize("name", ALL)
def test_every_option_says_what_it_is_for(name: str) -> None:
    silent = [
        parameter.name
        for parameter in ALL[name].params
        if any(option.startswith("--") for option in parameter.opts)
        and not getattr(parameter, "help", None)
    ]
    assert [] == silent


@pytest.mark.parametrize("name", ALL)
def test_help_is_plain_text_within_the_width(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*name.split(), "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    assert "--json" in captured.out


def test_no_argument_shows_the_help_and_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run([]) == 2
    captured = capsys.readouterr()
    assert "block" in captured.out + captured.err


@pytest.mark.parametrize("arguments", [["blok"], ["block", "--nonsense"], ["--nonsense"]])
def test_what_is_not_understood_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


def test_the_exit_codes_are_those_of_the_contract() -> None:
    expected = {
        "RpzctlError": 1,
        "UsageFault": 2,
        "Refused": 3,
        "CheckFailed": 4,
        "NotLive": 5,
        "Locked": 6,
    }
    found = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.RpzctlError)
    }
    assert expected == found
    assert len(set(found.values())) == len(found)


def test_an_error_is_a_document() -> None:
    fault = errors.Refused("no", details=["a", "b"], fix="say --force")
    assert {
        "error": {
            "kind": "Refused",
            "message": "no",
            "details": ["a", "b"],
            "fix": "say --force",
            "exit_code": 3,
        }
    } == fault.value()
