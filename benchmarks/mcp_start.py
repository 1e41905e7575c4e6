"""What `lev mcp` costs until it serves: its CPU, beside that of importing the MCP SDK's server alone."""

from __future__ import annotations

import sys
from pathlib import Path

from .measure import child_cpu, rounds
from .table import Row

_SDK = "import mcp.server.lowlevel.server, mcp.server.stdio"


def measure(count: int) -> list[Row]:
    lev = Path(sys.executable).parent / "lev"
    # A host that hangs up at once: the server has loaded its package, looked at the end of stdin and gone.
    served = ["sh", "-c", f"exec {lev} mcp acme_support </dev/null"]
    found = rounds(
        {
            "served": lambda: child_cpu(served) * 1000,
            "sdk": lambda: child_cpu([sys.executable, "-c", _SDK]) * 1000,
        },
        count,
    )
    ratio = found["served"] / found["sdk"]
    return [
        Row(
            "lev mcp, started and hung up on",
            found["served"],
            "CPU ms",
            "importing the SDK's server",
            found["sdk"],
            1 / ratio,
            "<= 1.2 times its CPU",
            ratio <= 1.2,
        )
    ]
