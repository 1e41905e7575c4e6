"""FlowMind: flows as YAML, parsed with positions, linked to what they refer to, and never executed here."""

from .flow import Flow, FlowError

__all__ = ["Flow", "FlowError"]
