"""`personalities(…)`: lenses that an agent may ask for their view of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pydantic_ai
from lev_os.core import Context, LevError, load_package, tool
from lev_os.core.packaging import Export, find
from lev_os.core.packaging.for_llm import parsed
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.tools import RunContext
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from ..gating.run import CURRENT
from ._constitution import constitution
from ._contexts import as_instructions
from ._lending import Lender

_OWN = "lev_os.core"


def personalities(*specs: str | Context) -> AbstractCapability[Any]:
    """The tool `consult`: one lens looks at a question by itself, with the agent's model, and gives its view.

    `specs` are specifiers of personalities, or `Context` objects; without any, the eight of core. What a lens hears
    and says passes the gate of the agent that asks. Raises `LevError` for what is no personality.
    """
    found = [spec if isinstance(spec, Context) else _named(spec) for spec in specs]
    if not found:
        exports = load_package(_OWN).exports()
        found = [_lens(export) for export in exports if export.kind == "personality"]
    lenses = {lens.name: lens for lens in found}
    if len(lenses) < len(found):
        raise LevError("two lenses have one name", help="each lens is asked for by its name")
    return _Personalities(lenses)


@dataclass(init=False, eq=False)
class _Personalities(Lender):
    def __init__(self, lenses: dict[str, Context]) -> None:
        self.lenses = lenses

    def get_instructions(self) -> list[str]:
        listed = [
            f"- {name}: {lens.metadata.get('lev-question') or lens.description}" for name, lens in self.lenses.items()
        ]
        return ["\n".join(["When you are not sure, `consult` a lens on the question:", *listed])]

    def get_toolset(self) -> AbstractToolset[Any]:
        names = Literal[tuple(self.lenses)]  # type: ignore[valid-type]  # known only when the agent is made

        @tool(effects=())
        async def consult(ctx: RunContext[Any], lens: names, question: str) -> str:  # type: ignore[valid-type]  # the same
            """Hear how one lens sees a question.

            Args:
                lens: Who is asked.
                question: The whole question, in words that make sense on their own.
            """
            if not isinstance(ctx.model, Model):
                raise LevError("a lens needs a model that answers requests", help="run the agent with one")
            gated = CURRENT.get()
            held = [] if gated is None or not gated.gates else [constitution(gated.gates[0])]
            asked: pydantic_ai.Agent[None, str] = pydantic_ai.Agent(
                ctx.model,
                name=f"{lens} lens",
                instructions=as_instructions([self.lenses[lens], "Give your view in a few sentences."]),
                capabilities=held,
            )
            return (await asked.run(question, usage=ctx.usage, usage_limits=ctx.usage_limits)).output

        # The annotation is a value of this function, which a string of it would not find.
        consult.__annotations__["lens"] = names
        return FunctionToolset([consult])


def _named(spec: str) -> Context:
    package, subpath = find(spec)
    return _lens(package.export(subpath))


def _lens(export: Export) -> Context:
    if export.kind != "personality":
        raise LevError(
            f"{export.specifier} is a {export.kind}, not a lens",
            help="a lens is a context with `lev-kind: personality`",
        )
    found: Context = parsed(export, "llm")
    if found.params:
        raise LevError(f"{found.specifier} has parameters", help="a lens has none")
    return found
