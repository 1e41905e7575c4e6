"""The words of a task as stems, and where their kin stand in texts. English by Porter2 (https://snowballstem.org).

Texts are not taken apart: for each stem of the task they are searched, and only words that begin like it are stemmed.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_STOP = """
a about all also am an and any are as at be been but by can could did do does for from get had has have here how i if
in into is it its just like make may me my need no not of on one or our out over own should so some such than that the
their them then there these they this those through to up us use used using want was we were what when where which
while who whom whose why will with without would you your
"""
_STOP_WORDS = frozenset(_STOP.split())

Occurrences = Mapping[int, int]
"""How often a stem stands in each passage, by the passage's number."""


def stems(task: str) -> list[str]:
    """The stems of a task, each once, in order; of nothing but stop words, those."""
    words = _WORD.findall(task.lower())
    return list(dict.fromkeys(map(stem, [word for word in words if word not in _STOP_WORDS] or words)))


@cache
def stem(word: str) -> str:
    """The stem of a word in small letters."""
    return str(_stemmer().stemWord(word)) if word.isalpha() and len(word) <= 64 else word


def occurrences(stem_: str, text: str, starts: Sequence[int]) -> Occurrences:
    """Where the kin of a stem stand in `text`, all in small letters, whose passages begin at `starts`."""
    # The end of a stem may be another letter than the word's: hope, hoping; policy, polici.
    prefix = stem_[:-1] if len(stem_) > 2 and stem_[-1] in "ei" else stem_
    found: dict[int, int] = {}
    kin: dict[str, bool] = {}
    passage, end = -1, 0
    at = text.find(prefix)
    while at >= 0:
        if not at or not text[at - 1].isalnum():
            match = _WORD.match(text, at)
            assert match is not None
            word = match[0]
            if (same := kin.get(word)) is None:
                same = kin[word] = stem(word) == stem_
            if same:
                if at >= end:
                    passage = bisect_right(starts, at) - 1
                    end = starts[passage + 1] if passage + 1 < len(starts) else len(text)
                found[passage] = found.get(passage, 0) + 1
        at = text.find(prefix, at + 1)
    return found


@cache
def _stemmer() -> Any:
    """English alone: `import snowballstemmer` would load the stemmers of thirty languages, 30 CPU-ms."""
    found = find_spec("snowballstemmer")
    assert found is not None
    english = ModuleType(f"{__name__}_stemmers")
    english.__path__ = list(found.submodule_search_locations or ())
    sys.modules[english.__name__] = english
    return import_module(f"{english.__name__}.english_stemmer").EnglishStemmer()
