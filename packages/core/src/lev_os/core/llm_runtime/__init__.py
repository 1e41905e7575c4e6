"""Models and judges: what answers an `ask`, and what decides a condition."""

from .choose import open_model
from .client import Judge, ModelClient, OnDelta
from .errors import ModelError, ModelRefused, ModelUnavailable, NoModel, WeakDecision
from .judge import open_judge

__all__ = [
    "Judge",
    "ModelClient",
    "ModelError",
    "ModelRefused",
    "ModelUnavailable",
    "NoModel",
    "OnDelta",
    "WeakDecision",
    "open_judge",
    "open_model",
]
