"""What checking a flow costs grows with its steps and not faster: operations are counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from lev_os.check.files import File
from lev_os.check.project import FlowSubject
from lev_os.check.registry import rules
from lev_os.core import Flow
from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import compile_expression

HEAD = "flowmind: 1\nname: large\ninput: {text: string, n: integer}\nsteps:\n"


def in_a_row(size: int) -> str:
    """Steps one after the other, each of which reads the one before."""
    steps = ['  - id: s0\n    ask: "${input.text}"\n    returns: {text: string}\n']
    for n in range(1, size):
        steps.append(f'  - id: s{n}\n    ask: "Again: ${{s{n - 1}.text}} of {n}"\n    returns: {{text: string}}\n')
    return HEAD + "".join(steps)


def branches(size: int) -> str:
    """Choices one after the other, each of which binds a name that the next one tests."""
    steps = ["  - set: {v0: 0}\n"]
    for n in range(1, size // 3):
        steps.append(
            f'  - if: "v{n - 1} != null && v{n - 1} > {n}"\n    then:\n      - set: {{v{n}: 1}}\n'
            f"    else:\n      - set: {{v{n}: null}}\n"
        )
    return HEAD + "".join(steps)


def loops(size: int) -> str:
    """Loops one after the other with a list each."""
    steps = [
        f"  - id: l{n}\n    for_each: x in [1, 2]\n    do:\n      - while: \"x > {n}\"\n        max_iterations: 2\n"
        f"        do:\n          - id: y{n}\n            ask: \"Do ${{x}}.\"\n"
        for n in range(size // 3)
    ]  # fmt: skip
    return HEAD + "".join(steps)


def operations(text: str) -> int:
    """The calls that reading a flow and running every rule of its family on it makes."""
    compile_expression.cache_clear()
    cel.parse.cache_clear()
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    checks = [rule.check for rule in rules().values() if rule.family == "FLW" and rule.check is not None]
    sys.setprofile(note)
    try:
        subject = FlowSubject(File(Path("large.yaml"), "large.yaml", "flow", text), Flow.parse(text))
        for check in checks:
            for _ in check(subject):
                pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("shape", [in_a_row, branches, loops])
def test_cost_is_linear_in_the_steps(shape: Callable[[int], str]) -> None:
    """Four times the steps are at most 4.2 times the operations."""
    operations(shape(20))
    assert operations(shape(800)) < 4.2 * operations(shape(200))
