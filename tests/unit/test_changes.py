"""The settled copies and the ledger that tells of them agree, whatever happens between them."""

from pathlib import Path

import pytest

from rpzctl import changes, ledger, ledger_writing
from rpzctl.errors import RpzctlError
from tests.unit.test_ledger import NOW, page


def test_while_settled_copies_are_replaced_no_ledger_tells_of_them(tmp_path: Path) -> None:
    made = page({"f": ["a.example"]})
    ledger_writing.write(tmp_path, made, ledger_writing.draw(tmp_path, made, NOW))
    assert ledger.head(tmp_path, "x.rpz").tells_of({"x.rpz": "d"})
    with pytest.raises(RpzctlError, match="is gone"):
        changes.settle(tmp_path, "x.rpz", [("f", tmp_path / "not-there.parquet")])
    assert ledger.Head() == ledger.head(tmp_path, "x.rpz")
