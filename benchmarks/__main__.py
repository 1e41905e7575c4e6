"""`python -m benchmarks [NAME…] [--json] [--rounds N]`: measure and print one table."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from .measure import CannotMeasure
from .table import Row, as_json, as_text

NAMES = (
    "exports",
    "discovery",
    "listing",
    "imports",
    "builds",
    "mcp_start",
    "steps",
    "journalled",
    "durable",
    "durable_workers",
    "tracing",
    "growth",
    "gate",
    "agents",
    "judgement",
    "check",
    "drift",
    "check_flows",
    "recall",
    "remember",
    "bundle",
    "tokens",
    "deliberation",
    "export_targets",
)


def main() -> int:
    """Run the named benchmarks, or all; 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Leviathan beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of each measure (default: 5)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    rows: list[Row] = []
    for name in options.names or NAMES:
        print(f"measuring {name}…", file=sys.stderr, flush=True)
        try:
            rows += importlib.import_module(f".{name}", __package__).measure(options.rounds)
        except CannotMeasure as error:
            rows.append(Row(name, None, "", met=False, note=str(error)))
    print(json.dumps(as_json(rows), indent=2) if options.json else as_text(rows))
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
