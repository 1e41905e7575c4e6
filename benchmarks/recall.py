"""What memory finds: the turns that answer the questions of LoCoMo, by words alone and with both embedders.

The weights were chosen on all five conversations that lie beside the project; others are kept apart. Each question's
figures are written as JSON lines to `benchmarks/.results`. The notes have 95 % bootstrap intervals over questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import install
from .measure import PEERS as PEERS_FOLDER
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
PEERS = {"SQLite FTS5": None, "langgraph==1.2.22": "langgraph_recall.py", "mem0ai==2.2.1": "mem0_recall.py"}
"""The full-text search that Python brings, and two stores with the vectors of MiniLM."""


def measure(count: int) -> list[Row]:
    shared = next((up / "shared" for up in Path(__file__).resolve().parents if (up / "shared").is_dir()), None)
    chats = None if shared is None else shared / CHATS
    if chats is None or not chats.is_file():
        return [Row("recall", None, "", note=f"skipped: needs ../shared/{CHATS}")]
    theirs: dict[str, dict[str, list[float]]] = {}
    notes: list[Row] = []
    for peer, script in PEERS.items():
        try:
            theirs[peer] = _figures("fts5" if script is None else _command(peer, script), chats, peer)
        except CannotMeasure as error:
            notes.append(Row(f"recall, {peer}", None, "", note=str(error)))
    return [row for name in TARGETS for row in _embedder(name, chats, theirs)] + notes


def _command(peer: str, script: str) -> str:
    return f"{install.python(peer.partition('=')[0], peer) / 'python'} {PEERS_FOLDER / script}"


def _embedder(name: str, chats: Path, theirs: Mapping[str, Mapping[str, list[float]]]) -> list[Row]:
    try:
        found = _figures(name, chats, name)
    except CannotMeasure as error:
        return [Row(f"recall, {name}", None, "", met=False, note=str(error))]
    rows = []
    for what, key in FIGURES:
        ours, low, high = found[key]
        best = max((peer for peer in theirs if key in theirs[peer]), key=lambda peer: theirs[peer][key][0], default="")
        figure = theirs[best][key][0] if best else None
        target = TARGETS[name].get(key)
        row = Row(
            f"{what}, {name}",
            ours,
            "",
            best,
            figure,
            ours / figure if figure else None,
            "" if target is None else f">= {target:g}",
            None if target is None else ours >= target,
            f"{low:.3f} to {high:.3f}",
        )
        rows.append(row)
    return rows


def _figures(who: str, chats: Path, label: str) -> dict[str, list[float]]:
    file = RESULTS / f"recall-{label.partition('=')[0].replace(' ', '-')}.jsonl"
    found: dict[str, list[float]] = worker(own("recall", who, chats, file))
    return found
