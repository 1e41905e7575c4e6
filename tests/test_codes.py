"""Whatever code a command prints, `lev explain` says what it means."""

import re
from pathlib import Path

from lev_os.check.registry import rules

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"[\"']([A-Z]{3}\d{3})[\"']")


def test_every_code_in_the_sources_is_explained() -> None:
    """Readers, runs, memories and exports have codes of their own; none is printed without a page."""
    sources = ROOT.glob("packages/*/src/**/*.py")
    found = {code: path for path in sources for code in CODE.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 250
    assert {code: path.name for code, path in found.items() if code not in rules()} == {}
