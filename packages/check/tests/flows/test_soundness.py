"""What the analysis says of a flow holds whatever the flow does: the oracle is the flow, run."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import reference
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lev_os.check.flows import analysis as analysing
from lev_os.check.flows import uses
from lev_os.check.flows.types import Type, kind_of
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind import expressions
from lev_os.core.flowmind.expressions import ExpressionError
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Expr
from lev_os.core.flowmind.walk import walk
from random_programs import RandomWorld, program
from reference_gate import Law

INPUT = {"text": "good", "tag": ""}
SURE = {"null", "field", "operand"}


def holds(type_: Type, value: Any) -> bool:
    """Whether a value is one of a type's."""
    kind = kind_of(value)
    if kind not in type_.kinds:
        return False
    if isinstance(value, bool | int | float | str):
        return type_.values is None or value in type_.values
    if isinstance(value, Mapping):
        fields = type_.fields or {}
        closed = type_.closed and type_.fields is not None
        return (
            all(name in value for name in type_.required)
            and (not closed or value.keys() <= fields.keys())
            and all(holds(fields[name], item) for name, item in value.items() if name in fields)
        )
    return not isinstance(value, list) or type_.items is None or all(holds(type_.items, item) for item in value)


class Recorder:
    """Stands in for the module `expressions` of the reference interpreter: the same answers, written down."""

    def __init__(self) -> None:
        self.seen: list[tuple[Expr, Any]] = []
        self.failed: list[Expr] = []

    def evaluate(self, expr: Expr, scope: Mapping[str, Any]) -> Any:
        try:
            value = expressions.evaluate(expr, scope)
        except ExpressionError:
            self.failed.append(expr)
            raise
        self.seen.append((expr, value))
        return value

    def render(self, value: Any, scope: Mapping[str, Any]) -> Any:
        for expr in expressions._expressions(value):
            self.evaluate(expr, scope)
        return expressions.render(value, scope)


def every(linked: LinkedFlow) -> dict[str, LinkedFlow]:
    """A flow and those below it."""
    found = {linked.specifier: linked}
    for inner in linked.flows.values():
        found |= every(inner)
    return found


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 40))
def test_every_value_is_of_the_type_that_was_worked_out(seed: int) -> None:
    """In random programs no expression ever gives a value that the analysis has excluded, and none that is said to
    fail whenever it runs succeeds."""
    try:
        linked = program(Random(seed), depth=3)
    except InvalidInput:  # steps after a `return`
        assume(False)
    found = {}
    for flow in every(linked).values():
        analysis = analysing.examine(flow)
        found |= {id(expr): analysis for step in walk(flow.tree.steps) for expr in uses.expressions(step)}
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "expressions", recorder)
        for world in range(4):
            reference.Reference(RandomWorld(seed + world), Law()).run(linked, INPUT)
    for expr, value in recorder.seen:
        analysis = found[id(expr)]
        assert expr.at.line is not None
        type_ = analysis.read_as.get((expr.at.line, expr.at.column or 1))
        assert type_ is not None, f"`{expr.source}` was evaluated, and is said never to be"
        assert holds(type_, value), f"`{expr.source}` gave {value!r}, which is not {type_}"
        for heard in analysis.complaints:
            if heard.expr is expr and heard.complaint.sure:
                assert heard.complaint.kind not in SURE, f"{heard.complaint} of `{expr.source}`, which gave {value!r}"
