"""The kinds of deterministic checks, one module each. What a kind's argument may be is its `SCHEMA`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import budget, cel, forbid_tool, regex, require_phrase, schema, taint, temporal
from .base import Compiled, Fault, Hit, Kind

KINDS: Final[Mapping[str, Kind]] = {
    "regex": regex,
    "require_phrase": require_phrase,
    "forbid_tool": forbid_tool,
    "schema": schema,
    "cel": cel,
    "taint": taint,
    "temporal": temporal,
    "budget": budget,
}

__all__ = ["KINDS", "Compiled", "Fault", "Hit", "Kind"]
