"""The pages on rules are what the rules, their examples and the measured figures say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_pages_are_up_to_date() -> None:
    """`make docs` would change nothing."""
    file = ROOT / "internal" / "rules_reference.py"
    spec = importlib.util.spec_from_file_location("rules_reference", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.pages()
    assert {path.name for path in (ROOT / "docs" / "rules").glob("*.md")} == {path.name for path in made}
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not what `make docs` writes"
