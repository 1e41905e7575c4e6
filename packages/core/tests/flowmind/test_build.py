"""A flow written in Python is the flow that its YAML says, is checked like it, and runs like it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lev_os.core.bidirectional import driver, run_sync
from lev_os.core.errors import InvalidInput
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.build import (
    Steps,
    ask,
    call,
    case,
    for_each,
    if_,
    if_semantic,
    parallel,
    return_,
    set_,
    subflow,
    switch,
    switch_semantic,
    try_,
    wait,
    while_,
    while_semantic,
)
from random_documents import NASTY, built, flow_documents, labels, text_of, values

EXAMPLE = (Path(__file__).parent / "data" / "triage.yaml").read_text()
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def triage() -> Flow:
    """The example of the formats, in Python."""
    front_desk = [set_({"queue": "front desk"})]
    return Flow.build(
        "triage",
        description="Sort a support message and draft a reply.",
        input={"message": {"type": "string", "untrusted": True}, "email": "string"},
        output={"category": "string", "reply": "string"},
        context=["./contexts/executive"],
        limits={"asks": 20, "tool_calls": 50, "tokens": 40000, "time": timedelta(minutes=10)},
        steps=[
            switch_semantic(
                "what the customer wants",
                {
                    "refund": case([set_({"queue": "billing"})], examples=["I want my money back", "charged twice"]),
                    "technical help": case([set_({"queue": "engineering"})], examples=["it crashes when I log in"]),
                    "something else": front_desk,
                },
                uncertain=front_desk,
                id="kind",
                about="${input.message}",
                confidence=0.7,
            ),
            call(
                "./tools/find_customer",
                id="customer",
                with_={"email": "${input.email}"},
                retry={"attempts": 3, "backoff": "1s"},
                timeout="30s",
            ),
            ask(
                "Draft a reply in two sentences.",
                id="draft",
                about="${input.message}",
                returns={"text": "string", "score": "number"},
                tools=["./tools/find_order"],
            ),
            set_({"text": "${draft.text}", "score": "${draft.score}"}),
            if_(
                "customer.tier == 'premium' && draft.score < 0.8",
                [
                    ask("Improve this reply: ${draft.text}", id="better", returns={"text": "string"}),
                    set_({"text": "${better.text}"}),
                ],
                [set_({"text": "${draft.text}"})],
            ),
            if_semantic(
                "the customer is angry or about to leave",
                id="mood",
                about="${input.message}",
                confidence=0.8,
                examples={"yes": ["third time I ask!"], "no": ["thanks, works now"]},
                then=[set_({"urgent": True})],
                else_=[set_({"urgent": False})],
                uncertain=[set_({"urgent": False})],
            ),
            switch(
                "kind",
                {"refund": [set_({"template": "refund"})], "technical help": [set_({"template": "help"})]},
                default=[set_({"template": "general"})],
            ),
            for_each(
                "order in customer.orders",
                [call("./tools/find_order", id="status", with_={"order_id": "${order.id}"})],
                id="notes",
                where="order.open",
                max_concurrency=4,
                collect="${order.id}: ${status.text}",
            ),
            while_(
                "score < 0.8",
                [
                    ask("Write this more kindly: ${text}", id="retried", returns={"text": "string", "score": "number"}),
                    set_({"text": "${retried.text}", "score": "${retried.score}"}),
                ],
                max_iterations=3,
            ),
            parallel(
                {
                    "legal": [ask("Does this promise too much? ${text}", id="opinion", returns={"fine": "boolean"})],
                    "tone": [ask("Is this kind? ${text}", id="opinion", returns={"fine": "boolean"})],
                },
                id="reviews",
                wait_for="all",
            ),
            subflow("./flows/escalate", id="ticket", with_={"ticket": "${kind}"}),
            wait(
                "approval",
                id="approval",
                about="${text}",
                returns={"approved": "boolean", "note": "string"},
                timeout="2d",
                on_timeout=[return_({"category": "${kind}", "reply": "We will write to you soon."})],
            ),
            call("lev_os.memory/tools/remember", with_={"text": "${kind}", "type": "episodic"}),
            try_(
                [call("./tools/send", with_={"to": "${input.email}", "text": "${text}"})],
                [set_({"problem": "${error.message}"})],
            ),
            set_({"score": "${score * 2.0}"}),
            return_({"category": "${kind}", "reply": "${text}"}),
        ],
    )


def problems(make: Callable[[], Flow]) -> list[str]:
    """Every problem as `line CODE message`, lines counted from the start of the function."""
    with pytest.raises(InvalidInput) as caught:
        make()
    first = make.__code__.co_firstlineno
    assert {p.at.path for p in caught.value.problems} == {__file__}
    return [f"{(p.at.line or 0) - first} {p.code} {p.message}" for p in caught.value.problems]


def test_the_example_in_python_is_the_example_in_yaml() -> None:
    """Every kind of step but one; the same tree, and one spelling of it."""
    assert triage().tree == Flow.parse(EXAMPLE).tree
    assert triage().to_yaml() == Flow.parse(EXAMPLE).to_yaml() == triage().tree.text


@given(flow_documents())
@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
def test_printing_reads_back(document: dict[str, Any]) -> None:
    """Any flow, printed and parsed, is the same tree; printing that again gives the same text."""
    flow = Flow.parse(text_of(document))
    printed = flow.to_yaml()
    assert Flow.parse(printed).tree == flow.tree
    assert Flow.parse(printed).to_yaml() == printed


@given(flow_documents())
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_python_and_yaml_make_one_tree(document: dict[str, Any]) -> None:
    """The functions named after the steps take what the steps' YAML takes."""
    assert built(document).tree == Flow.parse(text_of(document)).tree


