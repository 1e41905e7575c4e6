"""The form of a flow. Reading it reports all of these; here they have their reasons and examples."""

from __future__ import annotations

from ...rule import reported
from .._flow_examples import flow

_DRAFT = 'input: {message: string}\nsteps:\n  - id: draft\n    ask: Draft a reply.\n    about: "${input.message}"\n'

reported(
    "FLW101", "flow-shape", on="flow", severity="error",
    summary="The flow does not have the shape of FlowMind 1.",
    why="A key that is misspelt or missing would otherwise be ignored, and the flow would do something else. It is how "
    "a missing `uncertain` or `max_iterations` is found.",
    mend="Write the key that the message names; `lev schema flow` gives the whole schema to an editor.",
    bad=(
        flow("steps:\n  - id: angry\n    if_semantic: the customer is angry\n    then: []\n", (4, 5)),
        flow("steps:\n  - ask: Say hello.\n    retrys: {attempts: 2}\n", (5, 5)),
        flow('steps:\n  - while: "true"\n    do: []\n', (4, 5)),
    ),
    good=flow("steps:\n  - id: angry\n    if_semantic: the customer is angry\n    then: []\n    uncertain: []\n"),
)  # fmt: skip
reported(
    "FLW102", "step-kind", on="flow", severity="error",
    summary="A step has no key that says what it does.",
    why="The kind of a step is the key that names it: `ask`, `call`, `if` and so on.",
    mend="Give the step one of those keys.",
    bad=flow("steps:\n  - prompt: Say hello.\n", (4, 5)),
    good=flow("steps:\n  - ask: Say hello.\n"),
)  # fmt: skip
reported(
    "FLW103", "two-kinds", on="flow", severity="error",
    summary="One step is of two kinds.",
    why="A step does one thing; which of two would be done first cannot be seen.",
    mend="Make each a step of its own.",
    bad=flow("steps:\n  - ask: Say hello.\n    set: {done: true}\n", (5, 5)),
    good=flow("steps:\n  - ask: Say hello.\n  - set: {done: true}\n"),
)  # fmt: skip
reported(
    "FLW104", "newer-version", on="flow", severity="error",
    summary="The flow is written in a newer version of FlowMind.",
    why="What a newer version means is not guessed.",
    mend="Upgrade `lev-os-core`.",
    bad=flow("flowmind: 2\nname: work\nsteps:\n  - ask: Say hello.\n", (1, 11)),
    good=flow("flowmind: 1\nname: work\nsteps:\n  - ask: Say hello.\n"),
)  # fmt: skip
reported(
    "FLW105", "unquoted-template", on="flow", severity="error",
    summary="Text with `${…}` is not quoted.",
    why="Braces, colons and `#` mean something to YAML, so an unquoted template reads as something else one day.",
    mend="Quote the whole text.",
    bad=flow("input: {name: string}\nsteps:\n  - ask: Greet ${input.name}.\n", (5, 10)),
    good=flow('input: {name: string}\nsteps:\n  - ask: "Greet ${input.name}."\n'),
)  # fmt: skip
reported(
    "FLW106", "duration", on="flow", severity="error",
    summary="A duration cannot be read, or is out of bounds.",
    why="A number without a unit is seconds to one reader and milliseconds to the next.",
    mend="Write a number and one of `ms`, `s`, `m`, `h`, `d`; at most 366 days.",
    bad=flow(_DRAFT + "    timeout: 30\n", (8, 14)),
    good=flow(_DRAFT + "    timeout: 30s\n"),
)  # fmt: skip
reported(
    "FLW107", "reference-form", on="flow", severity="error",
    summary="A reference has not the form of one.",
    why="Tools, contexts and flows are named by the export map, so that one name means the same for everyone.",
    mend="Write `./tools/x` for this package's own, `package/tools/x` for another's.",
    bad=flow("steps:\n  - call: find_order\n", (4, 11)),
    good=flow("steps:\n  - call: ./tools/find_order\n", tools="@tool(effects=())\ndef find_order() -> str: ...\n"),
)  # fmt: skip
reported(
    "FLW108", "for-each-form", on="flow", severity="error",
    summary="`for_each` does not say `name in list`.",
    why="Each item needs a name by which the steps inside can read it.",
    mend="Write `order in customer.orders`.",
    bad=flow("input: {orders: [string]}\nsteps:\n  - for_each: input.orders\n    do: []\n", (5, 15)),
    good=flow("input: {orders: [string]}\nsteps:\n  - for_each: order in input.orders\n    do: []\n"),
)  # fmt: skip
reported(
    "FLW109", "case-uncertain", on="flow", severity="error",
    summary="A case of `switch_semantic` is named `uncertain`.",
    why="`uncertain` is what is bound when nobody is sure; a label of that name could not be told from it.",
    mend="Put its steps into the key `uncertain` beside `cases`, or choose another label.",
    bad=flow(
        "steps:\n  - switch_semantic: what it is\n    cases:\n      uncertain: []\n      other: []\n"
        "    uncertain: []\n", (6, 7),
    ),
    good=flow(
        "steps:\n  - switch_semantic: what it is\n    cases:\n      one: []\n      other: []\n    uncertain: []\n"
    ),
)  # fmt: skip
reported(
    "FLW110", "join-never-completes", on="flow", severity="error",
    summary="A join waits for more branches than there are.",
    why="It can never complete.",
    mend="Wait for `all`, `any`, or at most as many branches as there are.",
    bad=flow("steps:\n  - parallel: {one: [], two: []}\n    wait_for: 3\n", (5, 15)),
    good=flow("steps:\n  - parallel: {one: [], two: []}\n    wait_for: 2\n"),
)  # fmt: skip
reported(
    "FLW111", "braces-in-expression", on="flow", severity="error",
    summary="An expression is written in `${…}` where it is CEL already.",
    why="`if`, `while`, `where`, `switch` and `for_each` hold expressions; braces are for expressions inside text.",
    mend="Leave the braces out.",
    bad=flow('input: {n: integer}\nsteps:\n  - if: "${input.n > 1}"\n    then: []\n', (5, 9)),
    good=flow('input: {n: integer}\nsteps:\n  - if: "input.n > 1"\n    then: []\n'),
)  # fmt: skip
reported(
    "FLW112", "flow-too-large", on="flow", severity="error",
    summary="The flow is larger than 1,000,000 bytes or 10,000 steps.",
    why="A flow is read, hashed and pinned whole for every run.",
    mend="Split it into flows that call each other.",
    bad=flow("steps:\n" + "  - set: {a: 1}\n" * 10_001, (3, 1)),
    good=flow("steps:\n" + "  - set: {a: 1}\n" * 3),
)  # fmt: skip
