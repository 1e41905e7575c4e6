"""A number that a model or an uncalibrated judge gives of itself is recorded as such, and decides nothing."""

from __future__ import annotations

from typing import Any

import pytest
from lev_os.core import Flow
from lev_os.core.bidirectional import run_sync

FLOW = Flow.parse("""\
flowmind: 1
name: mood
steps:
  - id: angry
    if_semantic: it is angry
    about: grr
    confidence: 0.8
    then: [{return: {found: "yes", by: "${angry.decided_by}"}}]
    else: [{return: {found: "no", by: "${angry.decided_by}"}}]
    uncertain: [{return: {found: uncertain, by: "${angry.decided_by}"}}]
""")


class Told:
    """A judge that says what it is told to say."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result

    async def judge(self, request: Any) -> dict[str, Any]:
        return {"decided_by": "told", "evidence": None, **self.result}


def decided(judged: dict[str, Any], answered: dict[str, Any]) -> Any:
    """The run's output and its one decision."""
    result = run_sync(FLOW, {}, judge=Told(judged), model=lambda request: {"answer": answered})
    assert result.status == "done", result.error
    return result.output["found"], result.decisions[0]


def test_a_model_s_own_number_is_no_confidence() -> None:
    """0.1 is far below the threshold, and the answer stands."""
    found, decision = decided({"label": None}, {"answer": "yes", "confidence": 0.1})
    assert (found, decision.confidence, decision.self_reported) == ("yes", None, 0.1)


def test_an_uncalibrated_judge_s_number_is_none_either() -> None:
    """Its label counts, its number does not."""
    found, decision = decided({"label": "no", "confidence": 0.2, "calibrated": False}, {"answer": "yes"})
    assert (found, decision.decided_by) == ("no", "told")
    assert (decision.confidence, decision.calibrated, decision.self_reported) == (None, False, 0.2)


@pytest.mark.parametrize(("confidence", "found", "by"), [(0.79, "no", "function:<lambda>"), (0.8, "yes", "told")])
def test_a_calibrated_confidence_is_met_with_the_threshold(confidence: float, found: str, by: str) -> None:
    """Below it the model is asked."""
    judged = {"label": "yes", "confidence": confidence, "calibrated": True}
    was, decision = decided(judged, {"answer": "no"})
    assert (was, decision.decided_by, decision.self_reported) == (found, by, None)


def test_a_number_that_is_none_is_refused() -> None:
    """The model is asked again, and then nobody has decided."""
    found, decision = decided({"label": None}, {"answer": "yes", "confidence": 7})
    assert (found, decision.decided_by) == ("uncertain", "nobody")
    assert "`confidence` is a number from 0 to 1" in str(decision.evidence)
