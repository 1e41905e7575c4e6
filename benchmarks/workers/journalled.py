"""Run a flow with its journal, as `lev run` does. Arguments: folder, runs, bytes of payload.

What fsync takes, CPU included, is measured apart: it is the disk's, not the program's.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from flows import counting, increment
from lev_os.core.bidirectional import run

folder, runs, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
flow = counting(3)
payload = "x" * size
synced = {"count": 0, "wall": 0.0, "cpu": 0.0}
fsync = os.fsync


def timed(descriptor: int) -> None:
    wall, cpu = time.perf_counter(), time.thread_time()
    fsync(descriptor)
    synced["count"] += 1
    synced["wall"] += time.perf_counter() - wall
    synced["cpu"] += time.thread_time() - cpu


async def main() -> float:
    begun = 0.0
    for number in range(runs + 20):
        if number == 20:
            begun = time.process_time()
            os.fsync = timed
        done = await run(
            flow,
            {"n": 0, "payload": payload},
            journal=folder / f"{number}.jsonl",
            tools={"./tools/increment": increment},
        )
        assert done.output == {"n": 3}, done
    return time.process_time() - begun


used = asyncio.run(main()) - synced["cpu"]
per_run = {name: value / runs for name, value in synced.items()}
print(json.dumps({"steps": 3 * runs, "cpu": used, "fsync": per_run}))
