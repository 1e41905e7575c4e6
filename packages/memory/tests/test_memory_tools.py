"""`remember` and `recall` in a flow: the scope is the run's, and a constitution can forbid what may be remembered."""

from __future__ import annotations

import asyncio
from typing import Any

from lev_os.core import Constitution, Flow
from lev_os.core.bidirectional import RunResult, run
from lev_os.core.constitutional import Gate
from lev_os.memory import MemoryManager, Scope

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


def flow(*said: str, scope: dict[str, str], constitution: str | None = None) -> list[RunResult]:
    """Run the flow once for each text, on one memory."""

    async def main() -> list[RunResult]:
        async with MemoryManager.open("memory://", embedder=None) as memory:
            options: dict[str, Any] = {"deps": memory, "scope": scope}
            if constitution is not None:
                options["gate"] = Gate(Constitution.parse(constitution))
            inputs = [{"text": text, "question": "What does Ada drink?"} for text in said]
            return [await run(Flow.parse(FLOW), given, **options) for given in inputs]

    return asyncio.run(main())


def test_a_flow_remembers_and_recalls() -> None:
    """A fact said anew takes the place of the old one; what is recalled says whether it is trusted."""
    first, second = flow("Ada drinks tea", "Ada drinks coffee", scope={"tenant": "acme", "user": "ada"})
    assert [item["text"] for item in first.output] == ["Ada drinks tea"]
    assert [item["text"] for item in second.output] == ["Ada drinks coffee"]
    assert second.output[0]["trusted"] is False


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
