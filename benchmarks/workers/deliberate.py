"""Decisions with a known answer by one prompt, by samples of it, and by lenses, with the local model.

`deliberate.py DECISIONS COUNT`: prints right answers and tokens for each way, as JSON. For every question the samples
stop when they have used as many tokens as the deliberation did, so that both have the same budget.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from lev_os.agents.personality_system import deliberate
from lev_os.core import Flow
from lev_os.core.bidirectional import run
from lev_os.core.flowmind.build import ask, return_
from lev_os.core.llm_runtime import open_model
from lev_os.core.personalities.tools import UNDECIDED

ONE = Flow.build(
    "decide",
    input={"question": "string", "first": "string", "second": "string"},
    output={"choice": "integer"},
    steps=[
        ask(
            "Which option is right? Answer with its number and one sentence that says why.",
            id="said",
            about="Question: ${input.question}\n\nOptions:\n1. ${input.first}\n2. ${input.second}",
            returns={"choice": {"type": "integer", "minimum": 1, "maximum": 2}, "reason": "string"},
        ),
        return_({"choice": "${said.choice}"}),
    ],
)


class _Sampled:
    """The model at another seed and temperature: the local one takes both from the number of refusals."""

    def __init__(self, model: Any, number: int) -> None:
        self._model, self._number = model, number
        self.name, self.may_decide = model.name, model.may_decide

    async def ask(self, request: Any, **how: Any) -> Any:
        """One sample."""
        return await self._model.ask({**request, "problems": ["again"] * self._number}, **how)


def _tokens(usage: Any) -> int:
    return int(usage.input_tokens + usage.output_tokens)


async def _once(item: dict[str, Any], model: Any) -> tuple[int, int]:
    """The chosen option, from 0, and the tokens it took."""
    given = {"question": item["question"], "first": item["options"][0], "second": item["options"][1]}
    result = await run(ONE, given, model=model, judge=False)
    return (result.output["choice"] - 1 if result.status == "done" else -1), _tokens(result.usage)


async def main(path: str, count: int) -> None:
    """Every question by every way."""
    model = open_model("local", allow_weak_decisions=True)
    items = json.loads(Path(path).read_text(encoding="utf-8"))[:count]
    right: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    asked = undecided = 0
    for item in items:
        choice, used = await _once(item, model)
        right["one"] += choice == item["right"]
        tokens["one"] += used
        found = await deliberate(item["question"], item["options"], model=model, judge=False, at_most=4)
        budget = sum(map(_tokens, found.usage))
        right["lenses"] += found.decision == item["options"][item["right"]]
        undecided += found.decision == UNDECIDED
        tokens["lenses"] += budget
        asked += sum(len(each.asked) for each in found.rounds)
        votes: list[int] = []
        spent = 0
        while spent < budget:
            choice, used = await _once(item, _Sampled(model, len(votes) + 1))
            votes.append(choice)
            spent += used
        right["samples"] += Counter(votes).most_common(1)[0][0] == item["right"]
        tokens["samples"] += spent
    print(
        json.dumps(
            {
                "count": len(items),
                "right": right,
                "tokens": tokens,
                "lenses": asked / len(items),
                "undecided": undecided,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
