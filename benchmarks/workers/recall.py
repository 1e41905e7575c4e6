"""How much of what answers a question is found. Arguments: who searches, the LoCoMo file, where rows go.

Who: an embedder, `none`, `fts5`, or the command of a peer (a Python and a script), which gets MiniLM's vectors.

A question counts with its evidence, the turns that answer it; those without usable evidence are left out. Recall is
the part of the evidence among the first ten, nDCG as usual with relevance 0 or 1, coverage the part of the evidence in
an assembly of 2,000 tokens. One memory holds all conversations, each as a tenant.
"""

import json
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from lev_os.core.llm_runtime.embedding import open_embedder
from lev_os.memory import MemoryManager, Record, Scope

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from locomo import conversations, measures

RESAMPLED = 2_000


class Ours:
    def __init__(self, memory, name, turns):
        self.memory, self.scope = memory, Scope(tenant=name)
        records = [
            Record(text=text, data=id, session=session, sequence=i, valid_from=at)
            for i, (id, text, session, at) in enumerate(turns)
        ]
        ids = memory.put(records, scope=self.scope)
        self.turn = dict(zip(ids, (turn[0] for turn in turns), strict=True))

    def ranked(self, question):
        return [hit.record.data for hit in self.memory.search(question, scope=self.scope, k=20)]

    def covered(self, question):
        assembly = self.memory.assemble(question, scope=self.scope, budget=2_000)
        assert assembly.tokens <= 2_000
        return {self.turn[item.id] for item in assembly.receipt.items}


class Fts5:
    """The full-text search that Python brings, as one would use it: Porter stems, BM25, any of the words."""

    def __init__(self, turns):
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE VIRTUAL TABLE said USING fts5(id UNINDEXED, body, tokenize='porter unicode61')")
        self.db.executemany("INSERT INTO said VALUES (?, ?)", ((turn[0], turn[1]) for turn in turns))

    def ranked(self, question):
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        return [
            id for (id,) in self.db.execute("SELECT id FROM said WHERE said MATCH ? ORDER BY rank LIMIT 20", (words,))
        ]


def rows(name, path):
    if name == "fts5":
        for conversation, turns, questions in conversations(path):
            store = Fts5(turns)
            for question, evidence, kind in questions:
                row = {"conversation": conversation, "question": question, "kind": kind}
                yield row | measures(store.ranked(question), evidence)
        return
    if name not in ("none", "static", "minilm"):
        yield from peer(name.split(), path)
        return
    with MemoryManager.open_sync("memory://", embedder=None if name == "none" else name) as memory:
        for conversation, turns, questions in conversations(path):
            store = Ours(memory, conversation, turns)
            for question, evidence, kind in questions:
                row = {"conversation": conversation, "question": question, "kind": kind}
                covered = len(store.covered(question) & evidence) / len(evidence)
                yield row | measures(store.ranked(question), evidence) | {"covered": covered}


def peer(command, path):
    """What a store of somebody else ranks, with the same vectors as ours."""
    embedder = open_embedder("minilm")
    with tempfile.TemporaryDirectory() as folder:
        for conversation, turns, questions in conversations(path):
            texts = [turn[1] for turn in turns] + [question for question, _, _ in questions]
            given = {
                "turns": [[turn[0], turn[1]] for turn in turns],
                "questions": [question for question, _, _ in questions],
                "vectors": {text: row.tolist() for text, row in zip(texts, embedder.embed(texts), strict=True)},
            }
            file = Path(folder) / "given.json"
            file.write_text(json.dumps(given), encoding="utf-8")
            said = subprocess.run([*command, str(file)], check=True, capture_output=True, text=True).stdout
            for (question, evidence, kind), ranked in zip(questions, json.loads(said.splitlines()[-1]), strict=True):
                row = {"conversation": conversation, "question": question, "kind": kind}
                yield row | measures(ranked, evidence)


def interval(values):
    rng = random.Random(0)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLED))
    return [means[RESAMPLED // 40], means[-RESAMPLED // 40]]


name, path, out = sys.argv[1:]
taken = list(rows(name, path))
Path(out).parent.mkdir(parents=True, exist_ok=True)
Path(out).write_text("".join(json.dumps(row) + "\n" for row in taken), encoding="utf-8")
said = {}
for measure in ("r5", "r10", "ndcg10", "covered"):
    values = [row[measure] for row in taken if measure in row]
    if values:
        said[measure] = [sum(values) / len(values), *interval(values)]
several = [row["r10"] for row in taken if row["kind"] == "multi-hop"]
said["multi"] = [sum(several) / len(several), *interval(several)]
print(json.dumps(said))
