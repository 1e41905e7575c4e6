"""LangGraph: three nodes that add one, no store. Arguments: number of runs."""

import asyncio
import json
import sys
import time
from typing import TypedDict

from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    n: int


async def increment(state: State) -> State:
    return {"n": state["n"] + 1}


async def main(runs: int) -> None:
    graph = StateGraph(State)
    for name in "abc":
        graph.add_node(name, increment)
    for start, end in [(START, "a"), ("a", "b"), ("b", "c"), ("c", END)]:
        graph.add_edge(start, end)
    app = graph.compile()
    for number in range(runs + 20):
        if number == 20:
            begun = time.process_time()
        result = await app.ainvoke({"n": 0})
        assert result["n"] == 3
    print(json.dumps({"steps": 3 * runs, "cpu": time.process_time() - begun}))


asyncio.run(main(int(sys.argv[1])))
