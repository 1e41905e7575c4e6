"""LangGraph with its SQLite checkpointer: three nodes that carry a payload. Arguments: file, runs, bytes of payload.

`durability="sync"` writes each checkpoint before the next node runs, as our journal does. The connection has the
settings that the checkpointer gives it: write-ahead, and the disk is not waited for at every commit."""

import asyncio
import json
import sys
import time
from typing import TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    n: int
    payload: str


async def increment(state: State) -> State:
    return {"n": state["n"] + 1, "payload": state["payload"]}


async def main(path: str, runs: int, size: int) -> None:
    graph = StateGraph(State)
    for name in "abc":
        graph.add_node(name, increment)
    for start, end in [(START, "a"), ("a", "b"), ("b", "c"), ("c", END)]:
        graph.add_edge(start, end)
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        app = graph.compile(checkpointer=saver)
        for number in range(runs + 20):
            if number == 20:
                begun = time.process_time()
            config = {"configurable": {"thread_id": str(number)}}
            result = await app.ainvoke({"n": 0, "payload": "x" * size}, config, durability="sync")
            assert result["n"] == 3
        print(json.dumps({"steps": 3 * runs, "cpu": time.process_time() - begun}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
