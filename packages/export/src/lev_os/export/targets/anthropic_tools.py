"""`anthropic-tools`: tools as the `tools` of a message (https://docs.anthropic.com/en/docs/agents-and-tools/tool-use)."""

from __future__ import annotations

from collections.abc import Sequence

from lev_os.core import Package

from ..target import Rendered, Target
from ._functions import functions_of
from ._json import pretty

__all__ = ["TARGET"]


def _render(packages: Sequence[Package]) -> Rendered:
    functions, lost = functions_of(packages)
    tools = [{"name": f.name, "description": f.description, "input_schema": f.schema} for f in functions]
    return Rendered({"anthropic-tools.json": pretty(tools)}, lost=lost)


TARGET = Target("anthropic-tools", "anthropic-tools.json: tools for the Messages API", _render)
