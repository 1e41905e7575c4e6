"""Speed of the SQLite store without an embedder's work. Argument: how many records it holds.

Times are CPU of the thread that does the work, so a busy machine counts less.
"""

import json
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from lev_os.memory import Record, Scope
from lev_os.memory.backends.sqlite.store import SqliteStore
from lev_os.memory.manager import new_ids, scope_of
from lev_os.memory.types import Change, Moment, Probe

BATCH, SINGLE, QUERIES, DIMENSIONS, WORDS = 10_000, 1_000, 200, 384, 50_000
SCOPE = Scope(tenant="t")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def texts(rng, count):
    """Twelve words each, of which some are common and most are rare."""
    weights = 1 / np.arange(1, WORDS + 1)
    return [" ".join(f"w{n}" for n in row) for row in rng.choice(WORDS, size=(count, 12), p=weights / weights.sum())]


def vectors(rng, count):
    """Two thousand clusters in 48 dimensions, brought to 384 with noise: like those of texts."""
    shape = np.random.default_rng(1)
    centres, spread = shape.standard_normal((2_000, 48)), shape.standard_normal((48, DIMENSIONS))
    inner = centres[rng.integers(0, 2_000, count)] + 0.7 * rng.standard_normal((count, 48))
    found = (inner @ spread + 1.5 * rng.standard_normal((count, DIMENSIONS))).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def changes(said, first):
    records = [Record(text=text, session=f"s{n // 25}", sequence=n, role="user") for n, text in enumerate(said, first)]
    ids = new_ids(len(records))
    return [
        Change(op="put", id=id, scope=scope_of(r, SCOPE), at=NOW, record=r) for id, r in zip(ids, records, strict=True)
    ]


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


total = int(sys.argv[1])
rng = np.random.default_rng(0)
folder = tempfile.mkdtemp()
try:
    store = SqliteStore(f"{folder}/m.db", "fixed")
    batch = single = 0.0
    for first in range(0, total, BATCH):
        some = changes(texts(rng, min(BATCH, total - first)), first)
        begun = time.thread_time()
        store.append(SCOPE, some)
        batch += time.thread_time() - begun
        keys = [key for key, _ in store.reader.unembedded(BATCH)]
        store.embed(list(zip(keys, vectors(rng, len(keys)), strict=True)))
    for change in changes(texts(rng, SINGLE), total):
        begun = time.thread_time()
        store.append(SCOPE, [change])
        single += time.thread_time() - begun
    store.close()
    store = SqliteStore(f"{folder}/m.db", "fixed")
    asked = [" ".join(text.split()[:6]) for text in texts(rng, QUERIES)]
    meant = iter(vectors(rng, QUERIES + 1))
    before = memory()
    store.reader.search(SCOPE, Probe(text="w100 w2000", k=10, moment=Moment(now=NOW), embed=lambda _: next(meant)))
    taken = []
    for text in asked:
        probe = Probe(text=text, k=10, moment=Moment(now=NOW), embed=lambda _: next(meant))
        begun = time.thread_time()
        store.reader.search(SCOPE, probe)
        taken.append((time.thread_time() - begun) * 1_000)
    taken.sort()
    print(
        json.dumps(
            {
                "batch": total / batch,
                "single": SINGLE / single,
                "p50": taken[QUERIES // 2],
                "p95": taken[QUERIES * 95 // 100],
                "memory": memory() - before,
            }
        )
    )
finally:
    shutil.rmtree(folder)
