"""BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009) over what a question may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

K1 = 1.2
B = 0.75

Posting = tuple[Any, Any]
"""The places of the records that hold a term (int64), and how often each does (float32)."""


def score(postings: Sequence[Posting], lengths: Any, total: int, average: float) -> Any:
    """The score of every record. `lengths` counts terms, `average` is their mean over the `total` that is searched."""
    scores = np.zeros(len(lengths), np.float32)
    for places, counts in postings:
        if len(places):
            norm = K1 * (1 - B) + (K1 * B / (average or 1.0)) * lengths[places].astype(np.float32)
            scores[places] += (idf(len(places), total) * (K1 + 1)) * counts / (counts + norm)
    return scores


def score_sessions(postings: Sequence[Posting], sessions: Any, lengths: Any) -> Any:
    """The same with a session as one long text: the score of every session.

    `sessions` has the codes of records, -1 for none; `lengths` the terms of each session.
    """
    grouped = []
    for places, counts in postings:
        codes = sessions[places]
        inside = codes >= 0
        if not inside.all():
            codes, counts = codes[inside], counts[inside]
        sums = np.bincount(codes, weights=counts, minlength=len(lengths))
        held = np.flatnonzero(sums > 0)  # of numbers themselves it takes ten times as long
        grouped.append((held, sums[held].astype(np.float32)))
    total = int(np.count_nonzero(lengths))
    return score(grouped, lengths, total, float(lengths.sum()) / max(total, 1))


def idf(holders: int, total: int) -> float:
    """How rare a term is; never negative."""
    return float(np.log1p((max(total - holders, 0) + 0.5) / (holders + 0.5)))
