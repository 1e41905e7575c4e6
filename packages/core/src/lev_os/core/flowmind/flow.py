"""A flow as people use it: parsed from YAML, linked, and awaited like a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import LevError
from .model import FlowTree

if TYPE_CHECKING:
    from ..packaging import Package
    from ..tools import ToolCard
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

    def link(self, *, tools: Mapping[str, Callable[..., Any] | ToolCard] | None = None) -> LinkedFlow:
        """Resolve every context, tool, sub-flow and constitution; raises `InvalidInput` with all that cannot be.

        `tools` go before what packages export: by the reference as written, or by specifier.
        """
        from ._linking import link

        return link(self, tools or {})

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
