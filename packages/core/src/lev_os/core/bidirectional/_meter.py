"""What a run may use: counts are reserved when an effect leaves, tokens are charged when its result is in."""

from __future__ import annotations

from ..flowmind.model import Limits
from ._tasks import RunEnded
from .effects import Failure, Usage

MAX_VALUE_BYTES = 1 << 20
MAX_SCOPE_BYTES = 8 << 20


class Meter:
    """The usage of one flow; a sub-flow's meter charges its parent's too."""

    def __init__(self, limits: Limits, parent: Meter | None = None) -> None:
        self.limits = limits
        self.usage = Usage()
        self._parent = parent
        self._active = 0.0
        self._scope_bytes = 0

    def ask(self, step: str) -> None:
        """Reserve one request to a model."""
        meter: Meter | None = self
        while meter is not None:
            meter.usage.asks += 1
            _within(meter.usage.asks, meter.limits.asks, "asks", step)
            meter = meter._parent

    def tool_call(self, step: str) -> None:
        """Reserve one call of a tool."""
        meter: Meter | None = self
        while meter is not None:
            meter.usage.tool_calls += 1
            _within(meter.usage.tool_calls, meter.limits.tool_calls, "tool_calls", step)
            meter = meter._parent

    def judgement(self) -> None:
        meter: Meter | None = self
        while meter is not None:
            meter.usage.judgements += 1
            meter = meter._parent

    def tokens(self, read: int, written: int, cost: float | None, step: str) -> None:
        """Charge what a model says it has used."""
        meter: Meter | None = self
        while meter is not None:
            usage = meter.usage
            usage.input_tokens += read
            usage.output_tokens += written
            if cost is not None:
                usage.cost = (usage.cost or 0.0) + cost
            meter = meter._parent
        meter = self
        while meter is not None:
            _within(meter.usage.input_tokens + meter.usage.output_tokens, meter.limits.tokens, "tokens", step)
            meter = meter._parent

    def time(self, seconds: float) -> None:
        """Let active time pass; time in which every strand waits for a person does not count."""
        self._active += seconds
        limit = self.limits.time
        if limit is not None and self._active >= limit:
            raise RunEnded(_reached("time", f"{limit:g}s", None))

    def remaining_time(self) -> float | None:
        """The active time that is left here and above; None when nothing bounds it."""
        left: float | None = None
        meter: Meter | None = self
        while meter is not None:
            if meter.limits.time is not None:
                here = max(0.0, meter.limits.time - meter._active)
                left = here if left is None else min(left, here)
            meter = meter._parent
        return left

    def grown(self, size: int, grown: int, step: str) -> None:
        """Account for a value of `size` bytes that made the scopes grow by `grown`."""
        root = self._root()
        root._scope_bytes += grown
        if size > MAX_VALUE_BYTES:
            raise RunEnded(_reached("value", f"{MAX_VALUE_BYTES} bytes (this one has {size})", step))
        if root._scope_bytes > MAX_SCOPE_BYTES:
            raise RunEnded(_reached("scope", f"{MAX_SCOPE_BYTES} bytes", step))

    def released(self, size: int) -> None:
        """A scope of this size is gone."""
        self._root()._scope_bytes -= size

    def _root(self) -> Meter:
        root = self
        while root._parent is not None:
            root = root._parent
        return root


def _within(used: int, limit: int | None, name: str, step: str) -> None:
    if limit is not None and used > limit:
        raise RunEnded(_reached(name, str(limit), step))


def _reached(name: str, limit: str, step: str | None) -> Failure:
    return Failure(
        kind="limit",
        message=f"the limit of {name}, {limit}, is reached; raise it under `limits:` or make the flow do less"
        if name not in ("value", "scope")
        else f"the limit of one {name}, {limit}, is reached; keep large values in files or behind a tool",
        step=step,
        retryable=False,
    )
