"""How things are measured: CPU seconds, in processes of their own, rounds interleaved, medians.

Wall-clock time on a shared machine says more about the neighbours than about the code, so it is not used.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORKERS = ROOT / "benchmarks" / "workers"
PEERS = ROOT / "benchmarks" / "peers"


class CannotMeasure(Exception):
    """A benchmark or a peer that cannot be run here, and why."""


def environment() -> dict[str, str]:
    """The environment of every measured process: byte code may be written, nothing phones home."""
    env = {key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}}
    return env | {"NO_COLOR": "1", "MASTRA_TELEMETRY_DISABLED": "1", "LANGSMITH_TRACING": "false"}


def child_cpu(command: Sequence[str], cwd: Path | None = None, stdout: Path | None = None) -> float:
    """CPU seconds, user and system, of a command that succeeds, its own children included."""
    with open(stdout or os.devnull, "wb") as out:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=cwd, env=environment(), stdout=out, stderr=subprocess.PIPE, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise CannotMeasure(f"{command[0]} failed: {_last_line(done.stderr.decode(errors='replace'))}")
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


@dataclass(frozen=True)
class Cost:
    """What a process and its children took: CPU seconds, wall seconds, and the peak of its memory in MB."""

    cpu: float
    wall: float
    memory: float


def cost(
    command: Sequence[str],
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    cores: Sequence[int] = (),
    succeeds: Container[int] = (0,),
) -> Cost:
    """The cost of a command run in `folder`, on these cores (all when empty); `succeeds` are exit codes."""
    began = time.perf_counter()
    done = subprocess.Popen(
        command, cwd=folder, env=environment() | dict(env or {}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,  # no threads here
    )  # fmt: skip
    assert done.stderr is not None
    said = done.stderr.read().decode(errors="replace")
    done.stderr.close()
    _, status, usage = os.wait4(done.pid, 0)
    wall = time.perf_counter() - began
    done.returncode = os.waitstatus_to_exitcode(status)
    if done.returncode not in succeeds:
        raise CannotMeasure(f"{command[0]} failed: {_last_line(said)}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def cost_rounds(measures: Mapping[str, Callable[[], Cost]], count: int) -> dict[str, Cost]:
    """As `rounds`, for costs: one round is thrown away, the others are interleaved."""
    taken: dict[str, list[Cost]] = {name: [] for name in measures}
    for number in range(count + 1):
        for name, run in measures.items():
            value = run()
            if number:
                taken[name].append(value)
    return {
        name: Cost(median(c.cpu for c in costs), median(c.wall for c in costs), median(c.memory for c in costs))
        for name, costs in taken.items()
    }


def worker(command: Sequence[str], cwd: Path | None = None) -> dict[str, Any]:
    """What a measuring process says of itself: one JSON object, its last line."""
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMeasure(f"{Path(command[-1]).name} failed: {_last_line(done.stderr)}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def own(name: str, *arguments: object) -> list[str]:
    """The command of one of our workers, in the project's own environment."""
    return [sys.executable, str(WORKERS / f"{name}.py"), *map(str, arguments)]


def rounds(measures: Mapping[str, Callable[[], float]], count: int) -> dict[str, float]:
    """The median of each measure over `count` rounds; in each round every measure is taken once, every other time
    in the opposite order.

    One round before them is thrown away: it fills caches and writes byte code.
    """
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(count + 1):
        for name in list(measures)[:: 1 if number % 2 else -1]:
            value = measures[name]()
            if number:
                taken[name].append(value)
    return {name: median(values) for name, values in taken.items()}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
