"""Other programs are bounded in time and cannot block on a full pipe."""

import os
import sys
import time

import pytest

from rpzctl import process
from rpzctl.errors import RpzctlError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_status_and_both_channels_are_returned() -> None:
    done = process.run(python("import sys; print('out'); print('err', file=sys.stderr); exit(3)"))
    assert (3, "out\n", "err\n", b"out\n") == done
    assert done.said == "out\nerr"


def test_much_on_both_channels_does_not_block() -> None:
    code = "import sys; sys.stderr.write('e' * 200_000); sys.stdout.write('o' * 200_000)"
    done = process.run(python(code), timeout=20)
    assert (0, 200_000, 200_000) == (done.status, len(done.out), len(done.err))


def test_much_input_is_given_while_much_output_is_read() -> None:
    data = b"x" * 500_000
    code = "import sys; sys.stdout.write(sys.stdin.read())"
    done = process.run(python(code), stdin=data, timeout=20)
    assert data.decode() == done.out


def test_a_program_that_does_not_read_its_input_is_no_fault() -> None:
    done = process.run(python("pass"), stdin=b"x" * 500_000, timeout=20)
    assert done.status == 0


def test_without_input_it_reads_nothing_and_does_not_wait() -> None:
    done = process.run(python("import sys; print(repr(sys.stdin.read()))"), timeout=20)
    assert done.out == "''\n"


def test_what_takes_too_long_is_killed_and_told() -> None:
    running = process.start(python("import time; time.sleep(60)"))
    begun = time.monotonic()
    with pytest.raises(RpzctlError, match=r"did not end within 0\.2 s") as caught:
        running.wait(timeout=0.2)
    assert time.monotonic() - begun < 10
    assert running.child.poll() is not None
    assert "time.sleep(60)" in caught.value.details[0]


def test_a_grandchild_that_holds_the_pipes_does_not_make_the_wait_longer() -> None:
    begun = time.monotonic()
    with pytest.raises(RpzctlError, match="did not end within"):
        process.run(["sh", "-c", "sleep 8; true"], timeout=0.2)
    assert time.monotonic() - begun < 5


def test_a_program_that_is_missing_is_told() -> None:
    with pytest.raises(RpzctlError, match="the program rpzctl-no-such is not installed"):
        process.run(["rpzctl-no-such"])
    assert process.find("rpzctl-no-such") is None


def test_a_program_that_cannot_be_started_is_told(tmp_path: "os.PathLike[str]") -> None:
    path = os.fspath(tmp_path) + "/odd"
    with open(path, "w", encoding="ascii") as out:  # noqa: PTH123 - one file, one line
        out.write("no program")
    os.chmod(path, 0o755)  # noqa: PTH101, S103 - it has to look like a program
    with pytest.raises(RpzctlError, match="cannot start"):
        process.run([path])


def test_messages_are_in_english_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    done = process.run(python("import os; print(os.environ['LC_ALL'])"))
    assert done.out == "C\n"


def test_octets_that_are_no_text_are_no_fault() -> None:
    done = process.run(python("import sys; sys.stdout.buffer.write(b'a\\xff')"))
    assert done.out == "a\ufffd"


def test_tools_of_servers_are_found_off_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = process.find("ldconfig")
    if not any(os.path.exists(f"{place}/ldconfig") for place in ("/sbin", "/usr/sbin")):  # noqa: PTH110 - plain
        pytest.skip("no ldconfig on this machine")
    assert found is not None
