"""`flows(spec)`: flows of packages as tools of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lev_os.core import Flow, LevError
from lev_os.core.bidirectional.places import runs_folder
from lev_os.core.packaging import Export, Package, find, load_package
from lev_os.core.packaging.for_llm import parsed
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.toolsets import AbstractToolset

from ..toolsets import FlowToolset, World
from ._lending import Lender


def flows(
    *specs: str | Package | Flow,
    deps: Any = None,
    scope: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    runs: Path | str | None = None,
) -> AbstractCapability[Any]:
    """Flows that the agent may start: all of a package, one by its specifier, or an object.

    Each call is a run with a journal in `runs` (default `.lev/runs` of the project), so one that waits for a person
    goes on with `lev runs approve`. `deps`, `scope` and `secrets` are what its tools get. Raises `LevError` for what
    is no flow, `InvalidInput` for a flow that cannot be linked.
    """
    found: list[Flow] = []
    for spec in specs:
        if isinstance(spec, Flow):
            found.append(spec)
        elif isinstance(spec, Package) or "/" not in spec.removeprefix("lev://"):
            package = spec if isinstance(spec, Package) else load_package(spec)
            found += [_flow(export) for export in package.exports() if export.kind == "flow"]
        else:
            package, subpath = find(spec)
            found.append(_flow(package.export(subpath)))
    if not found:
        raise LevError("no flow is named", help='flows("acme_support") or flows("acme_support/flows/triage")')
    world = World(deps=deps, scope=scope or {}, secrets=secrets or {}, runs=Path(runs) if runs else runs_folder())
    return _Flows(FlowToolset(found, world))


@dataclass(init=False, eq=False)
class _Flows(Lender):
    def __init__(self, toolset: FlowToolset) -> None:
        self.toolset = toolset

    def get_toolset(self) -> AbstractToolset[Any]:
        return self.toolset


def _flow(export: Export) -> Flow:
    if export.kind != "flow":
        raise LevError(f"{export.specifier} is a {export.kind}, not a flow", help="`lev list --kind flow` lists flows")
    found: Flow = parsed(export, "llm")
    return found
