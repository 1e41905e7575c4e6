"""`remember` and `recall` in a flow: the scope is the run's, and a constitution can forbid what may be remembered."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from lev_os.core import Constitution, Flow
from lev_os.core.bidirectional import RunResult, run
from lev_os.core.constitutional import Gate
from lev_os.memory import MemoryManager, Record, Scope

ADA = Scope(tenant="acme", user="ada")
FLOW = """
flowmind: 1
name: note
input_schema:
  type: object
  properties:
    text: {type: string, x-lev-untrusted: true}
    question: {type: string}
steps:
  - id: kept
    call: lev_os.memory/tools/remember
    with: {text: "${input.text}", type: semantic, subject: Ada, predicate: drinks}
  - id: found
    call: lev_os.memory/tools/recall
    with: {question: "${input.question}", count: 1}
  - return: "${found}"
"""
CAREFUL = """
constitution: 1
name: careful
principles:
  - id: MEM-001
    statement: Facts come from people, not from web pages.
    checks:
      - cel: "tool != 'lev_os.memory/tools/remember' || args.type != 'semantic' || !('args.text' in taint)"
    tests:
      violates:
        - {tool: lev_os.memory/tools/remember, args: {type: semantic}, taint: {args.text: [untrusted]}}
        - {tool: lev_os.memory/tools/remember, args: {type: semantic, text: x}, taint: {args.text: [untrusted]}}
      complies:
        - {tool: lev_os.memory/tools/remember, args: {type: episodic}, taint: {args.text: [untrusted]}}
        - {tool: lev_os.memory/tools/remember, args: {type: semantic}}
"""


def flow(*said: str, scope: dict[str, str], constitution: str | None = None, document: str = FLOW) -> list[RunResult]:
    """Run the flow once for each text, on one memory."""

    async def main() -> list[RunResult]:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            options: dict[str, Any] = {"deps": memory, "scope": scope}
            if constitution is not None:
                options["gate"] = Gate(Constitution.parse(constitution))
            inputs = [{"text": text, "question": "What does Ada drink?"} for text in said]
            return [await run(Flow.parse(document), given, **options) for given in inputs]

    return asyncio.run(main())


def test_a_flow_remembers_and_recalls() -> None:
    """A fact said anew takes the place of the old one; what is recalled says whether it is trusted."""
    first, second = flow("Ada drinks tea", "Ada drinks coffee", scope={"tenant": "acme", "user": "ada"})
    assert [item["text"] for item in first.output] == ["Ada drinks tea"]
    assert [item["text"] for item in second.output] == ["Ada drinks coffee"]
    assert second.output[0]["trusted"] is False


def test_a_fact_whose_successor_is_still_to_come_can_be_said_anew() -> None:
    """The old one ends by itself; what is remembered stands beside it."""
    later = datetime.now(UTC) + timedelta(days=9)
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        (tea,) = memory.put([drink("tea")], scope=ADA)
        memory.supersede(tea, drink("milk", later), scope=ADA)
        given = {"text": "Ada drinks coffee", "question": "coffee"}
        result = asyncio.run(run(Flow.parse(FLOW), given, deps=memory, scope={"tenant": "acme", "user": "ada"}))
        assert [item["text"] for item in result.output] == ["Ada drinks coffee"]
        assert [record.text for record in memory.query(scope=ADA).records] == ["Ada drinks tea", "Ada drinks coffee"]


def drink(what: str, begins: datetime | None = None) -> Record:
    return Record(
        type="semantic", text=f"Ada drinks {what}", subject="Ada", predicate="drinks", trust=0.4, valid_from=begins
    )


def test_a_run_without_a_scope_remembers_nothing() -> None:
    """There is no default tenant; the message says what to pass."""
    (result,) = flow("Ada drinks tea", scope={})
    assert result.status == "failed"
    assert result.error is not None
    assert "need a scope" in result.error.message


def test_a_constitution_denies_untrusted_facts() -> None:
    """Content from outside may be remembered as an episode, and not as a fact."""
    (result,) = flow("Ada drinks tea", scope={"tenant": "acme"}, constitution=CAREFUL)
    assert result.status == "denied"


FRUGAL = """
constitution: 1
name: frugal
principles:
  - id: MEM-002
    statement: A model reads no more than three records at once.
    checks:
      - cel: "tool != 'lev_os.memory/tools/recall' || args.count <= 3"
    tests:
      violates:
        - {tool: lev_os.memory/tools/recall, args: {count: 4}}
        - {tool: lev_os.memory/tools/recall, args: {count: 50}}
      complies:
        - {tool: lev_os.memory/tools/recall, args: {count: 1}}
        - {tool: lev_os.memory/tools/recall, args: {count: 3}}
"""


def test_a_constitution_bounds_what_is_read() -> None:
    """The same flow passes with one record, and is denied where it asks for more."""
    scope = {"tenant": "acme", "user": "ada"}
    (allowed,) = flow("Ada drinks tea", scope=scope, constitution=FRUGAL)
    assert allowed.status == "done"
    (denied,) = flow("Ada drinks tea", scope=scope, constitution=FRUGAL, document=FLOW.replace("count: 1", "count: 4"))
    assert denied.status == "denied"


def test_a_denied_write_leaves_nothing() -> None:
    """What the gate denies is not remembered, whatever was said before; an episode of the same words is."""
    scope = {"tenant": "acme"}

    async def main() -> None:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            options: dict[str, Any] = {"deps": memory, "scope": scope, "gate": Gate(Constitution.parse(CAREFUL))}
            given = {"text": "Ada drinks tea", "question": "tea"}
            denied = await run(Flow.parse(FLOW), given, **options)
            assert denied.status == "denied"
            assert (await memory.stats(scope=Scope(tenant="acme"))).records == 0
            kept = await run(Flow.parse(FLOW.replace("semantic", "episodic")), given, **options)
            assert kept.status == "done"
            assert (await memory.stats(scope=Scope(tenant="acme"))).by_type == {"episodic": 1}

    asyncio.run(main())


def test_a_memory_of_another_loop_serves_too() -> None:
    """What `open_sync` gives can be `deps`: a plain function or a context manager makes it, and a flow uses it."""
    with MemoryManager.open_sync("memory://", embedder=None) as memory:
        given = {"text": "Ada drinks tea", "question": "tea"}
        scope = {"tenant": "acme", "user": "ada"}
        result = asyncio.run(run(Flow.parse(FLOW), given, deps=memory, scope=scope))
        assert result.status == "done"
        assert [record.text for record in memory.query(scope=ADA).records] == ["Ada drinks tea"]
