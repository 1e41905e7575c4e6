# one case a line reads better than one case in five
"""The whole language is read; what is wrong is said all at once, each at its place."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Call, ForEach, Parallel, SwitchSemantic, Wait
from lev_os.core.flowmind.walk import walk
from lev_os.core.formats import FORMATS, schema
from lev_os.core.schemas import Schema

EXAMPLE = (Path(__file__).parent / "data" / "triage.yaml").read_text()
HEAD = "flowmind: 1\nname: x\ninput: {m: string}\nsteps:\n"


def problems(text: str) -> list[str]:
    """Every problem as `line:column CODE message; help`."""
    with pytest.raises(InvalidInput) as caught:
        Flow.parse(text)
    return [f"{p.at.line}:{p.at.column} {p.code} {p.message}; {p.help}" for p in caught.value.problems]


def test_the_example_of_the_formats() -> None:
    """Every kind of step, read into the tree."""
    tree = Flow.parse(EXAMPLE).tree
    kinds = {type(step).__name__ for step in walk(tree.steps)}
    assert len(kinds) == 14
    assert tree.limits.time == 600
    kind, customer = tree.steps[0], tree.steps[1]
    assert isinstance(kind, SwitchSemantic)
    assert kind.condition.labels == ("refund", "technical help", "something else")
    assert kind.condition.examples["technical help"] == ("it crashes when I log in",)
    assert isinstance(customer, Call)
    assert (
        (customer.retry.attempts, customer.retry.backoff, customer.timeout) == (3, 1.0, 30.0)
        if customer.retry
        else False
    )
    loop = next(step for step in walk(tree.steps) if isinstance(step, ForEach))
    assert (loop.variable, loop.items.source, loop.do[0].path) == ("order", "customer.orders", "steps/7/do/0")
    assert next(step for step in tree.steps if isinstance(step, Parallel)).wait_for == "all"
    assert next(step for step in tree.steps if isinstance(step, Wait)).timeout == 172_800


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - aks: hi", "5:5 FLW102 `aks` is not a kind of step; did you mean `ask`?"),
        ("  - prompt: hi", "5:5 FLW102 `prompt` is not a kind of step; write `ask`"),
        ("  - ask: hi\n    call: ./tools/x", "6:5 FLW103 one step cannot be `ask` and `call`"),
        ("  - ask: hi ${input.m}", '5:10 FLW105 text with `${…}` must be quoted; quote this: "hi ${input.m}"'),
        ('  - ask: "hi ${input.mm}"', "5:16 FLW201 `input` has no field `mm`; did you mean `m`?"),
        ("  - ask: |\n      hi\n      ${inptu.m}", "7:9 FLW201 `inptu` is not defined here; did you mean `input`?"),
        ("  - if: a and b\n    then: []", "5:11 FLW301 `and` is not CEL; write `a && b`"),
        ('  - if: "${input.m}"\n    then: []', "5:9 FLW111 this is CEL already; write it without braces: `input.m`"),
        ("  - call: find", "5:11 FLW107 `find` is not a reference; write `./tools/find`"),
        ('  - call: "./tools/${input.m}"', "5:11 FLW107 a reference is fixed text"),
        (
            "  - ask: x\n    timeout: 30",
            "6:14 FLW106 a duration is a number with a unit, not the number 30; write `30s`",
        ),
        ("  - ask: x\n    timeout: 0s", "6:14 FLW106 the duration `0s` is out of bounds"),
        ("  - ask: x\n    id: for", "6:9 FLW203 the name `for` is a reserved word; write `for_`"),
        ("  - ask: x\n    id: a-b", "6:9 FLW203 the name `a-b` cannot be read in expressions; write `a_b`"),
        ("  - ask: x\n    id: input", "6:9 FLW203 `input` is given by the language"),
        ("  - ask: x\n    id: a\n  - ask: y\n    id: a", "8:9 FLW202 the id `a` is taken, at line 6"),
        ("  - set: {a: 1}\n  - parallel: {b: [{set: {a: 2}}]}", "6:27 FLW204 `a` belongs outside"),
        ("  - for_each: i in [1]\n    do: [{return: 1}]", "6:10 FLW205 `return` cannot end the flow"),
        ('  - for_each: i in [1]\n    do: [{set: {b: 1}}]\n  - return: "${b}"', "7:16 FLW201 `b` is not defined here"),
        ("  - for_each: i of x\n    do: []", "5:15 FLW108 `for_each` needs a name and a list"),
        ("  - while: 1 < 2\n    do: []", "5:5 FLW101 missing key `max_iterations`"),
        ("  - if_semantic: angry\n    then: []", "5:5 FLW101 missing key `uncertain`"),
        ("  - parallel: {a: []}\n    wait_for: 2", "6:15 FLW110 `wait_for: 2` of 1 branches can never be reached"),
        (
            "  - switch_semantic: x\n    cases: {uncertain: [], b: []}\n    uncertain: []",
            "6:13 FLW109 a case cannot be named",
        ),
        ("  - wait: x\n    on_timeout: []", "6:5 FLW101 `on_timeout` without a `timeout`"),
        (
            "  - wait: x\n    about: {a: 1}",
            "6:12 FLW101 `about` must be text, not a mapping; write it as one expression: \"${{'name': …}}\"",
        ),
        ("  - return: 1\n  - ask: x", "6:5 FLW401 this step is never reached"),
        ("  - ask: x\n    returns: {a: strng}", "6:18 FLW302 unknown type `strng`; did you mean `string`?"),
        (
            "  - ask: x\n    returns_schema: {$ref: 'http://x/y'}",
            "6:21 FLW302 /$ref: `http://x/y` is not in this document",
        ),
        ('  - set: {a: "${error.message}"}', "5:17 FLW201 `error` is not defined here"),
        (
            "  - ask: x\n    id: d\n    returns: {score: number}\n  - if: d.scor < 1.0\n    then: []",
            "8:9 FLW201 `d` has no field `scor`",
        ),
        ("  - nothing: 1", "5:5 FLW102 this step says not what it does"),
    ],
)
def test_what_is_wrong_with_a_step(steps: str, expected: str) -> None:
    """Each mistake at its line and column, with the way out."""
    assert any(found.startswith(expected) for found in problems(HEAD + steps)), problems(HEAD + steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "flowmind: 2\nname: x\nfuture: 1",
            ["1:11 FLW104 this is FlowMind 2; this version of Leviathan reads FlowMind 1"],
        ),
        ("[]", ["1:1 FLW101 a flow is a mapping, not a list"]),
        ("", ["1:1 FLW101 a flow is a mapping, not empty"]),
        (
            "flowmind: 1\nname: x\nsteps: []\ninput: {a-b: string}",
            ["3:8 FLW101", "4:9 FLW203 the name `a-b` cannot be read"],
        ),
        (
            "flowmind: 1\nname: x\noutput: {a: string}\nsteps: [{ask: x}]",
            ["4:1 FLW402 the flow has an output but can end"],
        ),
        (
            "flowmind: 1\nname: x\noutput: {a: string}\nsteps: [{return: {b: 1}}]",
            ["4:9 FLW303 this `return` does not give `a`", "4:9 FLW303 this `return` gives unknown `b`"],
        ),
    ],
)
def test_what_is_wrong_with_a_flow(text: str, expected: list[str]) -> None:
    """Headers, versions, outputs: all problems and no others, in document order."""
    found = problems(text)
    assert len(found) == len(expected)
    assert all(have.startswith(want) for have, want in zip(found, expected, strict=True))


def test_names_of_skipped_branches_and_catches_are_readable() -> None:
    """An id of another branch is null, not undefined; `error` is there in `catch`."""
    Flow.parse(
        HEAD + "  - if: input.m == 'x'\n    then: [{ask: a, id: one}]\n    else: [{set: {two: \"${one}\"}}]\n"
        '  - try: [{call: ./tools/x, id: three}]\n    catch: [{set: {four: "${error.kind} ${three}"}}]\n'
        '  - return: "${one} ${two} ${four}"\n'
    )


def test_a_linked_flow_survives_pinning() -> None:
    """What a journal keeps is the same flow again; a damaged one is refused."""
    linked = Flow.parse(HEAD + '  - call: ./tools/x\n    with: {a: "${input.m}"}').link()
    assert linked.tools["./tools/x"].declaration.effects is None
    data = json.loads(json.dumps(linked.pinned))
    again = LinkedFlow.from_pinned(data)
    assert again == linked
    assert again.digest == linked.digest
    with pytest.raises(InvalidInput, match="damaged"):
        LinkedFlow.from_pinned({**data, "tools": 3})


def test_the_published_schema_accepts_what_is_parsed() -> None:
    """`lev schema flow` is the table that the parser checks against, and it is a usable JSON Schema."""
    from lev_os.core.documents import read_yaml

    assert Schema.of(schema("flow")).problems(read_yaml(EXAMPLE).data) == ()
    assert all(schema(name) for name in FORMATS)


def test_a_thousand_steps_cost_what_ten_times_a_hundred_do() -> None:
    """Counted in calls of functions, which are the same on any machine."""

    def calls(steps: int) -> int:
        text = HEAD + "".join(
            f'  - id: s{i}\n    call: ./tools/x\n    with: {{m: "${{input.m}}", n: {i}}}\n    timeout: 30s\n'
            for i in range(steps)
        )
        count = 0

        def note(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        sys.setprofile(note)
        try:
            flow = Flow.parse(text)
        finally:
            sys.setprofile(None)
        assert len(flow.tree.steps) == steps
        return count

    calls(1)  # what is loaded with the first flow
    assert calls(1000) <= 11 * calls(100)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_mutated_flow_is_read_or_refused_with_places(data: st.DataObject) -> None:
    """Cut, doubled or replaced lines and characters: a flow, or problems with line and column."""
    lines = EXAMPLE.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.sampled_from(lines))
        how = data.draw(st.sampled_from(["cut", "double", "replace", "indent", "character"]))
        if how == "character":
            place = data.draw(st.integers(0, len(lines[at])))
            lines[at] = (
                lines[at][:place] + data.draw(st.sampled_from(list("\"'{}[]:,#&*!|>-$ \t~0"))) + lines[at][place:]
            )
        else:
            changed = {"cut": [], "double": [lines[at]] * 2, "replace": [other], "indent": ["  " + lines[at]]}[how]
            lines[at : at + 1] = changed or [""]
    try:
        Flow.parse("\n".join(lines))
    except InvalidInput as error:
        unplaced = [problem for problem in error.problems if not (problem.at.line and problem.at.column)]
        if unplaced:
            raise AssertionError(unplaced) from error
