"""Linked flows: a flow and the contexts, tools, flows and constitutions that it names.

A linked flow is all that a machine needs; it can be pinned in a journal and read back without any package.
`Flow.link` makes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from ..canonical import digest, encode
from ..errors import InvalidInput, Problem
from ..tools import ToolCard
from .model import Ask, Call, FlowTree, SubFlow
from .parse import parse_flow
from .walk import walk

if TYPE_CHECKING:
    from ..constitutional import Constitution


@dataclass(frozen=True)
class LinkedContext:
    """A context as a model sees it. With `params`, `text` holds `${…}` over them."""

    specifier: str
    text: str
    digest: str
    params: tuple[str, ...] = ()

    @cached_property
    def tokens(self) -> int:
        """The o200k tokens of `text`."""
        from ..tokens import count

        return count(self.text)

    def render(self, scope: Mapping[str, Any]) -> str:
        """`text` with its `params` taken from `scope`; raises `LevError`."""
        from ..contexts.render import render_text

        return render_text(self.text, self.params, scope, self.specifier)


@dataclass(frozen=True, kw_only=True)
class LinkedFlow:
    """A flow and everything it refers to, keyed by the references as written in it."""

    tree: FlowTree
    specifier: str
    package: str | None
    contexts: Mapping[str, LinkedContext]
    tools: Mapping[str, ToolCard]
    flows: Mapping[str, LinkedFlow]
    constitutions: tuple[Constitution, ...]
    guards: Mapping[str, tuple[Constitution, ...]] = field(default_factory=dict)
    """By a tool's specifier, the constitutions of the other package that it comes from; they hold besides."""

    @cached_property
    def digest(self) -> str:
        """Of this flow's text and of all it is linked to."""
        return digest({
            "flow": self.tree.digest,
            "specifier": self.specifier,
            "contexts": {reference: context.digest for reference, context in self.contexts.items()},
            "tools": {reference: _card(card) for reference, card in self.tools.items()},
            "flows": {reference: flow.digest for reference, flow in self.flows.items()},
            "constitutions": [constitution.digest for constitution in self.constitutions],
            "guards": {tool: [guard.digest for guard in guards] for tool, guards in self.guards.items()},
        })  # fmt: skip

    @cached_property
    def size(self) -> int:
        """How many flows it holds, itself included."""
        return 1 + sum(flow.size for flow in self.flows.values())

    @cached_property
    def depth(self) -> int:
        """How many flows are under way at once at most, itself included."""
        return 1 + max((flow.depth for flow in self.flows.values()), default=0)

    @cached_property
    def memo(self) -> dict[object, Any]:
        """What interpreters have worked out about this flow, for the runs to come; no part of its value."""
        return {}

    @cached_property
    def pinned(self) -> Mapping[str, Any]:
        """All of it as JSON, made once; `from_pinned` reads it back."""
        return {
            "specifier": self.specifier,
            "package": self.package,
            "text": self.tree.text,
            "contexts": {
                reference: {"specifier": c.specifier, "text": c.text, "digest": c.digest, "params": list(c.params)}
                for reference, c in self.contexts.items()
            },
            "tools": {reference: _card(card) for reference, card in self.tools.items()},
            "flows": {reference: flow.pinned for reference, flow in self.flows.items()},
            "constitutions": [constitution.pinned() for constitution in self.constitutions],
            "guards": {tool: [guard.pinned() for guard in guards] for tool, guards in self.guards.items()},
        }

    @cached_property
    def pinned_json(self) -> msgspec.Raw:
        """`pinned` as the JSON text that every journal of this flow begins with, made once."""
        return msgspec.Raw(encode(self.pinned))

    @classmethod
    def from_pinned(cls, data: Mapping[str, Any]) -> LinkedFlow:
        """The linked flow that `pinned` wrote; nothing is looked up. Raises `InvalidInput` when it is damaged."""
        from ..constitutional import Constitution

        try:
            read = cls(
                tree=parse_flow(data["text"], path=data["specifier"]),
                specifier=msgspec.convert(data["specifier"], str),
                package=msgspec.convert(data["package"], str | None),
                contexts={
                    reference: msgspec.convert(context, LinkedContext)
                    for reference, context in data["contexts"].items()
                },
                tools={reference: msgspec.convert(card, ToolCard) for reference, card in data["tools"].items()},
                flows={reference: cls.from_pinned(flow) for reference, flow in data["flows"].items()},
                constitutions=tuple(Constitution.from_pinned(item) for item in data["constitutions"]),
                guards={
                    tool: tuple(Constitution.from_pinned(item) for item in guards)
                    for tool, guards in data["guards"].items()
                },
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _damaged(f"{type(error).__name__} {error}") from None
        missing = sorted(read._missing())
        if missing:
            raise _damaged(f"it does not hold what it names: {', '.join(missing)}")
        return read

    def _missing(self) -> Iterator[str]:
        """The references of its steps that lead to nothing."""
        steps = list(walk(self.tree.steps))
        asks = [step for step in steps if isinstance(step, Ask)]
        contexts = [*self.tree.context, *(ref for ask in asks for ref in ask.context)]
        tools = [step.tool for step in steps if isinstance(step, Call)] + [ref for ask in asks for ref in ask.tools]
        flows = [step.flow for step in steps if isinstance(step, SubFlow)]
        for held, named in ((self.contexts, contexts), (self.tools, tools), (self.flows, flows)):
            yield from {reference for reference in named if reference not in held}


def _damaged(why: str) -> InvalidInput:
    message = f"the pinned flow is damaged: {why}"
    return InvalidInput([Problem("FLW504", message, help="the journal was changed; start a new run")])


def _card(card: ToolCard) -> Any:
    """A card as JSON; its sets in order, so that its digest is always the same."""
    return msgspec.to_builtins(card, order="deterministic")
