"""Flows: what parses also links, or says why not."""

import atheris

with atheris.instrument_imports(include=["lev_os"]):
    import harness
    from lev_os.core.flowmind import Flow

HEAD = "flowmind: 1\nname: f\ninput: {a: string, n: {type: integer, default: 1}}\n"
SEEDS = (
    HEAD + "limits: {asks: 2, time: 10m}\nsteps:\n  - id: x\n    ask: Do ${input.a}.\n    returns: {t: string}\n"
    "    retry: {attempts: 3, backoff: 1s}\n  - if: x.t == 'b' && input.n < 3\n    then: [{set: {y: '${x.t}'}}]\n",
    HEAD + "steps:\n  - id: p\n    parallel: {l: [{wait: w, id: q}], r: [{set: {k: 1}}]}\n    wait_for: any\n"
    "  - for_each: v in [1, 2]\n    where: v > 1\n    collect: '${v}'\n    do: [{id: z, ask: 'x ${v}'}]\n"
    "  - return: 1\n",
    HEAD + "steps:\n  - id: s\n    switch_semantic: what\n    about: '${input.a}'\n    confidence: 0.5\n"
    "    cases:\n      one: {examples: [a], then: []}\n    uncertain: []\n"
    "  - while: s == 'one'\n    max_iterations: 2\n"
    "    do: [{try: [{set: {q: 1}}], catch: [{set: {w: '${error.kind}'}}]}]\n",
)


def target(data: bytes) -> None:
    """Parse, then link what has parsed."""
    Flow.parse(data).link()


if __name__ == "__main__":
    harness.run("flows", target, SEEDS, ("${", "}", "while_semantic:", "flow: ./flows/x", "call: ./tools/x", "switch:"))