@given(values, st.dictionaries(labels, values, max_size=2))
@settings(max_examples=200, deadline=None)
def test_values_read_back(value: Any, more: dict[str, Any]) -> None:
    """Texts that look like YAML, numbers at their bounds, empty things."""
    flow = Flow.build("x", input={"text": "string"}, steps=[set_({"v": value}), return_(more)])
    parsed = Flow.parse(text_of({"flowmind": 1, "name": "x", "input": {"text": "string"}, "steps": [
        {"set": {"v": value}}, {"return": more},
    ]}))  # fmt: skip
    assert flow.tree == parsed.tree
    assert Flow.parse(flow.to_yaml()).tree == parsed.tree


def test_a_label_longer_than_a_simple_key() -> None:
    """YAML allows 1,024 characters in a plain key; a longer one is written out as `? key`."""
    flow = Flow.build("x", steps=[switch("'a'", {"l" * 3000: [set_({"k" * 2000: 1})]})])
    assert Flow.parse(flow.to_yaml()).tree == flow.tree


def test_nothing_with_an_expression_is_unquoted() -> None:
    """`${…}` stands in quotes or in a block, and the text is what a person would write."""
    flow = Flow.build("x", input={"m": "string"}, steps=[ask("Say\n${input.m}", id="a"), return_("${a}")])
    assert flow.to_yaml() == (
        "flowmind: 1\nname: x\ninput: {m: string}\nsteps:\n"
        '  - id: a\n    ask: |-\n      Say\n      ${input.m}\n  - return: "${a}"\n'
    )


