"""Our own flows, in examples and documentation, give nobody a bad example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lev_os.check import check
from lev_os.check.files import File
from lev_os.check.project import FlowSubject
from lev_os.check.registry import rules
from lev_os.core import Flow

ROOT = Path(__file__).parents[4]
FENCE = re.compile(r"^```yaml\n(flowmind: 1\n.*?)^```", re.DOTALL | re.MULTILINE)


def documented() -> list[tuple[str, str]]:
    """Every flow that is written out in a page, with the page's name."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [(page.name, text) for page in pages for text in FENCE.findall(page.read_text(encoding="utf-8"))]


def test_packages_of_this_repository_are_clean() -> None:
    """Not even a remark, apart from what a comment suppresses."""
    folders = [ROOT / "examples", *sorted(ROOT.glob("packages/*/src"))]
    assert check(folders, select=["FLW", "YML"]).diagnostics == ()


@pytest.mark.parametrize(("page", "text"), documented())
def test_flows_in_the_documentation_are_clean(page: str, text: str) -> None:
    """Nothing that is an error or a warning; what they refer to lies in no package."""
    subject = FlowSubject(File(Path(page), page, "flow", text), Flow.parse(text))
    found = [
        (rule.code, finding.message)
        for rule in rules().values()
        if rule.family == "FLW" and rule.check is not None and rule.severity != "info"
        for finding in rule.check(subject)
    ]
    assert found == []
