"""How every harness is run: random bytes go in; a value, `LevError` or `InvalidInput` comes out, within five seconds.

Anything else ends the fuzzer and leaves the input in `fuzz/.found`.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris
from lev_os.core.canonical import decode
from lev_os.core.errors import InvalidInput, LevError

__all__ = ["LevError", "decode", "run", "text"]

HERE = Path(__file__).parent
KEPT, FOUND = HERE / ".corpus", HERE / ".found"


def text(data: bytes) -> str:
    """Any text; bytes that are no UTF-8 become lone surrogates, which JSON can bring too."""
    return data.decode("utf-8", "surrogateescape")


def run(
    name: str,
    target: Callable[[bytes], object],
    seeds: Sequence[str],
    words: Sequence[str] = (),
    change: Callable[[bytes, random.Random], bytes] | None = None,
) -> None:
    """Fuzz `target` with libFuzzer's own options from the command line, from `seeds` on.

    `change` knows the format, and makes every other input from another that it is given.
    """
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number}").write_text(seed, encoding="utf-8")
    dictionary = [*words, *sorted({word for seed in seeds for word in seed.split()})]

    def once(data: bytes) -> None:
        with contextlib.suppress(LevError, InvalidInput):
            target(data)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """Every other time a word of the format is put in, or a line is doubled, moved or lost."""
        dice = random.Random(seed)
        if change is not None and dice.random() < 0.5:
            return change(data, dice)[:most]
        if dice.random() < 0.5:
            return atheris.Mutate(data, most)
        lines = data.split(b"\n")
        place = dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                lines.insert(place, dice.choice(lines))
            case 1:
                del lines[place]
            case 2:
                lines[place] = b"  " * dice.randrange(3) + lines[place]
            case _:
                at = dice.randrange(len(lines[place]) + 1)
                word = dice.choice(dictionary).encode()
                lines[place] = lines[place][:at] + word + lines[place][at:]
        return b"\n".join(lines)[:most]

    options = ["-timeout=5", "-max_len=8192", "-rss_limit_mb=2048", f"-artifact_prefix={FOUND}/{name}-"]
    atheris.Setup([sys.argv[0], str(corpus), *options, *sys.argv[1:]], once, custom_mutator=mutate)
    atheris.Fuzz()
