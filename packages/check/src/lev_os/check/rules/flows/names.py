"""What a flow's names refer to, as far as reading and linking it tell."""

from __future__ import annotations

from ...rule import reported
from .._flow_examples import flow

_TOOL = "@tool(effects={'reads_private'}, idempotent=True)\ndef find_order(order_id: str) -> str: ...\n"

reported(
    "FLW201", "undefined-name", on="flow", severity="error",
    summary="An expression reads a name or field that is not defined there.",
    why="The flow would fail when it gets there, after everything before it has been done and paid for.",
    mend="Read a name that an earlier step, `set` or `input` defines; the message names the nearest.",
    bad=(
        flow('input: {message: string}\nsteps:\n  - ask: "Answer ${input.massage}."\n', (5, 20)),
        flow('steps:\n  - return: "${draft}"\n  - id: draft\n    ask: Draft it.\n', (4, 16)),
    ),
    good=flow('input: {message: string}\nsteps:\n  - ask: "Answer ${input.message}."\n'),
)  # fmt: skip
reported(
    "FLW202", "name-taken", on="flow", severity="error",
    summary="Two steps have one id.",
    why="Which result a later expression would read cannot be seen.",
    mend="Use another id; to give one name in both branches of a choice, use `set` in each.",
    bad=flow("steps:\n  - id: draft\n    ask: Draft it.\n  - id: draft\n    ask: Draft it again.\n", (6, 9)),
    good=flow("steps:\n  - id: draft\n    ask: Draft it.\n  - id: better\n    ask: Draft it again.\n"),
)  # fmt: skip
reported(
    "FLW203", "unusable-name", on="flow", severity="error",
    summary="A name cannot be read in expressions.",
    why="Names of steps, inputs and branches are CEL identifiers, and not its reserved words.",
    mend="Use letters, digits and underscores, not beginning with a digit.",
    bad=flow("steps:\n  - id: first-draft\n    ask: Draft it.\n", (4, 9)),
    good=flow("steps:\n  - id: first_draft\n    ask: Draft it.\n"),
)  # fmt: skip
reported(
    "FLW204", "set-outside", on="flow", severity="error",
    summary="A body of `for_each` or `parallel` sets a name that belongs outside.",
    why="Bodies run side by side on copies, so what they set outside would be lost.",
    mend="Use another name, and read the result of the whole step by its id.",
    bad=flow(
        "input: {orders: [string]}\nsteps:\n  - set: {count: 0}\n  - for_each: order in input.orders\n"
        "    do:\n      - set: {count: 1}\n", (8, 15),
    ),
    good=flow(
        "input: {orders: [string]}\nsteps:\n  - id: counts\n    for_each: order in input.orders\n"
        "    do:\n      - set: {count: 1}\n"
    ),
)  # fmt: skip
reported(
    "FLW205", "return-inside", on="flow", severity="error",
    summary="A body of `for_each` or `parallel` returns.",
    why="Several bodies run at once; none of them can end the flow for the others.",
    mend="Bind a value, and return after the step.",
    bad=flow(
        "input: {orders: [string]}\nsteps:\n  - for_each: order in input.orders\n    do:\n      - return: 1\n", (7, 9)
    ),
    good=flow("input: {orders: [string]}\nsteps:\n  - for_each: order in input.orders\n    do: []\n  - return: 1\n"),
)  # fmt: skip
reported(
    "FLW305", "tools-of-one-name", on="flow", severity="error",
    summary="An `ask` offers two tools of the same name.",
    why="A model calls tools by their names and could not tell them apart.",
    mend="Offer one of them, or rename the function.",
    bad=flow(
        "steps:\n  - ask: Find it.\n    tools: [./tools/find, ./others/find]\n", (4, 5),
        tools="def find() -> str: ...\n",
        more={
            "acme/others.py": "def find() -> str: ...\n",
            "acme/lev.toml": 'format = 1\nname = "acme"\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
            '"./tools/*" = { python = "acme.tools:*" }\n"./others/*" = { python = "acme.others:*" }\n',
        },
    ),
    good=flow("steps:\n  - ask: Find it.\n    tools: [./tools/find]\n", tools="def find() -> str: ...\n"),
)  # fmt: skip
reported(
    "FLW501", "unresolvable-reference", on="flow", severity="error",
    summary="A tool, context or flow that is named does not exist.",
    why="The flow cannot be linked, so it cannot run at all.",
    mend="Correct the name, export the thing, or depend on the package that does.",
    bad=(
        flow("steps:\n  - call: ./tools/find_ordr\n    with: {order_id: A1}\n", (4, 11), tools=_TOOL),
        flow("context: [./contexts/tone]\nsteps:\n  - ask: Say hello.\n", (3, 11)),
        flow("steps:\n  - flow: ./flows/other\n", (4, 11)),
        flow("steps:\n  - flow: no_such_package/flows/x\n", (4, 11)),
    ),
    good=flow("steps:\n  - call: ./tools/find_order\n    with: {order_id: A1}\n", tools=_TOOL),
)  # fmt: skip
reported(
    "FLW502", "flow-cycle", on="flow", severity="error",
    summary="Flows, or the packages of flows, call each other in a circle.",
    why="There is no recursion in FlowMind: nothing would bound it.",
    mend="Repeat with `while` or `for_each`; move what two packages need into a third.",
    bad=flow("steps:\n  - flow: ./flows/work\n", (4, 11)),
    good=flow(
        "steps:\n  - flow: ./flows/other\n",
        more={"acme/flows/other.yaml": "flowmind: 1\nname: other\nsteps:\n  - ask: Say hello.\n"},
    ),
)  # fmt: skip
_MANY = "flowmind: 1\nname: {name}\nsteps:\n" + "  - flow: ./flows/{next}\n" * 8
_LAST = "flowmind: 1\nname: d\nsteps:\n  - ask: Say hello.\n"
reported(
    "FLW503", "too-many-flows", on="flow", severity="error",
    summary="A flow reaches more than 500 flows.",
    why="Every run pins all of them, each as often as it is reached.",
    mend="Call fewer flows from flows.",
    bad=flow(
        _MANY.format(name="work", next="b"), (1, 1),
        more={
            "acme/flows/b.yaml": "".join(
                ["flowmind: 1\nname: b\nsteps:\n", *(f"  - flow: ./flows/c{n}\n" for n in range(25))]
            ),
            **{
                f"acme/flows/c{n}.yaml": "".join(
                    [f"flowmind: 1\nname: c{n}\nsteps:\n", *(f"  - flow: ./flows/d{m}\n" for m in range(21))]
                )
                for n in range(25)
            },
            **{f"acme/flows/d{n}.yaml": _LAST for n in range(21)},
        },
    ),
    good=flow("steps:\n  - flow: ./flows/d\n", more={"acme/flows/d.yaml": _LAST}),
)  # fmt: skip
