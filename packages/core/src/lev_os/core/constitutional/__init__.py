"""Constitutions: values as data, the gate that holds every effect to them, and the audit of what it said."""

from .constitution import BASELINE, Constitution
from .fixtures import run_tests
from .gate import ALLOW, Gate, GateSession
from .model import Action, Check, Finding, JudgeCall, JudgeSpec, Principle, Ruling, Verdict
from .schema import constitution_schema

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
    "constitution_schema",
    "run_tests",
]
