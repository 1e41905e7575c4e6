"""What steps need of their linked flow each time, worked out once for all its runs and kept in its `memo`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..schemas import UNTRUSTED, Schema, is_file_reference
from ..tools import ToolCard, tool_labels
from ._answers import Accept, fitted
from ._scope import Labels

if TYPE_CHECKING:
    from ..flowmind.link import LinkedFlow


def schema_of(linked: LinkedFlow, side: Literal["input", "output"]) -> Schema:
    """The compiled schema of what a flow takes or gives; anything fits an output that none was written for."""
    schema: Schema | None = linked.memo.get(side)
    if schema is None:
        tree = linked.tree
        source = tree.input_schema if side == "input" else tree.output_schema
        schema = linked.memo[side] = Schema.of({} if source is None else source)
    return schema


def untrusted_inputs(linked: LinkedFlow) -> frozenset[str]:
    """The inputs whose content comes from outside."""
    names: frozenset[str] | None = linked.memo.get("untrusted")
    if names is None:
        fields = linked.tree.input_schema.get("properties", {}).items()
        names = frozenset(name for name, field in fields if isinstance(field, Mapping) and field.get(UNTRUSTED))
        linked.memo["untrusted"] = names
    return names


class Callee(msgspec.Struct, frozen=True, eq=False):
    """A tool of a flow, with what a call of it needs each time."""

    card: ToolCard
    accept: Accept
    labels: Labels


def callee(linked: LinkedFlow, reference: str) -> Callee:
    """The tool that a step names by this reference."""
    tool: Callee | None = linked.memo.get(("tool", reference))
    if tool is None:
        card = linked.tools[reference]
        schema = None if card.output_schema is None else Schema.of(card.output_schema)

        def accept(value: Any) -> tuple[Sequence[str], Any]:
            return ((), value) if schema is None or is_file_reference(value) else fitted(schema, value)

        tool = linked.memo["tool", reference] = Callee(card, accept, tool_labels(card))
    return tool
