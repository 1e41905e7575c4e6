"""`lev runs show`."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from ...options import RunName, json_option
from ...output import columns, print_json, print_line


@click.command("show")
@click.argument("run", type=RunName())
@json_option
def command(run: str, as_json: bool) -> None:
    """Show a run: its input, every effect and verdict in order, and how it ended.

    RUN may be shortened as long as it is clear which one is meant.

    \b
    Examples:
      lev runs show 20261122-150405-a1b2c3d4e5f6
      lev runs show 20261122-1504 --json | jq .entries
    """
    from lev_os.core.bidirectional.replaying import describe, run_info

    from ...held import status_of
    from ...project import journal_of

    journal = journal_of(run)
    told = {**describe(journal), "status": status_of(run_info(journal))}
    if as_json:
        print_json(told)
        return
    print_line(f"{click.style(told['run'], bold=True)}  {told['flow']}  {told['status']}")
    if told.get("error"):
        print_line(f"error: {told['error']}")
        return
    print_line(f"input   {json.dumps(told['input'], ensure_ascii=False)}")
    outcome = told["outcome"] or {}
    if outcome.get("output") is not None:
        print_line(f"output  {json.dumps(outcome['output'], ensure_ascii=False)}")
    if outcome.get("error"):
        print_line(f"error   {outcome['error'].get('message')}")
    print_line()
    began = told["started"] or 0.0
    for line in columns(_entry(entry, began) for entry in told["entries"]):
        print_line(line)


def _entry(entry: dict[str, Any], began: float) -> tuple[str, ...]:
    what = [str(entry[field]) for field in ("kind", "phase", "ruling", "path", "reply") if entry.get(field)]
    what += [f"{finding.get('principle')}: {finding.get('message')}" for finding in entry.get("findings") or ()]
    if entry.get("failure"):
        what.append(str(entry["failure"].get("message")))
    return f"{entry['at'] - began:8.3f}s", entry["type"], (entry.get("key") or "")[:8], " ".join(what)


def clock(at: float) -> str:
    """A moment in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
