"""`agents/*.yaml`: read with every problem at its place, and linked to what its references name."""

from __future__ import annotations

from pathlib import Path

import pytest
from lev_os.core import InvalidInput, load_package
from lev_os.core.agents import AgentDeclaration, agent_schema

WHOLE = """agent: 1
name: desk
description: Answers.
model: openai:gpt-5
instructions: [./contexts/executive, "Be kind to everybody."]
tools: [./tools/find_order]
flows: [./flows/refund]
personalities: [lev_os.core/contexts/personalities/advocate]
memory: {scope: {tenant: acme}, budget: 500}
constitution: lev_os.core/constitution/baseline
prompts: [untrusted]
limits: {asks: 5, tool_calls: 9, tokens: 1000, cost: 0.5, time: 90s}
output_schema: {type: object, properties: {reply: {type: string}}}
model_settings: {temperature: 0}
"""


def codes(text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(InvalidInput) as bad:
        AgentDeclaration.parse(text).link()
    return [(problem.code, problem.at.line) for problem in bad.value.problems]


def test_everything_that_can_be_declared() -> None:
    """A whole file, linked within its package."""
    package = load_package("acme_support")
    declared = AgentDeclaration.parse(WHOLE, package=package, specifier="acme_support/agents/desk")
    assert (declared.limits.time, declared.limits.cost) == (90.0, 0.5)
    links = declared.link()
    context, text = links.instructions
    assert not isinstance(context, str)
    assert (context.specifier, text) == ("acme_support/contexts/executive", "Be kind to everybody.")
    assert [card.specifier for card in links.tools] == ["acme_support/tools/find_order"]
    assert [flow.specifier for flow in links.flows] == ["acme_support/flows/refund"]
    assert [lens.name for lens in links.personalities] == ["advocate"]
    assert [law.name for law in links.constitutions] == ["acme_support", "baseline"]


def test_every_problem_is_told_at_once() -> None:
    """Unknown keys, bad values, a misspelled model: each with its line."""
    assert codes("agent: 1\nname: x\ninstruction: hi\nlimits: {asks: 0}\n") == [("AGT101", 3), ("AGT101", 4)]
    assert codes("agent: 1\nname: x\nmodel: gpt 5\noutput_schema: {type: string}\nlimits: {time: 0s}\n") == [
        ("AGT103", 3),
        ("AGT104", 4),
        ("AGT105", 5),
    ]
    assert codes("agent: 2\nname: x\nfuture: true\n") == [("AGT102", 1)]
    assert codes("- no agent\n") == [("AGT101", 1)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("instructions: [acme_support/contexts/executiv]", "AGT201"),
        ("instructions: acme_support/tools/find_order", "AGT201"),
        ("tools: [acme_support/tools/find_oder]", "AGT202"),
        ("tools: [acme_support/contexts/tone]", "AGT202"),
        ("flows: [no_such_package/flows/x]", "AGT203"),
        ("personalities: [acme_support/contexts/tone]", "AGT204"),
        ("constitution: acme_support/flows/refund", "AGT205"),
    ],
)
def test_a_reference_must_name_what_it_is_meant_to(line: str, code: str) -> None:
    """What is not there, or is something else, is told where it is written."""
    assert codes(f"agent: 1\nname: x\n{line}\n") == [(code, 3)]


def test_without_a_package_the_baseline_holds() -> None:
    """An agent always has a constitution."""
    links = AgentDeclaration.parse("agent: 1\nname: x\n").link()
    assert [law.name for law in links.constitutions] == ["baseline"]


def test_an_export_of_agents_is_one(tmp_path: Path) -> None:
    """Kind, Python object and schema."""
    export = load_package("acme_support").export("./agents/desk")
    assert export.kind == "agent"
    assert isinstance(export.from_python(), AgentDeclaration)
    assert agent_schema()["properties"]["agent"] == {"const": 1, "description": "The version of this format."}
