"""How much of what a task needs is in a context of N tokens. Arguments: labels, docs folder, repomix's output, budgets.

A section is found when four fifths of its lines are in the context, where links count without their targets. The
others: all files in order of their names, cut at N tokens; repomix's file, cut in the same way; and the sections by
BM25 of their words as written, small, best first, as long as they fit. Prints recall by who and budget.
"""

import json
import math
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
from lev_os.core import tokens
from lev_os.core.llm_runtime.embedding import open_embedder
from lev_os.export import bundle
from splintr import Tokenizer

LINK = re.compile(r"\]\([^)\s]*\)")
HEADING = re.compile(r"#{1,6} +(.*?)\s*#*\s*$")
FENCE = re.compile(r"\s*(`{3,}|~{3,})")
ENOUGH = 0.8
TOKENIZER = Tokenizer.from_pretrained(tokens.ENCODING)


def sections(text):
    """(heading, text) of each section, by a walk over lines of its own."""
    found, fence = [], None
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and fence is None:
            fence = mark[1][:3]
        elif mark and mark[1].startswith(fence):
            fence = None
        if fence is None and not mark and (heading := HEADING.match(line)) and line.startswith("#"):
            found.append([heading[1], []])
        elif not found:
            found.append(["", []])
        found[-1][1].append(line)
    return [(heading, "\n".join(lines)) for heading, lines in found]


def bare(text):
    return {" ".join(LINK.sub("]", line).split()) for line in text.split("\n")} - {""}


def cut(text, budget):
    """The beginning of a text that has at most so many tokens."""
    ids = TOKENIZER.encode_ordinary(text)[:budget]
    while tokens.count(text := TOKENIZER.decode_bytes(ids).decode(errors="ignore")) > budget:
        ids.pop()
    return text


class Bm25:
    """The textbook's: words of small letters and digits, k1 1.2, b 0.75."""

    def __init__(self, passages):
        self.passages = [text for _, text in passages]
        self.words = [Counter(re.findall(r"[a-z0-9]+", text.lower())) for text in self.passages]
        self.tokens = tokens.count_many([f"{text}\n\n" for text in self.passages])
        self.holders = Counter(word for words in self.words for word in words)
        self.average = sum(sum(words.values()) for words in self.words) / len(self.words)

    def context(self, task, budget):
        asked = re.findall(r"[a-z0-9]+", task.lower())
        scores = []
        for number, words in enumerate(self.words):
            norm = 1.2 * (0.25 + 0.75 * sum(words.values()) / self.average)
            score = sum(
                math.log1p((len(self.words) - self.holders[word] + 0.5) / (self.holders[word] + 0.5))
                * words[word] * 2.2 / (words[word] + norm)
                for word in asked if words[word]
            )  # fmt: skip
            scores.append((-score, number))
        parts, spent = [], 0
        for score, number in sorted(scores):
            if score < 0 and spent + self.tokens[number] <= budget:
                parts.append(self.passages[number])
                spent += self.tokens[number]
        return "\n\n".join(parts)


class Remembering:
    """An embedder that embeds each text once: the same passages come back with every task and budget."""

    def __init__(self, name):
        self.inner, self.known = open_embedder(name), {}
        self.name, self.digest, self.instant = name, self.inner.digest, self.inner.instant

    def embed(self, texts):
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        self.known |= zip(new, self.inner.embed(new) if new else (), strict=True)
        return np.array([self.known[text] for text in texts])


labels, docs, packed, *budgets = sys.argv[1:]
files = sorted(Path(docs).rglob("*.md"))
texts = {file.relative_to(docs).as_posix(): file.read_text(encoding="utf-8") for file in files}
passages = [((name, heading), text) for name, text in texts.items() for heading, text in sections(text)]
known = {}
for (name, heading), text in passages:
    known.setdefault(f"{name}#{heading}", bare(text))
tasks = tomllib.loads(Path(labels).read_text(encoding="utf-8"))["tasks"]
missing = [need for task in tasks for need in task["needs"] if need not in known]
if missing:
    sys.exit(f"no such section: {', '.join(missing)}")
plain = Bm25(passages)
concatenated = "\n\n".join(texts.values())
repomix = Path(packed).read_text(encoding="utf-8")
embedders = {name: Remembering(name) for name in ("wordllama", "minilm")}


def ours(name):
    return lambda task, n: bundle(docs, budget=n, task=task, embedder=embedders.get(name)).text


who = {
    "words": ours("words"),
    "wordllama": ours("wordllama"),
    "minilm": ours("minilm"),
    "in order": lambda task, n: cut(concatenated, n),
    "repomix": lambda task, n: cut(repomix, n),
    "BM25": plain.context,
}
said = {"tasks": len(tasks), "needs": sum(len(task["needs"]) for task in tasks), "tokens": tokens.count(concatenated)}
for name, context in who.items():
    for budget in map(int, budgets):
        recalls = []
        for task in tasks:
            text = context(task["for"], budget)
            if tokens.count(text) > budget:
                sys.exit(f"{name} is over the budget")
            lines = bare(text)
            found = [len(known[need] & lines) >= ENOUGH * len(known[need]) for need in task["needs"]]
            recalls.append(sum(found) / len(found))
        said[f"{name} {budget}"] = sum(recalls) / len(recalls)
print(json.dumps(said))
