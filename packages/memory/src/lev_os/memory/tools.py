"""Memory as tools for flows and agents: `lev_os.memory/tools/remember` and `lev_os.memory/tools/recall`.

The memory comes from `ctx.deps` (what `MemoryManager.open` or `open_sync` gave, or something that holds it as
`memory`) and the scope from `ctx.scope`, whose keys are the fields of `Scope`. Neither is a parameter, so no model can
choose whose memory is meant.
What `recall` answers counts as untrusted, because anybody's words may be in it; and what a model remembers is quoted
as data when a context is assembled, because anybody may have told it to. A program that knows better puts records
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypedDict, TypeVar

import msgspec
from lev_os.core import LevError, ToolContext, tool

from .manager import MemoryManager
from .sync import SyncMemory
from .types import Filter, Record, Scope

__all__ = ["recall", "remember"]

T = TypeVar("T")

TRUST = 0.4
"""Of what is remembered through the tool: below what an assembly takes for its own words."""


class Remembered(TypedDict):
    """The id of the record."""

    id: str


class Recalled(TypedDict):
    """One record that was found; `when` is the day from which it is true."""

    id: str
    text: str
    type: str
    when: str
    trusted: bool


@tool(effects={"writes_local"}, idempotent=True)
async def remember(
    ctx: ToolContext[Any],
    text: str,
    type: Literal["working", "episodic", "semantic", "procedural", "prospective"] = "episodic",
    subject: str | None = None,
    predicate: str | None = None,
) -> Remembered:
    """Remember something for later. Saying the same twice keeps it once.

    Args:
        text: What to remember, in words that make sense on their own.
        type: `episodic` for what happened, `semantic` for what is true, `procedural` for how to do something,
            `prospective` for what is planned, `working` for what matters only now.
        subject: Whom or what a fact is about; together with `predicate` it has one current value.
        predicate: What the fact says about its subject, in one or two words.
    """
    scope = _scope(ctx)
    record = Record(type=type, text=text, subject=subject, predicate=predicate, trust=TRUST)
    return {"id": await _with(ctx, lambda memory: _remember(memory, record, scope))}


@tool(effects={"reads_private", "ingests_untrusted"}, idempotent=True)
async def recall(ctx: ToolContext[Any], question: str, count: int = 5) -> list[Recalled]:
    """Find what is remembered about a question, the best first.

    Args:
        question: What to look for, in plain words; expressions such as "last week" are understood.
        count: How many records at most, 1 to 50.
    """
    scope, k = _scope(ctx), max(1, min(count, 50))
    hits = await _with(ctx, lambda memory: memory.search(question, scope=scope, k=k))
    return [
        {
            "id": hit.record.id,
            "text": hit.record.text,
            "type": hit.record.type,
            "when": "" if hit.record.begins is None else hit.record.begins.date().isoformat(),
            "trusted": hit.record.trust >= 0.5,
        }
        for hit in hits
    ]


async def _remember(memory: MemoryManager, record: Record, scope: Scope) -> str:
    """Put it, in the place of what the same tool said of the same fact."""
    if record.subject is not None and record.predicate is not None:
        where = Filter(types=(record.type,), subject=record.subject, predicate=record.predicate)
        for old in reversed((await memory.query(where, scope=scope)).records):
            if old.text == record.text:
                return old.id
            if old.trust <= TRUST and old.superseded_by is None:  # one that has a successor ends by itself
                return await memory.supersede(old.id, record, scope=scope, reason="said anew")
    (id,) = await memory.put([record], scope=scope)
    return id


async def _with(ctx: ToolContext[Any], work: Callable[[MemoryManager], Coroutine[Any, Any, T]]) -> T:
    """Do something with the run's memory, on the loop that it was opened on."""
    for held in (ctx.deps, getattr(ctx.deps, "memory", None)):
        if isinstance(held, MemoryManager):
            return await work(held)
        if isinstance(held, SyncMemory):
            return await held.run(work)
    help = "pass deps=memory to `run`, or let `deps` of lev.toml make something that holds it as `memory`"
    raise LevError("these tools need an open memory, and the run has none", help=help)


def _scope(ctx: ToolContext[Any]) -> Scope:
    try:
        return msgspec.convert(dict(ctx.scope), Scope)
    except msgspec.ValidationError as error:
        help = 'pass scope={"tenant": …, "user": …} to `run`'
        raise LevError(f"these tools need a scope, and the run has none that fits: {error}", help=help) from None
