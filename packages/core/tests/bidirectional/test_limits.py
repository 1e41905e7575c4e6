"""Limits hold through sub-flows, and what a scope held is given back when the scope is gone."""

from __future__ import annotations

from typing import Any

from lev_os.core.bidirectional import Machine
from lev_os.core.flowmind import Flow
from lev_os.core.flowmind.link import LinkedFlow
from machines import card, drive, machine, open_gate

BIG = card("big")


def nested(outer: str, inner: str, head: str = "", inner_head: str = "") -> Machine:
    """A machine of `outer` steps that reach `inner` steps as `./flows/inner`."""
    inside = Flow.parse(f"flowmind: 1\nname: inner\ninput: {{}}\n{inner_head}steps:\n{inner}").link(
        tools={"./tools/big": BIG}
    )
    package_flow = Flow.parse("flowmind: 1\nname: outer\ninput: {}\n" + head + "steps:\n  - set: {x: 1}\n").link()
    tree = Flow.parse(f"flowmind: 1\nname: outer\ninput: {{}}\n{head}steps:\n{outer}").tree
    fields: dict[str, Any] = {name: getattr(package_flow, name) for name in LinkedFlow.__dataclass_fields__}
    linked = LinkedFlow(**(fields | {"tree": tree, "flows": {"./flows/inner": inside}}))
    return Machine(linked, gate=open_gate(), run="r", secret=b"s")


def test_time_of_the_parent_bounds_effects_of_a_sub_flow() -> None:
    """A sub-flow without a limit of its own gets the deadline of what is left above it."""
    m = nested("  - {flow: ./flows/inner}\n", "  - {call: ./tools/big, with: {}}\n", "limits: {time: 10s}\n")
    (effect,) = m.start(at=100.0).effects
    assert effect.deadline == 110.0


def test_calls_of_a_sub_flow_count_for_its_parent() -> None:
    """The second call is one too many for the run."""
    m = nested(
        "  - {flow: ./flows/inner}\n  - {flow: ./flows/inner}\n",
        "  - {call: ./tools/big, with: {}}\n",
        "limits: {tool_calls: 1}\n",
    )
    drive(m, m.start(), lambda effect: 1)
    assert m.outcome is not None
    assert m.outcome.error is not None
    assert m.outcome.error.kind == "limit"


def test_the_scope_of_an_ended_sub_flow_does_not_count() -> None:
    """Twenty sub-flows one after another may each hold a megabyte that is gone when they end."""
    m = nested("  - {flow: ./flows/inner}\n" * 20, "  - {id: b, call: ./tools/big, with: {}}\n")
    drive(m, m.start(), lambda effect: "x" * 1_000_000)
    assert m.outcome is not None
    assert m.outcome.status == "done"


def test_the_scope_of_a_failed_loop_does_not_count() -> None:
    """What a loop held is given back when it fails and the failure is caught."""
    steps = (
        "  - while: 'true'\n    max_iterations: 20\n    do:\n"
        "      - try:\n"
        "          - set: {items: [1]}\n"
        "          - for_each: i in items\n"
        "            do: [{id: b, call: ./tools/big, with: {}}, {call: ./tools/big, with: {}}]\n"
        "        catch: [{set: {failed: true}}]\n"
    )
    m = machine(steps, tools=(BIG,))
    odd = iter(range(1000))
    drive(m, m.start(), lambda effect: RuntimeError("no") if next(odd) % 2 else "x" * 1_000_000)
    assert m.outcome is not None
    assert m.outcome.status == "done", m.outcome.error


def test_tokens_that_a_model_makes_up_stay_numbers() -> None:
    """A model that claims 2^63 tokens in every answer ends as an outcome that JSON can hold."""
    m = machine("  - {ask: One.}\n" * 4)
    usage = {"input_tokens": 2**63 - 1, "output_tokens": -5}
    drive(m, m.start(), lambda effect: {"answer": "x", "usage": usage})
    assert m.outcome is not None
    assert m.usage.input_tokens < 2**63
    assert m.usage.output_tokens == 0


def test_judgements_of_a_sub_flow_count_for_the_run() -> None:
    """Whoever looks at the run's usage sees all of it, at any depth."""
    m = nested(
        "  - {flow: ./flows/inner}\n  - {if_semantic: one, about: x, then: [], uncertain: []}\n",
        "  - {if_semantic: two, about: x, then: [], uncertain: []}\n",
    )
    drive(m, m.start(), lambda effect: {"label": "yes", "decided_by": "test"})
    assert m.usage.judgements == 2


def test_the_nearest_end_bounds_an_effect() -> None:
    """Of two flows with a limit, the one that has less time left."""
    for outer, inner, deadline in (("10s", "5s", 105.0), ("5s", "10s", 105.0)):
        m = nested(
            "  - {flow: ./flows/inner}\n",
            "  - {call: ./tools/big, with: {}}\n",
            f"limits: {{time: {outer}}}\n",
            f"limits: {{time: {inner}}}\n",
        )
        (effect,) = m.start(at=100.0).effects
        assert effect.deadline == deadline


def test_a_limit_names_its_step() -> None:
    """Which one was asked for too much, and of what."""
    m = machine("  - {id: a, ask: One.}\n", head="input: {}\nlimits: {tokens: 5}")
    drive(m, m.start(), lambda effect: {"answer": "x", "usage": {"input_tokens": 3, "output_tokens": 3}})
    assert m.outcome is not None
    assert m.outcome.error is not None
    assert m.outcome.error.step == "a"
    assert m.outcome.error.message.startswith("the limit of tokens, 5, is reached; raise it under `limits:`")
