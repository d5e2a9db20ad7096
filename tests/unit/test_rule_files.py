"""Rule files are edited by the line: what people wrote stays, byte for byte."""

import stat
from pathlib import Path

import pytest

from rpzctl import rules
from rpzctl.book import Book, read_book, written
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.names import Domain
from rpzctl.rpz import Scope
from rpzctl.rule import Rule
from rpzctl.rules import RuleFile, parse_text, put_back, read, with_rules, without, write

PATH = Path("policy/block.list")
FILE = """\
# Names that are blocked.
# Edit by hand.

# case 7
a.example   reason="by   hand"  # keep this

c.example   by=anna
\t# odd  spacing stays
*.e.example
"""


def block(name: str, scope: Scope = Scope.SUBTREE, reason: str | None = None) -> Rule:
    return Rule("block", Domain(name), scope, reason=reason)


def edited(text: str, *fresh: Rule) -> str:
    return with_rules(parse_text(text, PATH, "block"), fresh).text


def test_a_new_rule_goes_where_it_sorts_and_nothing_else_moves() -> None:
    expected = FILE.replace("c.example   by", "b.example\nc.example   by")
    assert expected == edited(FILE, block("b.example"))


def test_a_comment_above_a_rule_stays_with_it() -> None:
    assert FILE.replace("# case 7", "0.example\n# case 7") == edited(FILE, block("0.example"))
    assert FILE.replace("\t# odd", "d.example\n\t# odd") == edited(FILE, block("d.example"))


def test_the_head_of_the_file_stays_at_the_head() -> None:
    head = "# Names that are blocked.\n\n"
    assert head + "a.example\n" == edited(head, block("a.example"))
    assert head + "a.example\nb.example\n" == edited(head + "b.example\n", block("a.example"))


def test_a_rule_that_sorts_last_goes_to_the_end() -> None:
    assert FILE + "z.example\n" == edited(FILE, block("z.example"))


def test_many_rules_at_once_are_sorted_among_each_other() -> None:
    fresh = [block("z.example"), block("b.example", Scope.EXACT), block("b.example")]
    expected = FILE.replace("c.example   by", "b.example exact\nb.example\nc.example   by")
    assert expected + "z.example\n" == edited(FILE, *fresh)


def test_rules_are_sorted_by_labels_from_the_right() -> None:
    names = ["b.a", "a-b", "a", "a.a", "x.a-b"]
    assert "a\na.a\nb.a\na-b\nx.a-b\n" == edited("", *[block(name) for name in names])


def test_a_changed_rule_stays_in_its_place_and_keeps_its_end_comment() -> None:
    expected = FILE.replace('a.example   reason="by   hand"', "a.example reason=new")
    assert expected == edited(FILE, block("a.example", reason="new"))


def test_an_end_comment_with_quotes_is_kept_whole() -> None:
    text = 'a.example reason="x # y"  # said "no" # twice\n'
    assert 'a.example reason=z  # said "no" # twice\n' == edited(
        text, block("a.example", reason="z")
    )


def test_a_file_that_people_left_unsorted_is_not_sorted_for_them() -> None:
    text = "m.example\nc.example\nx.example\n"
    assert "m.example\nc.example\nn.example\nx.example\n" == edited(text, block("n.example"))
    assert "b.example\n" + text == edited(text, block("b.example"))


def test_a_file_without_a_last_line_feed_gets_one() -> None:
    assert "a.example\nb.example\n" == edited("a.example", block("b.example"))


def test_after_a_union_merge_the_later_line_wins_and_one_change_leaves_one_line() -> None:
    merged = "a.example reason=ours\n# theirs\na.example reason=theirs\nb.example\n"
    assert "theirs" == parse_text(merged, PATH, "block").rules[block("a.example").subject].reason
    expected = "# theirs\na.example reason=new\nb.example\n"
    assert expected == edited(merged, block("a.example", reason="new"))


def test_without_takes_all_lines_of_a_subject_and_leaves_comments() -> None:
    text = "# one\na.example\na.example exact\n# two\na.example reason=x\nb.example\n"
    file = parse_text(text, PATH, "block")
    assert (
        "# one\na.example exact\n# two\nb.example\n"
        == without(file, [block("a.example").subject]).text
    )
    assert text == without(file, [block("absent.example").subject]).text


def test_windows_line_ends_of_other_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    path.write_bytes(b"# head\r\n\r\na.example\r\nc.example\r\n")
    write(with_rules(read(path, "block"), [block("b.example")]))
    kept = path.read_bytes().replace(b"b.example\r\n", b"").replace(b"b.example\n", b"")
    assert kept == b"# head\r\n\r\na.example\r\nc.example\r\n"


