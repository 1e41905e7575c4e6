"""`memory(manager)`: an agent that remembers and recalls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from lev_os.core import LevError
from lev_os.core.packaging import load_package
from lev_os.memory import MemoryManager, Plan, Scope
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AgentToolset

from ..gating import wire
from ..toolsets import PackageToolset, World
from ._constitution import gated_run

_HELP = 'memory(manager, scope={"tenant": …, "user": …}), or `deps` that is a Scope or holds one as `scope`'
_TOOLS = ("./tools/remember", "./tools/recall")


def memory(
    manager: MemoryManager,
    *,
    scope: Scope | Mapping[str, str] | None = None,
    budget: int | None = None,
    plan: Plan | None = None,
) -> AbstractCapability[Any]:
    """The tools `remember` and `recall` over an open memory, for one scope and no other.

    That is `scope`, else the one in the `deps` of each run: a `Scope`, or what holds one as `scope`.
    With a `budget` (o200k tokens) what is remembered about the prompt is assembled before the first request of each
    run and stands in the instructions; what is not trusted stands there as quoted data, and the run is tainted by it.
    Raises `LevError` for a scope that is none; a run without one raises it before a model is asked.
    """
    return _Memory(manager, None if scope is None else _as_scope(scope), budget, plan)


def _as_scope(given: Scope | Mapping[str, Any]) -> Scope:
    if isinstance(given, Scope):
        return given
    try:
        return msgspec.convert(dict(given), Scope)
    except msgspec.ValidationError as error:
        raise LevError(f"this is no scope of a memory: {error}", help=_HELP) from None


def _scope_in(deps: Any) -> Scope:
    """The scope that a run brings."""
    held = deps.get("scope") if isinstance(deps, Mapping) else getattr(deps, "scope", None)
    for found in (deps, held):
        if isinstance(found, Scope) or (found is held and isinstance(found, Mapping)):
            return _as_scope(found)
    raise LevError("this agent has a memory, and the run says not whose", help=_HELP)


@dataclass(init=False, eq=False)
class _Memory(AbstractCapability[Any]):
    def __init__(self, manager: MemoryManager, scope: Scope | None, budget: int | None, plan: Plan | None) -> None:
        self.manager = manager
        self.scope = scope
        self.budget = budget
        self.plan = plan
        self._recalled: str | None = None

    async def for_run(self, ctx: RunContext[Any]) -> AbstractCapability[Any]:
        if self.scope is not None and self.budget is None:
            return self
        return _Memory(self.manager, self.scope or _scope_in(ctx.deps), self.budget, self.plan)

    def get_toolset(self) -> AgentToolset[Any]:
        package = load_package("lev_os.memory")
        fields = {} if self.scope is None else msgspec.to_builtins(self.scope)  # none before a run has begun
        world = World(deps=self.manager, scope=fields, package=package)
        return PackageToolset([package.card(name) for name in _TOOLS], world)

    def get_instructions(self) -> Any:
        return None if self.budget is None else self._assembled

    async def _assembled(self, ctx: RunContext[Any]) -> str | None:
        """What is remembered about the prompt; assembled once a run."""
        if self._recalled is None and self.budget is not None and self.scope is not None:
            question = wire.content(ctx.prompt) if ctx.prompt is not None else ""
            found = await self.manager.assemble(
                question if isinstance(question, str) else str(question),
                scope=self.scope,
                budget=self.budget,
                plan=self.plan,
            )
            self._recalled = found.text
            if found.text and (gated := gated_run(ctx)) is not None:
                gated.taint({"private", "untrusted"})
        return self._recalled or None

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None
