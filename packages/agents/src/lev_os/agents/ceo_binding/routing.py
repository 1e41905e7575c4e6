"""Which agent a message is for: the agents' own rules first, then the calibrated classifier, then a model.

The second and third tier are one `switch_semantic` of a flow, so that they are gated, and judged as in any flow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lev_os.core import Flow, LevError
from lev_os.core.bidirectional import run
from lev_os.core.flowmind.build import case, return_, switch_semantic
from lev_os.core.llm_runtime import open_judge
from lev_os.memory.search.words import terms

if TYPE_CHECKING:
    from lev_os.core.bidirectional import RunResult

_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent that could take a message.

    `words` are its rule: phrases, any of which in a message claims it, whatever their endings. `examples` are messages
    that are for it; the classifier needs five of them from every candidate, and twenty in all to be calibrated.
    """

    agent: str
    description: str
    words: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """An agent that was not chosen. `score` is the classifier's probability, or None where it has none."""

    agent: str
    score: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes, decided by whom and why; `agent` is None when nobody was sure.

    `decided_by` is `rule`, `classifier:…`, a model's name or `nobody`. `confidence` is calibrated, or None.
    """

    agent: str | None
    decided_by: str
    why: str
    confidence: float | None
    alternatives: tuple[Alternative, ...]


async def route(text: str, candidates: Sequence[Candidate], *, confidence: float | None = None, **world: Any) -> Route:
    """Choose the agent for a message.

    A rule decides when it claims the message for one agent alone. Then the classifier, when every candidate has
    examples and it is calibrated and surer than `confidence` (default: its recommended threshold), then the `model` of
    `world`, which takes what runs take. Raises `LevError` for candidates that cannot be told apart, and when the run
    fails.
    """
    names = [candidate.agent for candidate in candidates]
    if not names or len(set(names)) < len(names):
        raise LevError("the agents to choose from are named twice, or there are none", help="name each agent once")
    claims = {candidate.agent: claim for candidate in candidates if (claim := _claim(text, candidate))}
    if len(claims) == 1 or len(names) == 1:
        agent, why = next(iter(claims.items()), (names[0], "it is the only agent"))
        return Route(agent, "rule", why, None, tuple(_others(candidates, agent, {}, claims)))
    left = [candidate for candidate in candidates if not claims or candidate.agent in claims]
    result = await run(_flow(left, confidence), {"text": text}, **world)
    if result.status != "done":
        raise LevError(f"the routing did not end: {result.error.message if result.error else result.status}")
    scores = await asyncio.to_thread(_scores, text, left)
    return _route(result, candidates, scores, claims)


def _route(
    result: RunResult, candidates: Sequence[Candidate], scores: dict[str, float], claims: dict[str, str]
) -> Route:
    chosen = result.output["agent"]
    decision = result.decisions[-1]
    if chosen == _NOBODY:
        why = decision.evidence or "nobody is sure"
        return Route(None, _NOBODY, why, None, tuple(_others(candidates, None, scores, claims)))
    return Route(
        agent=chosen,
        decided_by=decision.decided_by,
        why=decision.evidence or f"{decision.decided_by} chose it",
        confidence=decision.confidence if decision.calibrated else None,
        alternatives=tuple(_others(candidates, chosen, scores, claims)),
    )


def _claim(text: str, candidate: Candidate) -> str | None:
    """Why a candidate's rule claims a text; phrases match word by word, stemmed, in order."""
    said = terms(text)
    for phrase in candidate.words:
        wanted = terms(phrase)
        if wanted and any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1)):
            return f"“{phrase}” stands in it"
    return None


def _flow(candidates: Sequence[Candidate], confidence: float | None) -> Flow:
    cases = {
        f"{candidate.agent}: {candidate.description}": case(
            [return_({"agent": candidate.agent})], examples=candidate.examples
        )
        for candidate in candidates
    }
    return Flow.build(
        "route",
        input={"text": "string"},
        output={"agent": "string"},
        steps=[
            switch_semantic(
                "which agent the message is for",
                cases,
                about="${input.text}",
                confidence=confidence,
                uncertain=[return_({"agent": _NOBODY})],
            )
        ],
    )


def _scores(text: str, candidates: Sequence[Candidate]) -> dict[str, float]:
    """The classifier's probability of each candidate; empty when it has too few examples, or is not installed."""
    from lev_os.core.llm_runtime.classifier import Classifier
    from lev_os.core.llm_runtime.examples import Examples

    judge = open_judge()
    if not isinstance(judge, Classifier) or not text.strip():
        return {}
    labels = [candidate.agent for candidate in candidates]
    examples = {candidate.agent: candidate.examples for candidate in candidates}
    condition = judge.condition({"labels": labels, "examples": examples})
    if isinstance(condition, Examples):
        return {}
    chances = condition.fit.probabilities(judge.embed([text]))[0]
    return {label: round(float(chance), 4) for label, chance in zip(condition.labels, chances, strict=True)}


def _others(
    candidates: Sequence[Candidate], chosen: str | None, scores: dict[str, float], claims: dict[str, str]
) -> list[Alternative]:
    """Those not chosen, the likeliest first."""
    found = [
        Alternative(each.agent, scores.get(each.agent), claims.get(each.agent) or each.description)
        for each in candidates
        if each.agent != chosen
    ]
    return sorted(found, key=lambda item: -(item.score or 0.0))