def test_both_run_to_identical_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built in Python, or parsed from what it prints: byte for byte the same journal, at the same times."""
    monkeypatch.setattr(driver, "now", lambda: 7.0)
    flow = Flow.build(
        "greet",
        input={"names": ["string"]},
        output={"text": "string"},
        steps=[
            for_each(
                "name in input.names", [ask("Greet ${name}.", id="hello")], id="all", collect="${hello}"
            ),
            return_({"text": "${all[0]} ${all[1]}"}),
        ],
    )  # fmt: skip
    journals = []
    for name, one in (("python", flow), ("yaml", Flow.parse(flow.to_yaml()))):
        path = tmp_path / name
        result = run_sync(
            one, {"names": ["Ada", "Bo"]}, model=lambda request: {"answer": request["instruction"]}, journal=path,
            run="same",
        )  # fmt: skip
        assert result.output == {"text": "Greet Ada. Greet Bo."}
        journals.append(path.read_bytes())
    assert journals[0] == journals[1]
    assert len(journals[0].splitlines()) > 5


# --- shapes ----------------------------------------------------------------------------------------------------


@dataclass
class Order:
    """A dataclass."""

    id: str
    price: float
    tags: list[str] = field(default_factory=list)
    note: str | None = None


class Basket(TypedDict):
    """A TypedDict that holds a dataclass."""

    orders: list[Order]
    kind: Literal["gift", "own"]


class Node(msgspec.Struct):
    """A Struct that holds itself."""

    name: str
    children: list[Node] = []


def test_types_as_shapes() -> None:
    """A dataclass, a TypedDict, a Struct and a Pydantic model, printed as a person would write them."""
    from pydantic import BaseModel

    class Answer(BaseModel):
        text: str
        score: float

    flow = Flow.build(
        "shop",
        input=Basket,
        output=Order,
        steps=[
            ask("Sort ${input.orders[0].id}.", id="a", returns=Answer),
            ask("Draw.", id="tree", returns=Node),
            return_({"id": "${a.text}", "price": "${a.score}"}),
        ],
    )
    text = flow.to_yaml()
    assert "    returns: {text: string, score: number}\n" in text
    assert "kind: {enum: [gift, own]}" in text
    assert '$ref": "#/$defs/Node"' in text
    assert set(flow.tree.input_schema["properties"]) == {"orders", "kind"}
    assert flow.tree.output_schema is not None
    assert flow.tree.output_schema["required"] == ["id", "price"]
    assert Flow.parse(text).tree == flow.tree


def test_a_field_that_a_type_does_not_have() -> None:
    """What a type says is checked like shorthand."""

    def make() -> Flow:
        return Flow.build("x", input=Order, steps=[ask("${input.prize}")])

    assert problems(make) == ["1 FLW201 `input` has no field `prize`"]


def test_a_full_schema() -> None:
    """Under the names that YAML has for them."""
    flow = Flow.build(
        "x", input_schema={"type": "object"}, output_schema={"type": "array"}, steps=[
            wait("go", id="go", returns_schema={"type": "boolean"}), return_([1]),
        ],
    )  # fmt: skip
    assert flow.tree.output_schema == {"type": "array"}
    assert "returns_schema: {type: boolean}" in flow.to_yaml()


DEFAULTS = """
flowmind: 1
name: x
input_schema:
  $defs: {names: {type: array, items: {type: string}}}
  type: object
  properties:
    a: {anyOf: [{$ref: "#/$defs/names"}], default: DEFAULT}
    b: {anyOf: [{$ref: "#/properties/a"}], default: [x]}
steps:
  - set: {y: 1}
