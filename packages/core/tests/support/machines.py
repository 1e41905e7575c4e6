"""How the tests make a machine: a flow's text, cards for its tools, and answers by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lev_os.core.bidirectional import Effect, Machine, Step
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow
from lev_os.core.tools import ToolCard, ToolDeclaration

OPEN_GATE = "constitution: 1\nname: open\nprinciples: []\n"


def card(name: str, *effects: str, declared: bool = True, schema: Mapping[str, Any] | None = None) -> ToolCard:
    """A tool as a machine sees it; without effects it is declared pure."""
    return ToolCard(
        specifier=f"acme/tools/{name}",
        name=name,
        input_schema=schema or {},
        declaration=ToolDeclaration(effects=frozenset(effects) if declared else None),
    )


def open_gate() -> Gate:
    """A gate without principles: allows everything and still rules on everything."""
    return Gate(Constitution.parse(OPEN_GATE))


def machine(
    steps: str, *, tools: tuple[ToolCard, ...] = (), gate: Gate | None = None, head: str = "", **flows: Flow
) -> Machine:
    """A machine for these steps (indented by two); `./tools/<name>` reaches the cards given."""
    text = f"flowmind: 1\nname: test\n{head or 'input: {}'}\nsteps:\n{steps}"
    linked = Flow.parse(text).link(tools={f"./tools/{c.name}": c for c in tools})
    return Machine(linked, gate=gate or open_gate(), run="run", secret=b"secret")


def drive(m: Machine, step: Step, answer: Callable[[Effect], Any], limit: int = 10_000) -> Step:
    """Answer every effect, oldest first, until the run ends or nothing is open."""
    while m.outcome is None and m.effects and limit:
        limit -= 1
        effect = m.effects[0]
        result = answer(effect)
        step = m.fail(effect.token, result) if isinstance(result, Exception) else m.submit(effect.token, result)
    return step
