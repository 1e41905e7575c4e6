"""How fast memory takes records in and finds them again, in one SQLite file, and what its index takes of memory.

Without the embedder: vectors of 384 dimensions are made up. Building a million records takes some minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from .measure import own, worker
from .table import Row

SMALL, LARGE = 6_000, 1_000_000


def measure(count: int) -> list[Row]:
    rounds = [worker(own("remember", SMALL)) for _ in range(count)]
    small = {name: median(found[name] for found in rounds) for name in rounds[0]}
    large = worker(own("remember", LARGE))
    return [
        _at_least("putting records, in batches", small["batch"], 25_000),
        _at_least("putting records, a commit each", small["single"], 3_000),
        *_search(SMALL, small, 4),
        *_search(LARGE, large, 30),
        _at_most(f"index of {LARGE:,}", large["memory"], "MB", 100),
    ]


def _search(total: int, found: Mapping[str, float], target: float) -> list[Row]:
    what = f"searching {total:,}"
    return [Row(f"{what}, p50", found["p50"], "CPU ms"), _at_most(f"{what}, p95", found["p95"], "CPU ms", target)]


def _at_least(what: str, ours: float, target: float) -> Row:
    return Row(what, ours, "per CPU s", target=f">= {target:,}", met=ours >= target)


def _at_most(what: str, ours: float, unit: str, target: float) -> Row:
    return Row(what, ours, unit, target=f"<= {target:g}", met=ours <= target)
