"""A model whose answers a test writes down: the engine of `script:FILE`, driven from Python."""

from __future__ import annotations

from typing import Any, Literal

from lev_os.core.llm_runtime.script import Fault, Reply, ScriptModel

__all__ = ["Reply", "ScriptedModel"]


class ScriptedModel(ScriptModel):
    """Answers in order, or by step, words and purpose; `requests` are those it has seen.

    ```python
    from lev_os.testing import ScriptedModel

    model = ScriptedModel("first answer", {"text": "second"})
    model.reply({"answer": "refund"}, step="kind", purpose="judge").fault("refuse", step="draft")
    ```
    """

    def __init__(self, *replies: Any, otherwise: Any = None) -> None:
        """Each reply is a `Reply`, or the answer itself; `otherwise` answers every request that no reply fits."""
        super().__init__([], otherwise=None if otherwise is None else _reply(otherwise))
        for each in replies:
            self.add(_reply(each))

    def reply(
        self,
        answer: Any,
        *,
        step: str | None = None,
        match: str | None = None,
        purpose: Literal["ask", "judge", "principle"] | None = None,
        times: int | Literal["always"] = 1,
    ) -> ScriptedModel:
        """Add an answer; see `lev_os.core.llm_runtime.script` for what the conditions mean."""
        self.add(Reply(answer=answer, step=step, match=match, purpose=purpose, times=times))
        return self

    def call(self, tool: str, *, step: str | None = None, **arguments: Any) -> ScriptedModel:
        """Add a reply that calls one tool."""
        self.add(Reply(tool_calls=[{"tool": tool, "arguments": arguments}], step=step))
        return self

    def fault(self, fault: Fault, *, step: str | None = None) -> ScriptedModel:
        """Add a failure: garbage, refuse, half, unknown_tool, unavailable or hang."""
        self.add(Reply(fault=fault, step=step))
        return self


def _reply(value: Any) -> Reply:
    return value if isinstance(value, Reply) else Reply(answer=value)
