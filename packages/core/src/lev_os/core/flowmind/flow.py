"""A flow as people use it: parsed from YAML, linked, and awaited like a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import LevError, Location, Problem
from .model import FlowTree

if TYPE_CHECKING:
    from ..packaging import Package
    from ..tools import ToolCard
    from .build import JsonSchema, LimitSpec, Shape, Steps
    from .link import LinkedFlow


class FlowError(LevError):
    """A flow that was awaited did not end with an output. `status` and `result` say how it ended."""

    exit_code = 3

    def __init__(self, message: str, result: Any, *, help: str | None = None) -> None:
        super().__init__(message, help=help)
        self.status: str = result.status
        self.result = result


@dataclass(frozen=True, slots=True)
class Flow:
    """A parsed flow. `package` is what `./…` in it refers to; `specifier` is its own name."""

    tree: FlowTree
    package: Package | None = None
    specifier: str | None = None
    path: str | None = None

    @property
    def name(self) -> str:
        return self.tree.name

    @classmethod
    def parse(
        cls,
        text: str | bytes,
        *,
        package: Package | None = None,
        path: str | None = None,
        specifier: str | None = None,
    ) -> Flow:
        """Read a FlowMind 1 document; raises `InvalidInput` with every problem, each at its line and column."""
        from .parse import parse_flow

        return cls(parse_flow(text, path=path), package, specifier, path)

    @classmethod
    def build(
        cls,
        name: str,
        *,
        steps: Steps,
        description: str | None = None,
        input: Shape | None = None,
        input_schema: JsonSchema | None = None,
        output: Shape | None = None,
        output_schema: JsonSchema | None = None,
        context: Sequence[str] | None = None,
        limits: LimitSpec | None = None,
        package: Package | None = None,
        specifier: str | None = None,
    ) -> Flow:
        """A flow written in Python, of the steps of `flowmind.build`; the same as what its `to_yaml()` parses to.

        Raises `InvalidInput` with every problem, each at the line of Python that made the step it is in.
        """
        from ._building import build_tree

        caller = sys._getframe(1)
        header = {
            "name": name, "description": description, "input": input, "input_schema": input_schema, "output": output,
            "output_schema": output_schema, "context": context, "limits": limits,
        }  # fmt: skip
        tree = build_tree(header, steps, Location(caller.f_code.co_filename, caller.f_lineno))
        return cls(tree, package, specifier)

    def to_yaml(self) -> str:
        """The flow as FlowMind YAML, in one spelling: `Flow.parse` gives the same tree back. Comments are not kept."""
        from .printing import tree_to_yaml

        return tree_to_yaml(self.tree)

    def link(self, *, tools: Mapping[str, Callable[..., Any] | ToolCard] | None = None) -> LinkedFlow:
        """Resolve every context, tool, sub-flow and constitution; raises `InvalidInput` with all that cannot be.

        `tools` go before what packages export: by the reference as written, or by specifier.
        """
        from ._linking import link

        return link(self, tools or {})

    def examine_links(
        self, *, tools: Mapping[str, Callable[..., Any] | ToolCard] | None = None
    ) -> tuple[LinkedFlow, tuple[Problem, ...]]:
        """What `link` would give, without all that cannot be resolved, and why it cannot; never raises.

        With problems the linked flow is for looking at, not for running.
        """
        from ._linking import examine

        return examine(self, tools or {})

    async def __call__(self, /, lev: Mapping[str, Any] | None = None, **inputs: Any) -> Any:
        """Run the flow in this process and give its output: `await triage(message="…")`.

        `lev` holds the options of `bidirectional.run` (`model`, `deps`, `journal`, …). Raises `InvalidInput` for an
        input that does not fit, `FlowError` when the run fails, is denied or waits for a person.
        """
        from ..bidirectional.running import run

        result = await run(self, inputs, **(lev or {}))
        if result.status == "done":
            return result.output
        why = f": {result.error.message}" if result.error else ""
        help = "go on with `lev runs`, or `resume` its journal" if result.status == "waiting" else None
        raise FlowError(f"the flow `{self.name}` ended as {result.status}{why}", result, help=help)
