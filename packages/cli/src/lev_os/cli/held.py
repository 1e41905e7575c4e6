"""Runs that an MCP host drives: a lease lies beside their journals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lev_os.core.bidirectional.replaying import RunInfo


def is_held(journal: Path) -> bool:
    """Whether a host began this run, or took it over."""
    return journal.with_suffix(".lease").is_file()


def status_of(info: RunInfo) -> str:
    """The status of a run for people: `idle` when no process need work on it, because its host has the next move."""
    if info.status != "interrupted" or not is_held(info.path):
        return info.status
    from lev_os.core.bidirectional.replaying import describe

    return "idle" if _is_hosts_turn(describe(info.path)["entries"]) else info.status


def _is_hosts_turn(entries: list[dict[str, Any]]) -> bool:
    """A request to the host is open, or the last input was a person's answer, after which the host asks again."""
    effects: dict[tuple[str, int], str] = {}
    settled = set()
    last = None
    for entry in entries:
        at = entry["key"], entry["attempt"]
        if entry["type"] == "effect":
            effects[at] = entry["kind"]
        elif entry["type"] in ("result", "failure", "cancelled"):
            settled.add(at)
            last = at
    return any(kind == "model" and at not in settled for at, kind in effects.items()) or (
        last is not None and effects.get(last) == "wait"
    )
