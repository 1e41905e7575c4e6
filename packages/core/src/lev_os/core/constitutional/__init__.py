"""Constitutions: values as data, the gate that holds every effect to them, and the audit of what it said."""

from .constitution import BASELINE, Constitution
from .gate import ALLOW, Gate, GateSession
from .model import Action, Check, Finding, JudgeCall, JudgeSpec, Principle, Ruling, Verdict

__all__ = [
    "ALLOW",
    "BASELINE",
    "Action",
    "Check",
    "Constitution",
    "Finding",
    "Gate",
    "GateSession",
    "JudgeCall",
    "JudgeSpec",
    "Principle",
    "Ruling",
    "Verdict",
]
