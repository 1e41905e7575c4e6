"""LoCoMo's conversations and questions, and how a ranking is judged. Needs nothing, so peers can use it too."""

import json
import math
import re
from datetime import datetime
from pathlib import Path

KINDS = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}


def conversations(path):
    for item in json.loads(Path(path).read_text(encoding="utf-8")):
        said = item["conversation"]
        turns = []
        for name in sorted((key for key in said if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:])):
            at = datetime.strptime(said[f"{name}_date_time"], "%I:%M %p on %d %B, %Y")
            for turn in said[name]:
                image = f" [shared image: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
                turns.append((turn["dia_id"], f"{turn['speaker']}: {turn['text']}{image}", name, at))
        known = {turn[0] for turn in turns}
        questions = []
        for asked in item["qa"]:
            named = re.findall(r"D:?(\d+):(\d+)", " ".join(asked.get("evidence", [])))
            evidence = {f"D{int(a)}:{int(b)}" for a, b in named} & known
            if evidence:
                questions.append((asked["question"], evidence, KINDS[asked["category"]]))
        yield item["sample_id"], turns, questions


def measures(ranked, evidence):
    hits = [id in evidence for id in ranked[:10]]
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
    best = sum(1 / math.log2(place + 2) for place in range(min(10, len(evidence))))
    return {"r5": sum(hits[:5]) / len(evidence), "r10": sum(hits) / len(evidence), "ndcg10": gain / best}
