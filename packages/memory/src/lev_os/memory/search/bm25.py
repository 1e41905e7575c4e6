"""BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009) over what a question may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

K1 = 1.2
B = 0.75

Posting = tuple[Any, Any]
"""The places of the records that hold a term (int64), and how often each does (float32)."""


def score(postings: Sequence[Posting], lengths: Any, total: int) -> Any:
    """The score of every record. `lengths` counts terms; `total` records are searched."""
    scores = np.zeros(len(lengths), np.float32)
    average = float(lengths.sum()) / max(total, 1) or 1.0
    for places, counts in postings:
        if len(places):
            norm = K1 * (1 - B + B / average * lengths[places])
            scores[places] += idf(len(places), total) * (K1 + 1) * counts / (counts + norm)
    return scores


def score_sessions(postings: Sequence[Posting], sessions: Any, lengths: Any, count: int) -> Any:
    """The same with a session as one long text: the score of every session. `sessions` has codes, -1 for none."""
    belongs = sessions >= 0
    long = np.bincount(sessions[belongs], weights=lengths[belongs], minlength=count).astype(np.float32)
    grouped = []
    for places, counts in postings:
        codes = sessions[places]
        inside = codes >= 0
        sums = np.bincount(codes[inside], weights=counts[inside], minlength=count)
        held = np.flatnonzero(sums)
        grouped.append((held, sums[held].astype(np.float32)))
    return score(grouped, long, int(np.count_nonzero(long)))


def idf(holders: int, total: int) -> float:
    """How rare a term is; never negative."""
    return float(np.log1p((max(total - holders, 0) + 0.5) / (holders + 0.5)))
