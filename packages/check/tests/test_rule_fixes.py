"""The fixes of rules: applied to the rule's own bad examples, they leave nothing of it to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.check import Rule, check
from lev_os.check.registry import rules

FIXED = [
    rule for rule in rules().values()
    if rule.code in {"CTX105", "CTX409", "CTX410", "SEC101", "SEC102", "SEC103", "SEC104", "SEC105"}
]  # fmt: skip


@pytest.mark.parametrize("rule", FIXED, ids=lambda rule: rule.code)
def test_mended(rule: Rule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every finding has a fix; after it there is none."""
    for number, example in enumerate(rule.bad):
        folder = tmp_path / str(number)
        for name, text in example.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
        monkeypatch.chdir(folder)
        found = check([folder], select=[rule.code]).diagnostics
        for item in reversed(found):
            assert item.fix is not None
            text = (folder / item.file).read_bytes().decode()
            for edit in reversed(item.fix.edits):
                text = text[: edit.start] + edit.text + text[edit.end :]
            (folder / item.file).write_bytes(text.encode())
        assert found
        assert check([folder], select=[rule.code]).diagnostics == ()
