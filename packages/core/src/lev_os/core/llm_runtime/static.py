"""Sentences as vectors: the static embeddings in `wordllama`'s wheel, read without importing it.

A sentence is the mean of its tokens' vectors (256 float16 each, 32,000 tokens), scaled to length one. Loading takes
no network and about 0.1 CPU-s on top of numpy; the weights are memory-mapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path
from typing import Any

from .. import canonical
from .errors import NoModel

NAME = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_MAX_CHARACTERS = 20_000


def is_installed() -> bool:
    """Whether the wheel and what reads it are there."""
    return all(util.find_spec(name) is not None for name in ("numpy", "threadpoolctl", "tokenizers", NAME))


class StaticEmbedder:
    """See `Embedder`; 256 numbers a text."""

    name = NAME
    instant = True

    def __init__(self) -> None:
        if not is_installed():
            raise NoModel("the embedder wordllama is not installed", help="pip install 'lev-os[local]'")
        import numpy as np
        from tokenizers import Tokenizer

        folder = Path(str(metadata.distribution(NAME).locate_file(NAME)))
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
            data = np.memmap(folder / _WEIGHTS, dtype=np.uint8, mode="r")
            self._vectors = _tensor(data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"the embeddings in the wheel of {NAME} cannot be read: {error}"
            raise NoModel(message, help="reinstall it: pip install --force-reinstall wordllama") from None
        self.digest = canonical.digest({"weights": _WEIGHTS, "version": metadata.version(NAME), "method": 1})

    def embed(self, texts: Sequence[str]) -> Any:
        """See `Embedder.embed`; a text without tokens gets zeros."""
        import numpy as np

        rows = np.zeros((len(texts), self._vectors.shape[1]), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([text[:_MAX_CHARACTERS] for text in texts], add_special_tokens=False)
        for row, encoding in zip(rows, encoded, strict=True):
            if encoding.ids:
                np.mean(self._vectors[encoding.ids], axis=0, dtype=np.float32, out=row)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _tensor(data: Any) -> Any:
    """The one tensor of a safetensors file: 8 bytes of header length, a JSON header, then the numbers."""
    import numpy as np

    length = int(data[:8].view("<u8")[0])
    header = canonical.decode(bytes(data[8 : 8 + length]))["embedding.weight"]
    if header["dtype"] != "F16":
        raise ValueError(f"unexpected number format {header['dtype']}")
    start, end = (8 + length + offset for offset in header["data_offsets"])
    return np.asarray(data[start:end]).view("<f2").reshape(header["shape"])
