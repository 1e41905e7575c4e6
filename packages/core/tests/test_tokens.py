"""Token counts are exact, and need no network."""

from __future__ import annotations

import gzip
import hashlib
import os
from importlib import metadata
from pathlib import Path

import pytest
from lev_os.core import tokens


def test_known_counts() -> None:
    """Words, emoji, and text that looks like a control token."""
    assert tokens.count("hello world") == 2
    assert tokens.count("") == 0
    assert tokens.count("<|endoftext|>") == 7
    assert tokens.count_many(["hello world", "🧠", ""]) == [2, 3, 0]


def test_a_lone_surrogate_is_counted_as_its_replacement() -> None:
    """Text from a JSON escape may hold one; counting must not fail."""
    assert tokens.count("\ud800") == tokens.count("\ufffd")


def test_many_texts_are_counted_like_each() -> None:
    """Worker threads change nothing."""
    texts = [f"text {number} " * 50 for number in range(300)]
    assert tokens.count_many(texts) == [tokens.count(text) for text in texts]


@pytest.mark.slow
def test_counts_equal_tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference implementation agrees on 40,000 texts of all kinds, with the ranks of `bpe-openai`'s wheel."""
    tiktoken = pytest.importorskip("tiktoken", reason="needs tiktoken and bpe-openai")
    pytest.importorskip("bpe_openai", reason="needs tiktoken and bpe-openai")
    packed = [file for file in metadata.files("bpe-openai") or [] if file.name == "o200k_base.tiktoken.gz"]
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    ranks = gzip.decompress(Path(str(packed[0].locate())).read_bytes())
    (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(ranks)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    encoding = tiktoken.get_encoding("o200k_base")
    alphabet = [
        "a",
        "B",
        "é",
        "ß",
        "中",
        "文",
        "🧠",
        "👨‍👩‍👧",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "'s",
        "'LL",
        "12",
        "3456",
        "_",
        "…",
        "नम",
        "م",
        "\u0301",
        "\u200d",
        "\u00a0",
        "\u3000",
        "//",
        "!?",
        "<|endoftext|>",
        "ǅ",
        "ﬁ",
        "x" * 40,
        "0" * 7,
    ]
    texts = [os.fsdecode(Path(__file__).read_bytes())]
    for number in range(40_000):
        seed = hashlib.sha256(str(number).encode()).digest()
        texts.append("".join(alphabet[byte % len(alphabet)] for byte in seed[: 1 + number % 32]))
    assert tokens.count_many(texts) == [len(encoding.encode(text, disallowed_special=())) for text in texts]
