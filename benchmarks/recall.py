"""What memory finds: the turns that answer the questions of LoCoMo, by words alone and with both embedders.

The weights were chosen on all five conversations that lie beside the project; others are kept apart. Each question's
figures are written as JSON lines to `benchmarks/.results`. The notes have 95 % bootstrap intervals over questions.
"""

from __future__ import annotations

from pathlib import Path

from .measure import ROOT, CannotMeasure, own, worker
from .table import Row

CHATS = Path("data/locomo/locomo5.json")
RESULTS = ROOT / "benchmarks" / ".results"
FIGURES = (
    # what, key
    ("recall at 10", "r10"),
    ("nDCG at 10", "ndcg10"),
    ("evidence in 2,000 tokens", "covered"),
    ("multi-hop recall at 10", "multi"),
)
TARGETS = {
    "minilm": {"r10": 0.78, "ndcg10": 0.58, "covered": 0.89, "multi": 0.45},
    "static": {"r10": 0.76},
    "none": {},
}
PEER = "SQLite FTS5"


def measure(count: int) -> list[Row]:
    shared = next((up / "shared" for up in Path(__file__).resolve().parents if (up / "shared").is_dir()), None)
    chats = None if shared is None else shared / CHATS
    if chats is None or not chats.is_file():
        return [Row("recall", None, "", note=f"skipped: needs ../shared/{CHATS}")]
    theirs = _figures("fts5", chats)
    return [row for name in TARGETS for row in _embedder(name, chats, theirs)]


def _embedder(name: str, chats: Path, theirs: dict[str, list[float]]) -> list[Row]:
    try:
        found = _figures(name, chats)
    except CannotMeasure as error:
        return [Row(f"recall, {name}", None, "", met=False, note=str(error))]
    rows = []
    for what, key in FIGURES:
        ours, low, high = found[key]
        target, peer = TARGETS[name].get(key), theirs.get(key)
        row = Row(
            f"{what}, {name}",
            ours,
            "",
            PEER if peer else "",
            peer[0] if peer else None,
            ours / peer[0] if peer else None,
            "" if target is None else f">= {target:g}",
            None if target is None else ours >= target,
            f"{low:.3f} to {high:.3f}",
        )
        rows.append(row)
    return rows


def _figures(name: str, chats: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = worker(own("recall", name, chats, RESULTS / f"recall-{name}.jsonl"))
    return found
