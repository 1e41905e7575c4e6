"""Runs to look at: a flow, its tools and a model, carried out into a journal."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lev_os.core import Flow, tool
from lev_os.core.bidirectional import run_sync
from lev_os.core.constitutional import Constitution, Gate

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
