"""The formats reference is what the schemas say."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_up_to_date() -> None:
    """`make docs` would change nothing."""
    file = ROOT / "internal" / "formats_reference.py"
    spec = importlib.util.spec_from_file_location("formats_reference", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "formats.md").read_text(encoding="utf-8") == module.page()