def test_write_keeps_mode_and_link_and_leaves_nothing_beside(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "block.list"
    real.parent.mkdir()
    real.write_text("a.example\n")
    real.chmod(0o640)
    link = tmp_path / "block.list"
    link.symlink_to(real)
    write(with_rules(read(link, "block"), [block("b.example")]))
    assert link.is_symlink()
    assert real.read_text() == "a.example\nb.example\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [real] == list(real.parent.iterdir())


def test_write_makes_the_folder(tmp_path: Path) -> None:
    file = RuleFile(tmp_path / "policy" / "block.list", "block", (("a.example", None),))
    write(file)
    assert file.path.read_text() == "a.example\n"


def test_what_a_killed_run_left_beside_a_rule_file_is_swept(tmp_path: Path) -> None:
    left = tmp_path / ".block.list.999999.new"
    left.write_text("half")
    write(RuleFile(tmp_path / "block.list", "block", (("a.example", None),)))
    assert [tmp_path / "block.list"] == list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("a file, not a folder")
    with pytest.raises(RpzctlError, match="cannot write"):
        write(RuleFile(tmp_path / "policy" / "block.list", "block", ()))


def books(path: Path, before: bytes, *fresh: Rule) -> tuple[RuleFile, RuleFile]:
    path.write_bytes(before)
    old = read(path, "block")
    new = with_rules(old, fresh)
    write(new)
    return old, new


@pytest.mark.parametrize(
    "before",
    [
        FILE.encode(),
        b"",
        b"a.example",
        b"a.example\r\nb.example\r\n",
        b"\xef\xbb\xbfa.example\n",
        b"b.example\n\n\na.example\n\n",
    ],
)
def test_put_back_restores_every_byte(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "block.list"
    old, new = books(path, before, block("evil.example"))
    put_back(old, new)
    assert before == path.read_bytes()


def test_put_back_keeps_what_a_person_added_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    changes = (block("evil.example"), block("a.example", reason="new"))
    old, new = books(path, b"a.example reason=old\nb.example\n", *changes)
    path.write_text("# by hand\n" + path.read_text() + "z.example\n")
    put_back(old, new)
    expected = "# by hand\na.example reason=old\nb.example\nz.example\n"
    assert expected == path.read_text()


def test_put_back_brings_removed_rules_back(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    path.write_text("a.example\nb.example  # why\n")
    old = read(path, "block")
    new = without(old, [block("b.example").subject])
    write(new)
    path.write_text(path.read_text() + "z.example\n")
    put_back(old, new)
    assert "a.example\nb.example  # why\nz.example\n" == path.read_text()


def test_put_back_leaves_a_line_that_a_person_changed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    old, new = books(path, b"", block("evil.example"))
    path.write_text("evil.example reason=mine\n")
    put_back(old, new)
    assert "evil.example reason=mine\n" == path.read_text()


def make_repo(root: Path, block_list: str, allow_list: str = "") -> Path:
    (root / "policy").mkdir()
    (root / "policy" / "block.list").write_text(block_list)
    (root / "policy" / "allow.list").write_text(allow_list)
    return root


def test_faults_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    repo = make_repo(tmp_path, "1.2.3.4/8\n", "a..b\nc d\n")
    with pytest.raises(UsageFault) as caught:
        read_book(repo)
    told = "\n".join(caught.value.details)
    assert "block.list:1: " in told
    assert "allow.list:1: " in told
    assert "allow.list:2: " in told


def failing_change(repo: Path, meanwhile: str | None = None) -> None:
    before = read_book(repo)
    block_list = with_rules(before.block, [block("evil.example")])
    allow_list = without(before.allow, [(Domain("evil.example"), Scope.SUBTREE)])
    with written(before, Book(block_list, allow_list)):
        assert "evil.example" in before.block.path.read_text()
        if meanwhile is not None:
            before.block.path.write_text(meanwhile)
        raise RpzctlError("named is down")


def test_both_files_are_put_back_when_the_rest_fails(tmp_path: Path) -> None:
    repo = make_repo(tmp_path, "a.example\n", "evil.example\n")
    with pytest.raises(RpzctlError, match="named is down"):
        failing_change(repo)
    assert "a.example\n" == (repo / "policy" / "block.list").read_text()
    assert "evil.example\n" == (repo / "policy" / "allow.list").read_text()


def test_a_bad_line_that_a_person_left_meanwhile_hides_neither_cause_nor_the_other_file(
    tmp_path: Path,
) -> None:
    repo = make_repo(tmp_path, "a.example\n", "evil.example\n")
    with pytest.raises(RpzctlError, match="named is down"):
        failing_change(repo, meanwhile="half a line\n")
    assert "half a line\n" == (repo / "policy" / "block.list").read_text()
    assert "evil.example\n" == (repo / "policy" / "allow.list").read_text()


def test_files_that_do_not_change_are_not_written(tmp_path: Path) -> None:
    repo = make_repo(tmp_path, "a.example", "b.example\n")
    before = read_book(repo)
    stamps = [file.path.stat() for file in before]
    with written(before, Book(rules.without(before.block, []), before.allow)):
        pass
    assert stamps == [file.path.stat() for file in before]


def test_a_rule_that_sorts_first_does_not_push_the_byte_order_mark_into_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "block.list"
    path.write_bytes(b"\xef\xbb\xbfb.example\nc.example\n")
    write(with_rules(read(path, "block"), [block("a.example")]))
    assert b"\xef\xbb\xbf" not in path.read_bytes()[3:]
    assert 3 == len(read(path, "block").rules)


def test_put_back_leaves_what_a_person_took_out_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    old, new = books(path, b"a.example\nb.example\n", block("evil.example"))
    path.write_text("a.example\nevil.example\n")
    put_back(old, new)
    assert "a.example\n" == path.read_text()
