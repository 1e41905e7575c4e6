"""pydantic-graph's builder: three steps that add one, no store. Arguments: number of runs."""

import asyncio
import json
import sys
import time

from pydantic_graph import GraphBuilder, StepContext

builder = GraphBuilder(input_type=int, output_type=int, auto_instrument=False)


@builder.step
async def a(context: StepContext[None, None, int]) -> int:
    return context.inputs + 1


@builder.step
async def b(context: StepContext[None, None, int]) -> int:
    return context.inputs + 1


@builder.step
async def c(context: StepContext[None, None, int]) -> int:
    return context.inputs + 1


builder.add(
    builder.edge_from(builder.start_node).to(a),
    builder.edge_from(a).to(b),
    builder.edge_from(b).to(c),
    builder.edge_from(c).to(builder.end_node),
)
graph = builder.build()


async def main(runs: int) -> None:
    for number in range(runs + 20):
        if number == 20:
            begun = time.process_time()
        assert await graph.run(inputs=0) == 3
    print(json.dumps({"steps": 3 * runs, "cpu": time.process_time() - begun}))


asyncio.run(main(int(sys.argv[1])))
