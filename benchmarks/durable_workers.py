"""Durable runs on several workers: throughput, runs that wait, and what a killed worker leaves.

These are measured by the clock, because they are about waiting: how many steps that wait 50 ms four workers do in the
time of one, how soon a run that waited goes on, and how long the runs of a killed worker stand still. The figures say
more about a machine with little else to do than about a busy one.
"""

from __future__ import annotations

from .durable import postgres
from .measure import own, worker
from .table import Row

SCALE, EXTRA_MB, WAKE, RECOVERY = 3.6, 50.0, 1.0, 15.0
WAITING = 10_000


def measure(count: int) -> list[Row]:
    del count  # each is one long measurement
    with postgres() as url:
        said = worker(own("durable_fleet", url, "throughput"))
        ratio = said["four"] / said["one"]
        rows = [
            Row(
                "steps of 50 ms, four workers", said["four"], "steps/s", "one worker", said["one"], ratio,
                f">= {SCALE}x", ratio >= SCALE,
            )
        ]  # fmt: skip
        said = worker(own("durable_fleet", url, "recovery"))
        rows.append(
            Row(
                "runs of a killed worker go on", said["seconds"], "s", target=f"<= {RECOVERY:.0f} s",
                met=said["seconds"] <= RECOVERY, note=f"{said['runs']} runs were under way on it",
            )
        )  # fmt: skip
    with postgres() as url:
        said = worker(own("durable_fleet", url, "waiting", WAITING))
        rows += [
            Row(
                f"{said['runs']} waiting runs, in a worker", said["extra_mb"], "MB", target=f"<= {EXTRA_MB:.0f} MB",
                met=said["extra_mb"] <= EXTRA_MB,
            ),
            Row(
                "a waiting run goes on, p95", said["p95"], "s", target=f"<= {WAKE:.0f} s", met=said["p95"] <= WAKE,
                note=f"median {said['median']:.2f} s, {said['woken']} of them, one after the other",
            ),
        ]  # fmt: skip
    return rows
