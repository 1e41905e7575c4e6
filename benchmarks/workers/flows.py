"""The flow that is timed: N steps, each a call of the same trivial tool."""

from typing import Any

from lev_os.core import Flow, tool


def added(n: int, payload: str = "") -> dict[str, Any]:
    """What the tool returns, for who drives the machine by hand."""
    return {"n": n + 1, "payload": payload}


@tool(effects=set(), idempotent=True)
async def increment(n: int, payload: str = "") -> dict[str, Any]:
    """Add one, and carry the payload along."""
    return added(n, payload)


def counting(steps: int) -> Any:
    """A linked flow of so many calls, each fed by the one before it."""
    lines = ["flowmind: 1", "name: count", "input: {n: integer, payload: string}", "output: {n: integer}", "steps:"]
    before = "input"
    for number in range(steps):
        lines.append(f"  - id: s{number}")
        lines.append("    call: ./tools/increment")
        lines.append(f'    with: {{n: "${{{before}.n}}", payload: "${{{before}.payload}}"}}')
        before = f"s{number}"
    lines.append(f'  - return: {{n: "${{{before}.n}}"}}')
    return Flow.parse("\n".join(lines) + "\n").link(tools={"./tools/increment": increment})
