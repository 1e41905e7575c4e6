"""Judged checks put to a model, for programs that keep to a constitution without a machine."""

from __future__ import annotations

from typing import Any, Final

from .model import JudgeCall

LABELS: Final = ("violates", "complies")


def judge_request(call: JudgeCall, step: str) -> dict[str, Any]:
    """The request with which a `ModelClient` is asked whether the subject violates the rubric."""
    from ..bidirectional._answers import judgement_request

    return judgement_request(call.rubric, call.subject, LABELS, step=step, purpose="principle")


def judged_violation(result: Any) -> bool | None:
    """What the model's result says: does it violate? None when it is unsure, or no answer at all."""
    from ..bidirectional._answers import accept_verdict_of_model

    problems, value = accept_verdict_of_model(LABELS)(result)
    said = None if problems else value["answer"]["answer"]
    return None if said not in LABELS else said == "violates"
