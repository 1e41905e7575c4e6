"""Run a flow with its journal, as `lev run` does. Arguments: folder, runs, bytes of payload.

What fsync takes is measured apart: it is the disk's, not the program's.
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
synced = [0, 0.0]
fsync = os.fsync


def timed(descriptor: int) -> None:
    begun = time.perf_counter()
    fsync(descriptor)
    synced[0] += 1
    synced[1] += time.perf_counter() - begun


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


cpu = asyncio.run(main())
print(json.dumps({"steps": 3 * runs, "cpu": cpu, "fsyncs": synced[0] / runs, "fsync_ms": synced[1] / runs * 1000}))
