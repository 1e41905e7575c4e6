"""A Pydantic AI agent with its TestModel, bare and with the gate and contexts of a package; one run of each in turn.

`python agents.py RUNS`: the medians in CPU ms of a run, `text` (one answer) and `tool` (one tool call in between).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

from lev_os.agents import capabilities
from lev_os.core import tool
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

PACKAGE = "acme_support"
CONTEXTS = (f"{PACKAGE}/contexts/executive", f"{PACKAGE}/contexts/tone", f"{PACKAGE}/contexts/refund-policy")
PROMPT = "Where is my order A-7001? It was to arrive on Monday, and I am leaving for a week."
WARM_UP = 20


@tool(effects={"reads_private"})
def find_order(order_id: str) -> dict[str, Any]:
    """Find one order."""
    return {"id": order_id, "shop": "Corner Books", "paid_cents": 1999}


def agents(tools: list[Any]) -> dict[str, Agent[None, str]]:
    """The bare agent, the same with the gate, and with the gate and contexts."""
    gate, contexts = capabilities.constitution(PACKAGE), capabilities.contexts(*CONTEXTS)
    model = TestModel(custom_output_text="It is on its way. Acme support")
    return {
        "bare": Agent(model, tools=tools),
        "gate": Agent(model, tools=tools, capabilities=[gate]),
        "gate and contexts": Agent(model, tools=tools, capabilities=[gate, contexts]),
    }


async def measured(count: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, tools in (("text", []), ("tool", [find_order])):
        times: dict[str, list[float]] = {}
        measured = agents(tools)
        for number in range(count + WARM_UP):
            for kind in measured if number % 2 else reversed(measured):
                before = time.process_time()
                await measured[kind].run(PROMPT)
                if number >= WARM_UP:
                    times.setdefault(kind, []).append((time.process_time() - before) * 1000)
        found[name] = {kind: median(taken) for kind, taken in times.items()}
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(int(sys.argv[1])))))
