"""Run a flow with its journal, as `lev run` does. Arguments: folder, runs, bytes of payload, whether to fsync, and
`imported` to have the OpenTelemetry SDK in memory, `traced` to do it under its tracer provider without an exporter,
`heard` with a span processor that does nothing."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from flows import counting, increment
from lev_os.core.bidirectional import run

folder, runs, size, fsync = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "fsync"
if sys.argv[5:]:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    provider = TracerProvider()
    if sys.argv[5] == "heard":
        provider.add_span_processor(SpanProcessor())
    if sys.argv[5] != "imported":
        trace.set_tracer_provider(provider)
flow = counting(3)
payload = "x" * size
synced = {"count": 0.0, "wall": 0.0}
real_fsync = os.fsync


def timed(descriptor: Any) -> None:
    begun = time.perf_counter()
    real_fsync(descriptor)
    synced["count"] += 1
    synced["wall"] += time.perf_counter() - begun


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
            fsync=fsync,
        )
        assert done.output == {"n": 3}, done
    return time.process_time() - begun


used = asyncio.run(main())
per_run = {name: value / runs for name, value in synced.items()}
print(json.dumps({"steps": 3 * runs, "cpu": used, "fsync": per_run}))
