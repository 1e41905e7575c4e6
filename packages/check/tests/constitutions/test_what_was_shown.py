"""What a person was shown covers what a call is given: the checker and the gate agree, over small expressions.

Every flow asks a person about one expression and, approved, calls with others. The gate is the oracle: where it lets
the call out, no error was told before; where it asks again, something was.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.check.constitutions.analysis import findings
from lev_os.core.bidirectional import Machine
from lev_os.core.constitutional import Constitution
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.tools import ToolCard, ToolDeclaration

PAY = ToolCard(
    specifier="acme/tools/pay",
    name="pay",
    input_schema={"properties": {"x": {}, "y": {}}},
    declaration=ToolDeclaration(effects=frozenset({"spends"}), idempotent=True),
)
GIVEN = {"a": 11, "b": 12, "o": {"x": 13, "y": 14}, "l": [15, 16]}
"""No two values are equal, so none is covered by accident."""

NAMED = ("input.a", "input.b", "input.o", "input.o.x", "input.o['y']", "input['a']", "input.l", "input.l[0]", "seen")
EXPRESSIONS = st.recursive(
    st.sampled_from([*NAMED, "3", "'word'"]),
    lambda inner: st.one_of(
        st.builds("{{'k': {0}, 'j': {1}}}".format, inner, inner),
        st.builds("[{0}, {1}]".format, inner, inner),
        st.builds("{{'k': {0}, 'j': {1}}}.k".format, inner, inner),
        st.builds("[{0}, {1}][1]".format, inner, inner),
        st.builds("({0})".format, inner),
        st.builds("(input.a > 1 ? {0} : {1})".format, inner, inner),
        st.builds("[{0}].map(i, i)".format, inner),
        st.builds("{{string({0}): {1}}}".format, st.sampled_from(["input.a", "input.b"]), inner),
        st.builds("[{0}].filter(i, i != {1})[0]".format, inner, st.just("2")),
    ),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.sampled_from("xy"), EXPRESSIONS, min_size=1)


def asking(about: str, arguments: dict[str, str], seen: str) -> LinkedFlow:
    """A flow that asks about one expression and pays with others, where `seen` may stand in both."""
    given = {name: "${" + expression + "}" for name, expression in arguments.items()}
    steps = [
        {"set": {"seen": "${" + seen + "}"}},
        {"id": "ok", "wait": "approval", "about": "${" + about + "}"},
        {"if": "ok.approved", "then": [{"call": "./tools/pay", "with": given}]},
    ]
    text = json.dumps({"flowmind": 1, "name": "work", "input": dict.fromkeys(GIVEN, "any"), "steps": steps})
    return LinkedFlow(
        tree=Flow.parse(text).tree, specifier="acme/flows/work", package="acme", contexts={},
        tools={"./tools/pay": PAY}, flows={}, constitutions=(Constitution.baseline(),),
    )  # fmt: skip


def asks_again(flow: LinkedFlow) -> bool:
    """Whether the gate asks a person about the call, after the flow's own question was answered with yes."""
    machine = Machine(flow, run="run", secret=b"secret")
    machine.start(GIVEN)
    machine.submit(machine.effects[0].token, {"approved": True})
    (effect,) = machine.effects
    assert effect.kind in ("wait", "tool")
    return effect.kind == "wait"


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, ARGUMENTS, st.sampled_from(["input.a", "{'k': input.a, 'j': input.o}", "input.a + 1"]))
def test_the_checker_agrees_with_the_gate(about: str, arguments: dict[str, str], seen: str) -> None:
    """No error where the gate lets the call out, and no silence where it asks."""
    flow = asking(about, arguments, seen)
    said = {found.verdict.certainty for found in findings(flow) if found.principle.id == "BASE-003"}
    if asks_again(flow):
        assert said
    else:
        assert said <= {"possible"}
