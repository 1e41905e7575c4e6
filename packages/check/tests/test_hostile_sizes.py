"""What is said of a file costs no more than in proportion to its length, whatever stands in it.

Each rule, each fact and each part of reading is measured alone, so that a failure names what grows. Two measures: the
calls that it makes, which are exact; and CPU time, for what regular expressions do within one call.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hostile_texts import JSON, MARKDOWN, Shape
from lev_os.check.diagnostics import Diagnostic
from lev_os.check.facts import FACTS
from lev_os.check.files import File
from lev_os.check.registry import rules
from lev_os.check.rule import Finding
from lev_os.check.suppressions import suppress, suppressions_of
from lev_os.core import tokens
from lev_os.core.errors import LevError

NAMES = {
    "skill": "skills/pdf/SKILL.md", "instructions": "CLAUDE.md", "command": ".claude/commands/a.md",
    "resource": "skills/pdf/references/a.md", "agent": ".claude/agents/a.md", "context": "contexts/a.md",
    "plugin": ".claude-plugin/plugin.json", "marketplace": ".claude-plugin/marketplace.json", "mcp": ".mcp.json",
    "hooks": "hooks/hooks.json",
}  # fmt: skip
JSON_KINDS = ("plugin", "marketplace", "mcp", "hooks")
COUNTED = [
    "code spans", "comments in lines", "suppressions in text", "ignore all previous", "isolates", "flags of tags",
    "zero width between", "placeholders", "mentions", "commands to run", "sudo", "words with = in a line",
    "headings and fences", "python that fails", "python, not ASCII", "images in images", "other links to anchors",
]  # fmt: skip
"""Shapes that some rule was once slow on, at every run; the others are counted among the slow tests."""
LARGEST = [*COUNTED, "words", "no spaces", "lines", "spaces", "headings", "wide table", "base64", "dotted", "brackets"]
PATIENCE = 2.0
"""CPU-seconds that anything may take over 100 KB."""
NOISE = 0.02
"""CPU-seconds under which two measurements are not compared."""


def parts(file: File) -> Iterator[tuple[str, Callable[[], object]]]:
    """All that is done with one file, by name; what the others share comes first."""
    yield "place", lambda: file.place(0)
    if file.kind not in JSON_KINDS:
        yield "markdown", lambda: file.markdown
        yield "frontmatter", lambda: file.frontmatter
    yield "yaml", lambda: file.yaml
    yield "suppressions", lambda: suppressed(file)
    for rule in rules().values():
        if rule.on == "file" and rule.check is not None and (not rule.kinds or file.kind in rule.kinds):
            yield rule.code, lambda check=rule.check: located(file, check(file))  # type: ignore[misc]
    for fact in FACTS.values():
        if file.kind in fact.kinds:
            yield fact.name, lambda fact=fact: fact.extract(file)  # type: ignore[misc]


def located(file: File, findings: Iterable[Finding]) -> None:
    for finding in findings:
        file.place(finding.span[0])
        file.place(finding.span[1])


def suppressed(file: File) -> None:
    """The suppressions of a file, and a finding on each line that they are about."""
    found = suppressions_of(file)
    each = [Diagnostic("CTX301", "error", file.name, max(item.line, 1), 1, 1, 1, "x") for item in found]
    suppress(each, {file.name: found}, ran=lambda name, codes: True)


def costs(kind: str, text: str, measure: Callable[[Callable[[], object]], float]) -> dict[str, float]:
    """The cost of each part of what is done with a text."""
    file = File(Path("/p", NAMES[kind]), NAMES[kind], kind, text)
    return {name: measure(do) for name, do in parts(file)}


def seconds(do: Callable[[], object]) -> float:
    """CPU-seconds."""
    start = time.process_time()
    quietly(do)
    return time.process_time() - start


def calls(do: Callable[[], object]) -> float:
    """The calls of functions in Python and C."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        quietly(do)
    finally:
        sys.setprofile(None)
    return count


def quietly(do: Callable[[], object]) -> None:
    """Do it; a document that cannot be read is no failure here."""
    with contextlib.suppress(LevError):
        do()


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """What is loaded with the first file costs the first one nothing."""
    tokens.count("a")
    for kind in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            costs(kind, "---\na: 1\n---\n# a\n\n`b --c` ```x``` [d](e.md) \u202e\n```python\nf(\n```\n", seconds)


def kinds_and_shapes() -> Iterator[Any]:
    for name, shape in MARKDOWN.items():
        for kind in ("skill", "instructions"):
            yield pytest.param(kind, shape, id=f"{kind}-{name}")
    for name in COUNTED:
        for kind in ("command", "resource", "agent", "context"):
            yield pytest.param(kind, MARKDOWN[name], id=f"{kind}-{name}")
    for name, shape in JSON.items():
        for kind in JSON_KINDS:
            yield pytest.param(kind, shape, id=f"{kind}-{name}")


def assert_calls_are_linear(kind: str, shape: Shape) -> None:
    small, large = costs(kind, shape(2_000), calls), costs(kind, shape(8_000), calls)
    assert {name: (small[name], count) for name, count in large.items() if count > 5 * small[name] + 400} == {}


@pytest.mark.parametrize("name", COUNTED)
def test_calls_are_linear(name: str) -> None:
    """Four times the text makes about four times the calls: on what some rule was once slow on."""
    assert_calls_are_linear("skill", MARKDOWN[name])
    assert_calls_are_linear("instructions", MARKDOWN[name])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [*kinds_and_shapes()])
def test_calls_are_linear_on_every_shape(kind: str, shape: Shape) -> None:
    """The same on all shapes."""
    assert_calls_are_linear(kind, shape)


def assert_time_is_linear(kind: str, shape: Shape, size: int, most: float) -> None:
    large = costs(kind, shape(4 * size), seconds)
    slow = {name for name, cost in large.items() if cost > 8 * NOISE}
    if not slow:
        return
    small = costs(kind, shape(size), seconds)
    again = costs(kind, shape(4 * size), seconds)
    best = {name: min(large[name], again[name]) for name in slow}
    assert {name: (small[name], cost) for name, cost in best.items() if cost > 8 * max(small[name], NOISE)} == {}
    assert {name: cost for name, cost in best.items() if cost > most} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [*kinds_and_shapes()])
def test_time_is_linear(kind: str, shape: Shape) -> None:
    """100 KB cost at most eight times what 25 KB do, and no part more than two CPU-seconds."""
    assert_time_is_linear(kind, shape, 25_000, PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGEST)
def test_time_is_linear_for_a_megabyte(name: str) -> None:
    """The same from 250 KB to 1 MB."""
    assert_time_is_linear("instructions", MARKDOWN[name], 250_000, 10 * PATIENCE)
