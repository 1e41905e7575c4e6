"""Text as terms for full-text search: folded, without stop words, stemmed by Porter2 (https://snowballstem.org).

English is stemmed; other alphabets are folded only, and scripts without spaces become overlapping pairs of characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_STOP_WORDS = """
a an the of to in on at for and or is are was were be been do does did has have had he she it his her hers their they
them this that these those with by from as i you my your yours we our ours me us him what which who whom whose when
where why how would will could should can may might shall am if so but not no than then there here about into out up
down over also just some any its s t m d ll re ve don didn doesn isn wasn aren won
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that questions and texts share without meaning the same."""
_LONGEST = 64
_MOST_STEMS = 200_000


def terms(text: str) -> list[str]:
    """The terms of a text, in order, with repetitions."""
    words = _WORD.findall(text.lower()) if text.isascii() else _words(text)
    return list(filter(None, map(_stem_of, words)))


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    words: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFC", plain)):
        at = 0
        for run in _UNSPACED.finditer(word):
            if run.start() > at:
                words.append(word[at : run.start()])
            pairs = [run[0][i : i + 2] for i in range(len(run[0]) - 1)]
            words += pairs or [run[0]]
            at = run.end()
        if at < len(word):
            words.append(word[at:])
    return words


class _Stems(dict[str, str]):
    """Words and their stems, each found once; those of stop words are empty."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_STEMS:
            self.clear()
        stem = "" if word in STOP_WORDS else word[:_LONGEST]
        if stem.isalpha():
            stem = str(_stemmer().stemWord(stem))
        self[word] = stem
        return stem


@cache
def _stemmer() -> Any:
    import snowballstemmer  # type: ignore[import-untyped]  # it ships no types

    return snowballstemmer.stemmer("english")


_stem_of = _Stems().__getitem__
