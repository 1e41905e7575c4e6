"""A program that runs or resumes one flow, for the tests that kill it: `killed_run.py JOURNAL LOG [resume]`.

Every tool call is one line of LOG: the idempotency key, written before the tool does anything.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from driving import flow
from lev_os.core import ToolContext, tool
from lev_os.core.bidirectional import resume, run

STEPS = 12
LOG = ""


@tool(effects=[])
async def work(ctx: ToolContext[None], n: int) -> str:
    """Leaves a trace of its key, takes a moment, and answers."""
    descriptor = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{ctx.idempotency_key}\n".encode())
    os.close(descriptor)
    await asyncio.sleep(0.004)
    return f"{n}:" + "x" * 200


def program() -> str:
    """Two branches of several steps each, and an answer made of what they say."""
    branch = "".join(f"        - {{id: s{n}, call: ./tools/work, with: {{n: {n}}}}}\n" for n in range(STEPS // 2))
    both = f"  - id: both\n    parallel:\n      left:\n{branch}      right:\n{branch}"
    return both + "  - return: {last: '${both.left.s0}'}\n"


async def main() -> None:
    global LOG
    journal, LOG = Path(sys.argv[1]), sys.argv[2]
    tools = {"./tools/work": work}
    print("ready", flush=True)
    if journal.exists() and journal.stat().st_size:
        result = await resume(journal, tools=tools, current=flow(program()))
    else:
        journal.unlink(missing_ok=True)
        result = await run(flow(program()), {}, tools=tools, journal=journal)
    print(result.status, flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
