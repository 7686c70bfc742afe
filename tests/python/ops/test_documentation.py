from __future__ import annotations

from pathlib import Path

from pyserver import _core

DOCUMENT = Path(__file__).parents[3] / "docs" / "processing.md"


def test_every_op_is_documented_in_its_own_words() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `") and line.count("|") == 3] == [
        f"| `{name}` | {text} |" for name, text in _core.op_entries().items()
    ]
