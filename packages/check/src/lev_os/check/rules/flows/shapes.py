"""Expressions, schemas and arguments, as far as reading and linking a flow check them."""

from __future__ import annotations

from ...rule import reported
from .._flow_examples import flow

_TOOL = "@tool(effects={'reads_private'}, idempotent=True)\ndef find_order(order_id: str) -> str: ...\n"

reported(
    "FLW301", "expression", on="flow", severity="error",
    summary="An expression is not CEL, or does more than a flow's may.",
    why="Expressions are a small language on purpose: without side effects, and with a bounded cost.",
    mend="Write the CEL form that the message gives; what is left belongs into a tool.",
    source="https://cel.dev", verified="2026-11-22",
    bad=(
        flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1 and input.n < 5"\n    then: []\n', (5, 22)),
        flow('input: {tags: [string]}\nsteps:\n  - set: {n: "${len(input.tags)}"}\n', (5, 17)),
    ),
    good=flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1 && input.n < 5"\n    then: []\n'),
)  # fmt: skip
reported(
    "FLW302", "schema", on="flow", severity="error",
    summary="A schema in the flow cannot be used.",
    why="Inputs, answers and outputs are checked against it while the flow runs.",
    mend="Use the shorthand's types, or a JSON Schema (2020-12) with local references only.",
    source="https://json-schema.org/draft/2020-12", verified="2026-11-22",
    bad=flow("input: {n: number of orders}\nsteps:\n  - ask: Say hello.\n", (3, 12)),
    good=flow("input: {n: integer}\nsteps:\n  - ask: Say hello.\n"),
)  # fmt: skip
reported(
    "FLW303", "return-misfit", on="flow", severity="error",
    summary="A `return` does not give the fields that `output` declares.",
    why="The output is checked at the end of a run: the work would be done, and then lost.",
    mend="Give every field of `output` and no other.",
    bad=flow("output: {reply: string}\nsteps:\n  - return: {answer: Hello.}\n", (5, 5)),
    good=flow("output: {reply: string}\nsteps:\n  - return: {reply: Hello.}\n"),
)  # fmt: skip
reported(
    "FLW304", "argument-misfit", on="flow", severity="error",
    summary="An argument is missing, unknown, or written out and of the wrong kind.",
    why="The call could never succeed.",
    mend="Give what the tool's signature, or the other flow's `input`, asks for.",
    bad=(
        flow("steps:\n  - call: ./tools/find_order\n", (4, 5), tools=_TOOL),
        flow("steps:\n  - call: ./tools/find_order\n    with: {order_id: 7}\n", (5, 12), tools=_TOOL),
        flow("steps:\n  - call: ./tools/find_order\n    with: {order_id: A1, urgent: true}\n", (5, 26), tools=_TOOL),
    ),
    good=flow("steps:\n  - call: ./tools/find_order\n    with: {order_id: A1}\n", tools=_TOOL),
)  # fmt: skip
reported(
    "FLW401", "unreachable", on="flow", severity="error",
    summary="A step comes after one that always returns.",
    why="It is never reached; whoever wrote it meant something else.",
    mend="Remove it, or move it before the `return`.",
    bad=flow("steps:\n  - return: 1\n  - ask: Say hello.\n", (5, 5)),
    good=flow("steps:\n  - ask: Say hello.\n  - return: 1\n"),
)  # fmt: skip
reported(
    "FLW402", "ends-without-return", on="flow", severity="error",
    summary="The flow has an output, but there is a way through it without `return`.",
    why="On that way the output would be null, which does not fit.",
    mend="End with a `return:`, or return in every branch.",
    bad=flow('input: {n: integer}\noutput: {reply: string}\nsteps:\n  - if: "input.n > 1"\n    then:\n'
             "      - return: {reply: many}\n", (5, 1)),
    good=flow('input: {n: integer}\noutput: {reply: string}\nsteps:\n  - if: "input.n > 1"\n    then:\n'
              "      - return: {reply: many}\n  - return: {reply: few}\n"),
)  # fmt: skip
