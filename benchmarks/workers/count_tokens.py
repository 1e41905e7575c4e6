"""Counts o200k tokens. Arguments: `ours` or `tiktoken`, and `speed` (MB per CPU second) or `fuzz` (40,000 counts)."""

import gzip
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

URL = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
ALPHABET = [
    *("a", "B", "é", "ß", "中", "文", "🧠", "👨‍👩‍👧", " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "12", "3456", "_"),
    *("…", "नम", "م", "\u0301", "\u200d", "\u00a0", "\u3000", "/", "//", "!?", "<|endoftext|>", "ǅ", "ﬁ", "x" * 40),
    *("0" * 7, "\x00", "\x85"),
]
WORDS = ("token", "count", "exactly", "offline", "budget", "memory", "`code`", "(see)", "§3,", "2026:", "naïve")
ENDS = ("", "s", "ing", "_1", "_27", "_999")


def counter(who):
    if who == "ours":
        from lev_os.core import tokens

        return lambda texts: tokens.count_many(texts)
    import tiktoken

    packed = next(file for file in metadata.files("bpe-openai") if file.name == "o200k_base.tiktoken.gz")
    folder = Path(tempfile.mkdtemp())
    (folder / hashlib.sha1(URL.encode()).hexdigest()).write_bytes(gzip.decompress(packed.locate().read_bytes()))
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    encoding = tiktoken.get_encoding("o200k_base")
    return lambda texts: [len(encoding.encode(text, disallowed_special=())) for text in texts]


def documents():
    rng = random.Random(1)
    while True:
        text = ""
        while len(text) < 4_000:
            line = " ".join(rng.choice(WORDS) + rng.choice(ENDS) for _ in range(12))
            text += f"{rng.choice(['', '- ', '## ', '    '])}{line}.\n"
        yield text


who, what = sys.argv[1:]
count = counter(who)
count(["hello", "plugh xyzzy"])  # a word of several tokens: what merges them is made for the first
if what == "fuzz":
    rng = random.Random(2)
    texts = ["".join(rng.choices(ALPHABET, k=rng.randrange(1, 60))) for _ in range(40_000)]
    print(json.dumps({"counts": count(texts)}))
else:
    made = documents()
    texts = [next(made) for _ in range(500)]
    began = time.process_time()
    count(texts)
    print(json.dumps({"rate": sum(len(text.encode()) for text in texts) / 1e6 / (time.process_time() - began)}))
