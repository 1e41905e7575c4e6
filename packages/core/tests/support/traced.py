"""Runs to look at: a flow, its tools and a model, carried out into a journal."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lev_os.core import Flow, tool
from lev_os.core.bidirectional import Run, run_sync
from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.packaging import load_package

OPEN = "constitution: 1\nname: open\nprinciples: []\n"

STEPS = """\
  - id: said
    ask: "Summarise this: ${input.text}"
    returns: {summary: string}
  - switch: "input.names.size() > 2 ? 'many' : 'few'"
    cases:
      many: []
      few: []
    default:
      - return: never
  - for_each: name in input.names
    do:
      - try:
          - call: ./tools/work
            with: {name: "${name}"}
        catch:
          - set: {failed: "${name}"}
  - parallel:
      fast:
        - call: ./tools/work
          with: {name: x}
      slow:
        - wait: a person
    wait_for: any
  - return: "${said.summary}"
"""


@tool(effects=set(), idempotent=True)
def work(name: str) -> str:
    """Works, but not for Bob."""
    if name == "Bob":
        raise ValueError("not for Bob")
    return f"worked for {name}"


class Says:
    """A model that gives these results, one after another; the last one for ever."""

    name = "says"
    may_decide = True

    def __init__(self, *results: Any) -> None:
        self._results = itertools.chain(results[:-1], itertools.repeat(results[-1]))

    async def ask(self, request: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        found: dict[str, Any] = next(self._results)
        return found


def carried_out(journal: Path, text: str = "a text", said: str = "short") -> Path:
    """A run with a refused answer, a failed tool, a branch without steps and a wait that is dropped."""
    flow = Flow.parse(f"flowmind: 1\nname: shown\ninput: {{names: {{type: array}}, text: string}}\nsteps:\n{STEPS}")
    answers = (
        {"answer": "nonsense", "usage": {"input_tokens": 90, "output_tokens": 4}},
        {
            "answer": {"summary": said},
            "usage": {"input_tokens": 1000, "output_tokens": 40, "cost": 0.25},
            "decided_by": "big:model",
        },
    )
    done = run_sync(
        flow,
        {"names": ["Ada", "Bob", "Cyd"], "text": text},
        model=Says(*answers),
        tools={"./tools/work": work},
        gate=Gate(Constitution.parse(OPEN)),
        journal=journal,
        fsync=False,
    )
    assert done.status == "done", done.error
    return journal


ASKS_FIRST = """\
constitution: 1
name: careful
principles:
  - id: ASK-FIRST
    statement: A person approves work.
    severity: error
    scope: {artifacts: [run], phase: [tool]}
    checks:
      - forbid_tool: ["*work"]
    on_violation: escalate
    tests:
      violates: [{tool: ./tools/work}, {tool: work}]
      complies: [{tool: ./tools/a}, {tool: ./tools/b}]
"""

CONTEXT = "---\nname: style\ndescription: How to write.\n---\nWrite <b>briefly</b>.\n"

APPROVED = """\
flowmind: 1
name: approved
description: Judged, asked and approved.
input: {text: string}
context: [./contexts/style]
steps:
  - id: kind
    switch_semantic: what it is about
    about: "${input.text}"
    cases:
      money: []
      time: []
    uncertain: []
  - id: said
    ask: "Answer ${input.text}"
  - id: done
    call: ./tools/work
    with: {name: "${said}"}
  - return: "${done}"
"""


def approved(folder: Path) -> Path:
    """A run with a context and a judgement, whose tool a person has approved in another process."""
    package = folder / "approved_pack"
    for name, text in {
        "lev.toml": 'format = 1\nname = "approved_pack"\ndescription = "Approved."\n[exports]\n'
        '"./flows/*" = "./flows/*.yaml"\n"./contexts/*" = "./contexts/*.md"\n',
        "flows/approved.yaml": APPROVED,
        "contexts/style.md": CONTEXT,
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    flow = Flow.parse(APPROVED, package=load_package(package), specifier="approved_pack/flows/approved")
    journal = folder / "approved.jsonl"
    says = Says(
        {"answer": {"answer": "money", "evidence": "it says so"}, "decided_by": "big:model"},
        {"answer": "Ada", "usage": {"input_tokens": 7, "output_tokens": 1}},
    )
    tools = {"./tools/work": work}
    gate = Gate(Constitution.parse(ASKS_FIRST))
    waiting = run_sync(flow.link(tools=tools), {"text": "bill"}, model=says, judge=False, gate=gate, journal=journal)
    assert waiting.status == "waiting", waiting.error
    with Run.resume(journal, tools=tools, fsync=False) as again:
        again.submit(again.waits[0].token, {"approved": True, "note": "checked <twice>"})
        asyncio.run(again.advance())
        assert again.result.status == "done", again.result.error
    return journal
