"""A journal cut after any record goes on to the same outcome, and runs no finished input again."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lev_os.core.bidirectional import Failure, Run, read_journal, replay, run_sync
from lev_os.core.constitutional import Gate
from lev_os.core.flowmind import Flow
from lev_os.core.tools import tool

TEXT = """
flowmind: 1
name: cut
input: {n: integer}
steps:
  - {id: first, ask: Say a word.}
  - {id: both, parallel: {a: [{id: x, call: ./tools/odd, with: {n: 1}}], b: [{id: y, call: ./tools/odd, with: {n: 2}}]}}
  - set: {items: [3, 4]}
  - {id: each, for_each: i in items, do: [{id: z, call: ./tools/odd, with: {n: "${i}"}}], collect: "${z}"}
  - try: [{call: ./tools/fails, with: {}}]
    catch: [{set: {said: "${error.kind}"}}]
  - {id: kind, if_semantic: it is odd, about: "${first}", then: [], else: [], uncertain: []}
  - return: {first: "${first}", each: "${each}", said: "${said}", holds: "${kind.holds}"}
"""


class World:
    """Tools, a model and a judge that count what they are asked."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.name = "counting"
        self.may_decide = True

    async def ask(self, request: Any, **_: Any) -> dict[str, Any]:
        self.done["ask"] += 1
        return {"answer": "word"}

    async def judge(self, request: Any) -> dict[str, Any]:
        self.done["judge"] += 1
        return {"label": "yes", "decided_by": "test"}

    @property
    def tools(self) -> dict[str, Any]:
        @tool(effects=())
        async def odd(n: int) -> bool:
            """Whether a number is odd."""
            self.done[f"odd {n}"] += 1
            return n % 2 == 1

        @tool(effects=())
        async def fails() -> None:
            """Never succeeds."""
            self.done["fails"] += 1
            raise RuntimeError("no")

        return {"./tools/odd": odd, "./tools/fails": fails}


def test_a_cut_after_every_record(tmp_path: Path) -> None:
    """The outcome is the same; what had a result in the journal is not asked for again."""
    whole, world = tmp_path / "whole.jsonl", World()
    flow = Flow.parse(TEXT)
    result = run_sync(
        flow, {"n": 1}, journal=whole, model=world, judge=world, tools=world.tools, gate=Gate(), fsync=False
    )
    assert result.status == "done", result.error
    lines = whole.read_bytes().splitlines(keepends=True)
    total = sum(world.done.values())
    for keep in range(1, len(lines) + 1):
        path, again = tmp_path / f"{keep}.jsonl", World()
        path.write_bytes(b"".join(lines[:keep]))
        finished = sum(entry.type in ("result", "failure") for entry in read_journal(path))
        with Run.resume(path, fsync=False, model=again, judge=again, tools=again.tools) as resumed:
            asyncio.run(resumed.advance())
            assert (resumed.result.status, resumed.result.output) == (result.status, result.output), keep
        assert sum(again.done.values()) == total - finished, keep
        assert replay(path).divergences == ()


@pytest.mark.parametrize("where", ["first", "middle"])
def test_a_cut_inside_a_record_is_a_torn_line(tmp_path: Path, where: str) -> None:
    """The half line is dropped, and the run goes on as if it had never been begun."""
    whole, world = tmp_path / "whole.jsonl", World()
    result = run_sync(
        Flow.parse(TEXT), {"n": 1}, journal=whole, model=world, judge=world, tools=world.tools, fsync=False
    )
    lines = whole.read_bytes().splitlines(keepends=True)
    keep = 1 if where == "first" else len(lines) // 2
    whole.write_bytes(b"".join(lines[:keep]) + lines[keep][: len(lines[keep]) // 2])
    again = World()
    with Run.resume(whole, fsync=False, model=again, judge=again, tools=again.tools) as resumed:
        asyncio.run(resumed.advance())
        assert resumed.result.output == result.output


def test_a_failure_that_somebody_else_reports_keeps_no_secret(tmp_path: Path) -> None:
    """A host may quote a secret in why it failed; the journal does not."""
    path = tmp_path / "j.jsonl"
    text = "flowmind: 1\nname: t\ninput: {}\nsteps:\n  - {id: w, wait: go}\n"
    with Run.start(Flow.parse(text), journal=path, secrets={"KEY": "hunter2-hunter2"}, fsync=False) as run:
        run.fail(run.waits[0].token, Failure(kind="timeout", message="key hunter2-hunter2 was refused"))
    assert b"hunter2" not in path.read_bytes()
