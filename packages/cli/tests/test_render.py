"""Trees and cards as lines: every kind of step has its own."""

from __future__ import annotations

from lev_os.cli.render import card_lines, tree_lines
from lev_os.core.flowmind import Flow
from lev_os.core.tools import ToolCard, ToolDeclaration

FLOW = """\
flowmind: 1
name: all
description: Every kind of step.
input: {text: string, level: {enum: [low, high]}, items: {type: array, items: integer}}
output: {done: boolean}
context: [./contexts/style]
steps:
  - id: draft
    ask: "Write about ${input.text}."
    tools: [./tools/look]
  - id: found
    call: ./tools/look
    with: {text: "${input.text}"}
  - if: input.level == 'high'
    then:
      - set: {a: 1}
    else:
      - set: {a: 2}
  - id: angry
    if_semantic: the customer is angry
    about: "${input.text}"
    confidence: 0.8
    then: []
    uncertain: []
  - switch: input.level
    cases:
      low: []
    default: []
  - switch_semantic: what it is about
    about: "${input.text}"
    confidence: 0.7
    cases:
      money: []
      other: []
    uncertain: []
  - for_each: item in input.items
    where: item > 1
    do:
      - set: {b: "${item}"}
  - while: false
    max_iterations: 3
    do: []
  - while_semantic: it can be better
    about: "${draft}"
    max_iterations: 2
    do: []
  - parallel:
      left: []
      right: []
    wait_for: any
  - flow: ./flows/other
    with: {x: 1}
  - wait: approval
    timeout: 1d
    on_timeout:
      - return: {done: false}
  - try: []
    catch: []
  - return: {done: true}
"""


def test_every_kind_of_step_has_its_line() -> None:
    """Nested steps are indented below their branch."""
    lines = tree_lines(Flow.parse(FLOW).tree)
    text = "\n".join(lines)
    for line in (
        "all: Every kind of step.",
        "input   text: string, level: low | high, items: array",
        "output  done: boolean",
        "context ./contexts/style",
        "draft = ask 'Write about ${input.text}.' with ./tools/look",
        "found = call ./tools/look(text)",
        "if input.level == 'high'",
        "  else:",
        "    set a",
        "angry = if_semantic 'the customer is angry' at 0.8",
        "switch input.level",
        "switch_semantic 'what it is about' at 0.7",
        "for_each item in input.items where item > 1",
        "while false (at most 3)",
        "while semantic 'it can be better' (at most 2)",
        "parallel, wait for any",
        "flow ./flows/other(x)",
        "wait for approval",
        "  on_timeout:",
        "try",
        "  catch:",
        "return",
    ):
        assert line in lines, text


def test_a_card_says_what_is_not_declared() -> None:
    """Undeclared effects are the worst case, and the way out is shown."""
    lines = card_lines(ToolCard(specifier="p/tools/t", name="t"))
    assert "t()" in lines
    assert any("write @tool(effects=[…])" in line for line in lines)


def test_a_card_says_what_is_declared() -> None:
    """Effects, secrets, and which parameters may be left out."""
    card = ToolCard(
        specifier="p/tools/t",
        name="t",
        description="Sends.",
        input_schema={"properties": {"to": {}, "text": {}}, "required": ["to"]},
        output_schema={"type": "string"},
        declaration=ToolDeclaration(effects=frozenset({"writes_external"}), secrets=frozenset({"KEY"})),
    )
    lines = card_lines(card)
    assert lines[:2] == ["t(to, text?)", "  Sends."]
    assert "effects     writes_external" in lines
    assert "secrets     KEY" in lines
    assert "output" in lines
