"""The local judge over labelled messages. Arguments: embedder, messages (CSV), chats (JSON), number of seeds."""

import csv
import json
import os
import random
import sys
import tempfile
import time

import numpy as np
from lev_os.core.llm_runtime import classifier
from lev_os.core.llm_runtime.classifier import Classifier
from lev_os.core.llm_runtime.embedding import open_embedder

EXAMPLES, CASES, SHOWN, BINS = 10, 3, 1500, 15
SWITCHES = 6
"""Switches of three cases a seed: one has too few messages to say much."""


class Remembering:
    """The embedder, which embeds each message once in all: seeds share them, and only `rate` is about its speed."""

    def __init__(self, name):
        self._real = open_embedder(name)
        self.name, self.digest, self.instant = self._real.name, self._real.digest, self._real.instant
        self._known = {}

    def embed(self, texts):
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._real.embed(missing), strict=True))
        return np.array([self._known[text] for text in texts])


def split(rows, labels, chance):
    """Ten examples of each label, and all other messages of theirs."""
    examples, rest = {label: [] for label in labels}, []
    for text, label in chance.sample(rows, len(rows)):
        if label in examples and len(examples[label]) < EXAMPLES:
            examples[label].append(text)
        elif label in examples:
            rest.append((text, label))
    return examples, rest


def request(examples):
    return {"step": "x", "labels": list(examples), "examples": examples, "confidence": None}


def answered(judge, asked, texts):
    return sum(result["label"] is not None for result in judge.decide(asked, texts)) / len(texts)


def calibration_error(judge, asked, rest):
    condition = judge.condition(asked)
    chances = condition.fit.probabilities(judge.embed([text for text, _ in rest]))
    right = np.array([condition.labels[i] == label for i, (_, label) in zip(chances.argmax(axis=1), rest, strict=True)])
    confidence = chances.max(axis=1)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = (abs(confidence[place == n].sum() - right[place == n].sum()) for n in range(BINS))
    return float(sum(gaps) / len(rest))


name, messages, chats, seeds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with open(messages, encoding="utf-8") as file:
    rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
labels = sorted({label for _, label in rows})
with open(chats, encoding="utf-8") as file:
    talks = [talk["conversation"] for talk in json.load(file)]
turns = [turn["text"] for talk in talks for part in talk.values() if isinstance(part, list) for turn in part]
found = {key: [] for key in ("right", "coverage", "error", "strangers", "chatter", "known", "fit", "cached", "rate")}

real = open_embedder(name)
remembering = Remembering(name)
for seed in range(seeds):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEV_CACHE_DIR"] = folder
        chance = random.Random(seed)
        examples, rest = split(rows, labels, chance)
        asked = request(examples)
        classifier.open_embedder = lambda _: real
        if real.instant:
            for key in ("fit", "cached"):
                begun = time.process_time()
                Classifier(name).condition(asked)
                found[key].append(time.process_time() - begun)
            judge = Classifier(name)
            judge.condition(asked)
            begun = time.process_time()
            judge.decide(asked, [text for text, _ in rest])
            found["rate"].append(len(rest) / (time.process_time() - begun))
        classifier.open_embedder = lambda _: remembering
        judge = Classifier(name)
        results = judge.decide(asked, [text for text, _ in rest])
        hits = [result["label"] == label for result, (_, label) in zip(results, rest, strict=True) if result["label"]]
        found["right"].append(sum(hits) / len(hits))
        found["coverage"].append(len(hits) / len(rest))
        found["error"].append(calibration_error(judge, asked, rest))
        strangers, chatter, known = [], [], []
        for _ in range(SWITCHES):
            few, own = split(rows, chance.sample(labels, CASES), chance)
            asked = request(few)
            others = [text for text, label in rows if label not in few]
            strangers.append(answered(judge, asked, chance.sample(others, SHOWN)))
            chatter.append(answered(judge, asked, random.Random(0).sample(turns, SHOWN)))
            known.append(answered(judge, asked, [text for text, _ in own]))
        for key, values in (("strangers", strangers), ("chatter", chatter), ("known", known)):
            found[key].append(sum(values) / len(values))
print(json.dumps(found))
