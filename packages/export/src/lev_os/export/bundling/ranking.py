"""How much each passage has to do with a task: words always, meaning where there is an embedder.

A passage is ranked by BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009) of its own words, of
its headings and its text's name and description, and of its whole text. Of the best by words, the cosines of their
vectors count as much. Scores are rounded, so that the last bit of a sum decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from .model import Text
from .words import Occurrences, occurrences, stems

if TYPE_CHECKING:
    from lev_os.core.llm_runtime.embedding import Embedder

K1, B = 1.2, 0.75
LABEL, WHOLE, MEANING = 1.0, 0.2, 0.5
"""What headings and the whole text count beside a passage's own words, and vectors beside all words."""
EMBEDDED = 128
"""Passages, the best by words, that are embedded."""
_CHARACTERS = 1200

_ASCII = bytes(range(128))
_TOGETHER = 16
"""Texts that are searched at once: as many as stay in the processor's cache for all the words of a task."""

Place = tuple[int, int]
"""The number of a text, and of a passage in it."""


def rank(texts: Sequence[Text], task: str, embedder: Embedder | None = None) -> dict[Place, float]:
    """The score of every passage that shares a word with the task, above 0, before priorities."""
    places = [(i, k) for i, text in enumerate(texts) for k in range(len(text.passages))]
    if not places:
        return {}
    wanted = stems(task)
    own = _own(texts, wanted)
    labels = [_label(texts[i], k) for i, k in places]
    label_starts = [0, *accumulate(len(label) + 1 for label in labels)][:-1]
    all_labels = "\0".join(labels)
    named = [occurrences(stem, all_labels, label_starts) for stem in wanted]
    of_text = [_summed(found, [i for i, _ in places]) for found in own]
    sizes = [texts[i].passages[k].end - texts[i].passages[k].start for i, k in places]
    by_words = _bm25(own, sizes)
    by_label = _bm25(named, [len(label) for label in labels])
    by_text = _bm25(of_text, [len(text.text) for text in texts])
    ranked = {
        number: by_words.get(number, 0.0)
        + LABEL * by_label.get(number, 0.0)
        + WHOLE * by_text.get(places[number][0], 0.0)
        for number in sorted({*by_words, *by_label})
    }
    if embedder is not None and ranked:
        ranked = _with_meaning(ranked, task, [_shown(texts[i], k) for i, k in places], embedder)
    return {places[number]: round(score, 6) for number, score in ranked.items()}


def _own(texts: Sequence[Text], wanted: Sequence[str]) -> Sequence[Occurrences]:
    """Where each stem stands in the passages of all texts, which are numbered through."""
    found: list[dict[int, int]] = [{} for _ in wanted]
    first = 0
    for begin in range(0, len(texts), _TOGETHER):
        some = texts[begin : begin + _TOGETHER]
        whole = "\0".join(_small(text.text) for text in some)
        offsets = accumulate((len(text.text) + 1 for text in some), initial=0)
        starts = [
            offset + passage.start for text, offset in zip(some, offsets, strict=False) for passage in text.passages
        ]
        for known, stem in zip(found, wanted, strict=True):
            for number, count in occurrences(stem, whole, starts).items():
                known[first + number] = count
        first += len(starts)
    return found


def _small(text: str) -> str:
    """In small letters and as long as before: a few capitals would become two letters."""
    if not text.isascii():
        # Letters beyond ASCII are looked up one by one, and all others with them.
        data = text.encode("utf-8", "surrogatepass")
        beyond = data.translate(None, _ASCII).decode("utf-8", "surrogatepass")
        if beyond == beyond.lower():
            return data.lower().decode("utf-8", "surrogatepass")
    small = text.lower()
    return small if len(small) == len(text) else small[: len(text)].ljust(len(text))


def _bm25(found: Sequence[Occurrences], lengths: Sequence[int]) -> dict[int, float]:
    average = sum(lengths) / max(len(lengths), 1) or 1.0
    scores: dict[int, float] = {}
    for holders in found:
        idf = math.log1p((len(lengths) - len(holders) + 0.5) / (len(holders) + 0.5))
        for number, count in holders.items():
            norm = K1 * (1 - B + B * lengths[number] / average)
            scores[number] = scores.get(number, 0.0) + idf * count * (K1 + 1) / (count + norm)
    return scores


def _summed(found: Occurrences, text_of: Sequence[int]) -> Occurrences:
    counts: dict[int, int] = {}
    for number, count in found.items():
        counts[text_of[number]] = counts.get(text_of[number], 0) + count
    return counts


def _label(text: Text, k: int) -> str:
    passage = text.passages[k]
    titles = [text.passages[above].title for above in passage.above]
    return " ".join((text.specifier.rpartition("/")[2], text.description, *titles, passage.title)).lower()


def _shown(text: Text, k: int) -> str:
    passage = text.passages[k]
    titles = " ".join(text.passages[above].title for above in passage.above)
    return f"{titles} {text.text[passage.start : min(passage.end, passage.start + _CHARACTERS)]}"


def _with_meaning(ranked: dict[int, float], task: str, shown: Sequence[str], embedder: Embedder) -> dict[int, float]:
    best = sorted(ranked, key=lambda number: (-round(ranked[number], 6), number))[:EMBEDDED]
    vectors = embedder.embed([task, *(shown[number] or "-" for number in best)])
    cosines = [round(float(row @ vectors[0]), 4) for row in vectors[1:]]
    top, nearest = max(ranked.values()) or 1.0, max(*cosines, 0.1)
    fused = {number: (1 - MEANING) * score / top for number, score in ranked.items()}
    for number, cosine in zip(best, cosines, strict=True):
        fused[number] += MEANING * max(cosine, 0.0) / nearest
    return fused
