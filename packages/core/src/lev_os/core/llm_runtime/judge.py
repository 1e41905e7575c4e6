"""The local judge of semantic conditions: a classifier fitted on a condition's own examples."""

from __future__ import annotations

from .client import Judge


def open_judge() -> Judge | None:
    """The local classifier, or None when `wordllama` and `numpy` (extra `local`) are not installed."""
    from .embedding import is_installed

    if not is_installed():
        return None
    from .classifier import Classifier

    return Classifier()
