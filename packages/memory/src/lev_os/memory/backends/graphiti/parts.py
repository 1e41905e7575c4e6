"""The parts of graphiti-core that are used, imported on first use: it takes seconds, and loads OpenAI's SDK."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from types import ModuleType

from lev_os.core.errors import LevError


def part(name: str) -> ModuleType:
    """A module of `graphiti_core`; raises `LevError` when it is not installed."""
    # It reports to its makers unless it is told not to before it is imported.
    os.environ.setdefault("GRAPHITI_TELEMETRY_ENABLED", "false")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Pydantic, for how graphiti-core is written
            return import_module(f"graphiti_core.{name}")
    except ImportError as error:
        help = "pip install 'lev-os-memory[graphiti]'"
        raise LevError(f"memory in a graph needs graphiti-core and its database: {error}", help=help) from None