"""


def test_a_default_that_refers_to_a_definition() -> None:
    """It is checked with the definitions of its schema; a reference to a field beside it is left to the input."""
    assert Flow.parse(DEFAULTS.replace("DEFAULT", "[x]")).tree.input_schema["properties"]["a"]["default"] == ["x"]
    with pytest.raises(InvalidInput, match="the default does not fit"):
        Flow.parse(DEFAULTS.replace("DEFAULT", "5"))


# --- bad input -------------------------------------------------------------------------------------------------


def test_every_problem_at_its_line() -> None:
    """Wrong steps, wrong values and what only reading can find, at once."""

    def make() -> Flow:
        return Flow.build(
            "bad name",
            limits={"asks": 0},
            steps=[
                ask("x ${nope}", id="input"),
                if_("true", ask("y")),  # type: ignore[arg-type]  # the mistake
                call("find", with_={"o": object(), "f": float("nan"), "big": 1 << 70}),
                parallel(
                    {"a": [return_(1)], "b": [ask("z", timeout="3")]},
                    wait_for=7,
                ),
                "text",  # type: ignore[list-item]  # the mistake
                switch_semantic("k", {"one": case([]), "two": [while_("1 +", [], max_iterations=0)]}, uncertain=[]),
            ],
        )

    found = problems(make)
    expected = [
        "6 FLW113 `then` is a list of steps, not one step",
        "7 FLW113 `o` holds an object of type object, which is no JSON value",
        "7 FLW113 `f` holds the number nan, which is no JSON value",
        f"7 FLW113 `big` holds the number {1 << 70}, which is no JSON value",
        "1 FLW113 a step of `steps` is the text 'text'",
        "5 FLW203 `input` is given by the language",
        "5 FLW201 `nope` is not defined here",
        "7 FLW107 `find` is not a reference",
        "9 FLW205 `return` cannot end the flow from a body of `parallel`",
        "9 FLW106 a duration is a number with a unit, not the text '3'",
        "8 FLW110 `wait_for: 7` of 2 branches can never be reached",
    ]
    assert [problem for problem in expected if problem not in found] == []
    assert {problem.partition(" ")[0] + " " + problem.split()[1][:5] for problem in found} >= {
        "1 FLW10",
        "13 FLW30",
        "13 FLW10",
    }


class Colour(StrEnum):
    """A str that is not only one."""

    RED = "red"


def test_subclasses_of_text_are_text() -> None:
    """An enum of texts is its value."""
    flow = Flow.build("x", steps=[set_({"c": Colour.RED}), return_("${c}")])
    assert "set: {c: red}" in flow.to_yaml()


def _cycle() -> Any:
    held: list[Any] = []
    held.append(held)
    return held


def _deep() -> Steps:
    steps: Steps = [set_({"a": 1})]
    for _ in range(2000):
        steps = [if_("true", steps)]
    return steps


BAD: dict[str, Callable[[], Flow]] = {
    "a list that holds itself": lambda: Flow.build("x", steps=[set_({"a": _cycle()})]),
    "steps in steps in steps": lambda: Flow.build("x", steps=_deep()),
    "no steps": lambda: Flow.build("x", steps=[]),
    "steps that are none": lambda: Flow.build("x", steps=None),  # type: ignore[arg-type]
    "a step as a value": lambda: Flow.build("x", steps=[return_(ask("x"))]),
    "bytes": lambda: Flow.build("x", steps=[return_(b"x")]),
    "a set": lambda: Flow.build("x", steps=[return_({1, 2})]),
    "a key that is no text": lambda: Flow.build("x", steps=[return_({1: 2})]),
    "half a character": lambda: Flow.build("x", steps=[return_("\ud800")]),
    "cases that are a list": lambda: Flow.build("x", steps=[switch("1", [set_({"a": 1})])]),  # type: ignore[arg-type]
    "branches that are none": lambda: Flow.build("x", steps=[parallel(None)]),  # type: ignore[arg-type]
    "no instruction": lambda: Flow.build("x", steps=[ask(None)]),  # type: ignore[arg-type]
    "an instruction that is a number": lambda: Flow.build("x", steps=[ask(5)]),  # type: ignore[arg-type]
    "a shape that is a number": lambda: Flow.build("x", input=5, steps=[ask("x")]),  # type: ignore[arg-type]
    "a type without a schema": lambda: Flow.build("x", output=object, steps=[return_(1)]),
    "a shape twice": lambda: Flow.build("x", input=Order, input_schema={}, steps=[ask("x")]),
    "a name that is none": lambda: Flow.build(None, steps=[ask("x")]),  # type: ignore[arg-type]
    "a megabyte": lambda: Flow.build("x", steps=[ask("x" * 1_000_001)]),
    "ten megabytes": lambda: Flow.build("x", steps=[ask("x" * 10_000_001)]),
    "a remote schema": lambda: Flow.build("x", steps=[ask("x", returns_schema={"$ref": "https://example.org/x"})]),
    "a negative time": lambda: Flow.build("x", steps=[ask("x", timeout=timedelta(seconds=-1))]),
    "an unknown type": lambda: Flow.build("x", steps=[ask("x", returns={"a": "strin"})]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_at_its_line(name: str) -> None:
    """Always `InvalidInput`, always in this file, always with a way out or a reason."""
    with pytest.raises(InvalidInput) as caught:
        BAD[name]()
    assert caught.value.problems
    for problem in caught.value.problems:
        assert (problem.at.path, bool(problem.at.line)) == (__file__, True)
        assert len(problem.message) < 400


@given(st.lists(st.sampled_from([None, 1, "x", [], {}, ask, object(), float("inf"), *NASTY[:5]]), max_size=4))
@settings(max_examples=100, deadline=None)
def test_anything_for_anything(parts: list[Any]) -> None:
    """Whatever is given in place of a step's parts: a flow, or problems; never another exception."""
    given_ = [*parts, None, None, None, None]
    a, b_, c, d = given_[:4]
    try:
        Flow.build("x", description=c, context=b_, limits=d, steps=[
            ask(a, about=b_, tools=c, retry=d), if_(a, b_, c), switch_semantic(a, b_, uncertain=c, confidence=d),
            for_each(a, b_, collect=c, max_concurrency=d), while_semantic(a, b_, max_iterations=c, examples=d),
            parallel(a, wait_for=b_), set_(a), wait(a, timeout=b_, on_timeout=c),
        ])  # fmt: skip
    except InvalidInput as error:
        assert all(problem.at.path == __file__ for problem in error.problems)  # noqa: PT017  # a flow is fine too


def test_building_does_not_load_what_it_does_not_need() -> None:
    """The module of the builders alone needs neither YAML nor CEL."""
    import subprocess

    code = "import sys, lev_os.core.flowmind.build; print('yaml' in sys.modules, 'cel' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
