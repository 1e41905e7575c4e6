"""The end of a run: its output on stdout, what became of it on stderr."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .driving import result_value
from .output import note, print_json, print_line
from .trace import summary_lines

if TYPE_CHECKING:
    from lev_os.core.bidirectional.events import RunResult


def show_result(result: RunResult, seconds: float, *, as_json: bool) -> None:
    """Print a run's result."""
    for line in summary_lines(result, seconds):
        note(line)
    if as_json:
        print_json(result_value(result))
    elif result.status == "done":
        text = isinstance(result.output, str)
        print_line(result.output if text else json.dumps(result.output, indent=2, ensure_ascii=False))


def show_answered(result: RunResult, *, as_json: bool) -> None:
    """Print how a run stands that was answered here and is driven by an MCP host."""
    if result.status == "waiting":
        note(f"answered; the MCP host that drives run {result.run} goes on when it asks with flow_status")
        note(f"    help: if there is no such host any more: lev runs resume {result.run}")
    else:
        note(f"{result.status} · run {result.run}")
    if as_json:
        print_json(result_value(result))
