"""What people paste: understood and echoed, or refused with a reason."""

from pathlib import Path

import pytest

from tests.servers import REAL, Site


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ("https://url.example/some/path?q=1#f", "url.example"),
        ("hxxps://defanged[.]example/x", "defanged.example"),
        ("hxxp[:]//colon.example:8080/", "colon.example"),
        ("dot(dot)example", "dot.example"),
        ("UPPER.Example", "upper.example"),
        ("final.example.", "final.example"),
        ("  blank.example  ", "blank.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ÖBB。example", "xn--bb-eka.example"),
        ("_dmarc.under_score.example", "_dmarc.under_score.example"),
        ("https://user:word@auth.example/", "auth.example"),
    ],
)
def test_a_pasted_form_is_understood_and_echoed(shared: Site, given: str, recorded: str) -> None:
    done = shared.ok("block", given)
    assert f"block {recorded}" in done.stdout
    assert shared.answer(recorded) == "NXDOMAIN"
    assert any(
        line.startswith(recorded + " ") for line in shared.block_list.read_text().split("\n")
    )


def test_the_unicode_form_is_shown_beside_the_recorded_one(repo: Site) -> None:
    done = repo.ok("block", "BÜCHER.example", "--no-apply")
    assert "xn--bcher-kva.example (bücher.example)" in done.stdout


def test_a_pasted_form_finds_the_rule_again(shared: Site) -> None:
    shared.ok("block", "again.example")
    done = shared.ok("unblock", "hxxps://AGAIN[.]example/path")
    assert "no longer: block again.example" in done.stdout
    assert shared.answer("again.example") == REAL


def test_names_come_from_a_file(shared: Site, tmp_path: Path) -> None:
    listed = tmp_path / "names.txt"
    listed.write_text("# from the CERT\none.listed.example\n\nhxxp://two[.]listed.example/x # C2\n")
    shared.ok("block", "--from", str(listed), "three.listed.example")
    names = [f"{n}.listed.example" for n in ("one", "two", "three")]
    assert shared.answers(names) == dict.fromkeys(names, "NXDOMAIN")
    shared.ok("unblock", "--from", str(listed))
    assert shared.answer("one.listed.example") == REAL


@pytest.mark.parametrize("arguments", [("-",), ("--from", "-")])
def test_names_come_from_stdin(shared: Site, arguments: tuple[str, ...]) -> None:
    name = f"stdin{len(arguments)}.example"
    shared.ok("block", *arguments, stdin=f"# a comment\n{name}\n")
    assert shared.answer(name) == "NXDOMAIN"


def test_all_bad_names_are_told_and_nothing_is_changed(repo: Site, tmp_path: Path) -> None:
    before = repo.files()
    listed = tmp_path / "names.txt"
    listed.write_text("good.example\nbad name.example\n# fine\nworse..example\n")
    done = repo.cli("block", "fine.example", "10.0.0.1/8", "--from", str(listed))
    assert done.status == 2
    for told in ("10.0.0.1/8", f"{listed}:2", f"{listed}:4", "bad name.example", "worse..example"):
        assert told in done.stderr
    assert "10.0.0.0/8 is the network around it" in done.stderr
    assert repo.files() == before


@pytest.mark.parametrize(
    "given",
    [
        "",
        ".",
        "two words.example",
        "new\nline.example",
        "control\x01.example",
        "esc\x1b[31m.example",
        "empty..example",
        ".leading.example",
        "a" * 64 + ".example",
        ".".join(["abcdefgh"] * 29) + ".example",
        "192.0.2.7/24",
        "fe80::1%eth0",
        "http://192.0.2.256/x",
        "192.0.2.0/33",
        "x CNAME rpz-passthru.",
        "$ORIGIN com.",
        "$INCLUDE /etc/passwd",
        "{{ 7*7 }}.example",
        "{% include 'x' %}",
        "a;b.example",
        'a"b.example',
        "someone@mail.example",
        "rtl\u202eoverride.example",
        "*.*.example",
        "foo.*.example",
    ],
)
def test_what_is_no_name_is_refused(repo: Site, given: str) -> None:
    before = repo.files()
    done = repo.cli("block", "--", given)
    assert done.status == 2, done
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert "\u202e" not in done.stderr
    assert "\x1b" not in done.stderr
    assert repo.files() == before


def test_a_name_too_long_for_the_zone_is_refused(repo: Site) -> None:
    before = repo.files()
    name = ".".join(["a" * 60] * 3 + ["b" * 53, "example"])
    assert len(name) <= 253
    done = repo.cli("block", name)
    assert done.status == 2
    assert "local.rpz" in done.stderr
    assert repo.files() == before


def test_a_star_and_exact_contradict_each_other(repo: Site) -> None:
    done = repo.cli("block", "*.x.example", "--exact")
    assert done.status == 2
    assert "exact" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--action", "explode"),
        ("--action", "cname:"),
        ("--action", "cname:not a name"),
        ("--action", "passthru"),
        ("--via", "pigeon"),
        ("--via", "zone", "--exact"),
        ("--via", "zone", "--action", "nodata"),
        ("--expires", "yesterday"),
        ("--expires", "2001-01-01"),
        ("--expires", "99999999w"),
        ("--reason", "two\nlines"),
        ("--by", ""),
        ("--from", "no/such/file"),
        ("--wait", "soon"),
    ],
)
def test_a_bad_option_is_refused(repo: Site, options: tuple[str, ...]) -> None:
    before = repo.files()
    done = repo.cli("block", "evil.example", *options)
    assert done.status == 2, done
    assert "Traceback" not in done.stderr
    assert repo.files() == before


def test_no_name_at_all_is_refused(repo: Site) -> None:
    assert repo.cli("block").status == 2
    assert repo.cli("block", "-", stdin="# only a comment\n").status == 2


def test_a_file_that_is_not_text_is_refused(repo: Site, tmp_path: Path) -> None:
    listed = tmp_path / "binary"
    listed.write_bytes(b"\xff\xfe\x00e\x00v")
    done = repo.cli("block", "--from", str(listed))
    assert done.status == 2
    assert str(listed) in done.stderr
    assert "Traceback" not in done.stderr


def test_stdin_that_is_not_text_is_refused(repo: Site, tmp_path: Path) -> None:
    listed = tmp_path / "binary"
    listed.write_bytes(b"evil.example\n\xff\xfe\n")
    with listed.open("rb") as stdin:
        child = repo.start("block", "-", stdin=stdin)
        _, told = child.communicate(timeout=60)
    assert child.returncode == 2
    assert b"Traceback" not in told
