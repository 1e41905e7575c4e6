"""What every model and judge can do. Requests and results are the JSON values of the machine's effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

Request = Mapping[str, Any]
Result = dict[str, Any]
OnDelta = Callable[[str], None]


class ModelClient(Protocol):
    """Answers the requests of `model` effects."""

    @property
    def name(self) -> str:
        """How journals and results call it."""
        ...

    @property
    def may_decide(self) -> bool:
        """Whether its decisions are worth having."""
        ...

    async def ask(self, request: Request, *, deadline: float | None = None, on_delta: OnDelta | None = None) -> Result:
        """Answer one request: `{"answer": …}` or `{"tool_calls": […]}`, with `usage` and `decided_by` when known.

        `deadline` is in the driver's clock, and the driver cancels what passes it. `on_delta` gets the text of an
        unstructured answer as it grows. An answer that does not fit `returns` is given back as it is, for the machine
        to refuse with reasons. Raises `ModelRefused` or `ModelUnavailable`.
        """
        ...


class Judge(Protocol):
    """Answers the requests of `judge` effects, without a model."""

    async def judge(self, request: Request) -> Result:
        """`{label, confidence, calibrated, evidence, decided_by}`; a `label` of None abstains."""
        ...
