"""The local judge of semantic conditions: a classifier fitted on a condition's own examples."""

from __future__ import annotations

from pathlib import Path

from .client import Judge


def open_judge(root: Path | None = None) -> Judge | None:
    """The local classifier over the embedder in use around `root`, or None when there is no embedder.

    Raises `NoModel` when the environment or `pyproject.toml` name an embedder that nothing has.
    """
    from .embedding import chosen_embedder

    name = chosen_embedder(root)
    if name is None:
        return None
    from .classifier import Classifier

    return Classifier(name)
