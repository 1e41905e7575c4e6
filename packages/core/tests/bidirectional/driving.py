"""What the tests of the drivers share: flows from text, and a model that says what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from lev_os.core.constitutional import Constitution, Gate
from lev_os.core.flowmind import Flow

OPEN = "constitution: 1\nname: open\nprinciples: []\n"


def flow(steps: str, input: str = "{}") -> Flow:
    """A flow with these steps, written from the margin."""
    return Flow.parse(f"flowmind: 1\nname: test\ninput: {input}\nsteps:\n{steps}")


def open_gate() -> Gate:
    """A gate that allows everything."""
    return Gate(Constitution.parse(OPEN))


class Told:
    """A model whose answers come from a function of the request; texts can be streamed in pieces."""

    name = "told"
    may_decide = True

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any], pieces: int = 0) -> None:
        self.answer = answer
        self.pieces = pieces
        self.requests: list[Mapping[str, Any]] = []

    async def ask(
        self,
        request: Mapping[str, Any],
        *,
        deadline: float | None = None,
        on_delta: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, BaseException):
            raise answer
        if self.pieces and on_delta is not None:
            for start in range(0, len(answer), self.pieces):
                on_delta(answer[start : start + self.pieces])
                await asyncio.sleep(0)
        return answer if isinstance(answer, dict) else {"answer": answer}
