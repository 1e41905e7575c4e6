"""`openai-tools`: tools as the `tools` of a chat completion (https://platform.openai.com/docs/guides/function-calling)."""

from __future__ import annotations

from collections.abc import Sequence

from lev_os.core import Package

from ..target import Rendered, Target
from ._functions import functions_of
from ._json import pretty

__all__ = ["TARGET"]


def _render(packages: Sequence[Package]) -> Rendered:
    functions, lost = functions_of(packages)
    tools = [
        {"type": "function", "function": {"name": f.name, "description": f.description, "parameters": f.schema}}
        for f in functions
    ]
    return Rendered({"openai-tools.json": pretty(tools)}, lost=lost)


TARGET = Target("openai-tools", "openai-tools.json: tools for chat completions", _render)
