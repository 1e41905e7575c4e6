"""Token counts are exact, and need no network."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from lev_os.core import tokens
from splintr import Tokenizer

RUNS = ["a", "Z", "é", "中", "\U00020000", "🧠", "👨‍👩‍👧", " ", "\n", "\r\n", "\t", " \n", "\u00a0", "0", "!", "/", "_"]
RUNS += ["\u0301", "नम", "ab", "Ab", "'s", "!\n", "<", "<|", "|>", "<|endoftext|>", "<|endof", "\ufffd", "\x00"]


@cache
def made(name: str) -> tokens.Counter:
    counter: tokens.Counter = getattr(tokens, name)()
    return counter


@pytest.fixture(autouse=True, params=["_splintr", "_toktok"])
def counter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both count the same."""
    monkeypatch.setattr(tokens, "_counter", lambda: made(request.param))


def test_known_counts() -> None:
    """Words, emoji, and text that looks like a control token."""
    assert tokens.count("hello world") == 2
    assert tokens.count("") == 0
    assert tokens.count("<|endoftext|>") == 7
    assert tokens.count_many(["hello world", "🧠", ""]) == [2, 3, 0]


def test_the_faster_one_counts_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.undo()
    assert "splintr" in tokens._counter.__wrapped__().__qualname__
    monkeypatch.setitem(sys.modules, "splintr", None)
    assert "toktok" in tokens._counter.__wrapped__().__qualname__


def test_a_lone_surrogate_is_counted_as_its_replacement() -> None:
    """Text from a JSON escape may hold one; counting must not fail. Halves of a pair that stand together are one."""
    assert tokens.count("\ud800") == tokens.count("\ufffd")
    assert tokens.count("<|\udc00|> \ud83e\udde0") == tokens.count("<|\ufffd|> 🧠")


def test_one_text_in_ten_thousand_with_a_lone_surrogate() -> None:
    """It and the others count as they do alone, in order, wherever what is counted at once ends."""
    texts = [f"{'wörd ' * (number % 7)}{number}" for number in range(10_000)]
    texts[5_000] = "\ufeff \ud800"
    assert tokens.count_many(iter(texts)) == [tokens.count(text) for text in texts]
    assert tokens.count_many([]) == []


def test_toktok_is_called_once_for_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call makes its tables anew: one for each text of a thousand files takes most of the time of a bundle."""
    calls: list[int] = []

    def batch_count(texts: Sequence[str], encoding: str, threads: int) -> list[int]:
        calls.append(len(texts))
        return [1] * len(texts)

    monkeypatch.setattr("toktok.batch_count", batch_count)
    counter = tokens._toktok()
    monkeypatch.setattr(tokens, "_counter", lambda: counter)
    assert tokens.count_many(map(str, range(1_000))) == [1] * 1_000
    assert sum(calls) == 1_000
    assert len(calls) < 10


def test_special_tokens_are_text() -> None:
    """The encoder that knows them never sees one: each can be told by its first characters, and counts as its parts."""
    named = Tokenizer.from_pretrained(tokens.ENCODING).special_tokens()
    assert len(named) > 2
    for name in named:
        assert "<|" in name
        assert tokens.count(name) >= 4


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # a child of many threads is what is tried
def test_threads_and_children_count_alike() -> None:
    """Counting lets other threads run, and a process forked meanwhile counts on."""
    texts = [f"text {number} of naïve wörds, xyzzy{number} " * 50 for number in range(100)]
    expected = [tokens.count(text) for text in texts]
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.count_many(texts))) for _ in range(4)]
    for thread in threads:
        thread.start()
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(tokens.count_many(texts) != expected)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to forbid it")
def test_no_memory_is_both_written_and_executed() -> None:
    """Hardened systems forbid it."""
    text = "naïve 中文 🧠 xyzzy <|endoftext|>"
    program = (
        "import ctypes, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, Linux 6.3\n"
        "    sys.exit('not here')\n"
        "from lev_os.core import tokens\n"
        f"print(tokens.count({text!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.stderr == "not here\n":
        pytest.skip("needs Linux 6.3")
    assert (done.stdout, done.stderr) == (f"{tokens.count(text)}\n", "")


@pytest.mark.parametrize("piece", RUNS, ids=ascii)
def test_a_long_run_takes_no_more_for_each_character(piece: str) -> None:
    """Sixteen times the text takes about sixteen times the work, where merging by search would take 256 times."""
    tokens.count(piece * 99)
    short, long = (min(_seconds(piece * (size // len(piece) + one)) for one in range(3)) for size in (20_000, 320_000))
    assert long < 64 * max(short, 1e-4)


def _seconds(text: str) -> float:
    began = time.thread_time()
    tokens.count(text)
    return time.thread_time() - began


@pytest.mark.slow
def test_counts_equal_tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference agrees on 40,000 texts of all kinds, on texts full of special tokens and on long runs.

    It has the ranks of `bpe-openai`'s wheel.
    """
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
    texts += [*_full_of_special_tokens(), *(piece * (4_000 // len(piece)) + end for piece in RUNS for end in ("", "x"))]
    assert tokens.count_many(texts) == [len(encoding.encode(text, disallowed_special=())) for text in texts]


def _full_of_special_tokens() -> Iterator[str]:
    """Whole ones, broken ones, and what stands around them."""
    rng = random.Random(5)
    whole = sorted(Tokenizer.from_pretrained(tokens.ENCODING).special_tokens())
    around = ["", " ", "\n", "<", "|", "<|", "|>", "a", "é", "中", "'s", " x", "<<||>>"]
    for _ in range(3_000):
        pieces = rng.choices(whole, k=6) + [name[: rng.randrange(len(name))] for name in rng.choices(whole, k=3)]
        rng.shuffle(pieces)
        yield "".join(piece + rng.choice(around) for piece in pieces)
