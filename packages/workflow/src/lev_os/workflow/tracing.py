"""One trace over processes: who starts a run hands its W3C trace context on, and the worker's spans lie below it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping


def carrier() -> dict[str, str]:
    """The trace context of the caller; empty when nobody traces here."""
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found)
    return found


@contextlib.contextmanager
def continued(given: Mapping[str, str] | None) -> Iterator[None]:
    """What is traced inside belongs to the trace of `given`."""
    if not given:
        yield
        return
    try:
        from opentelemetry import context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:  # the worker does not trace
        yield
        return
    token = context.attach(TraceContextTextMapPropagator().extract(given))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # a task that was cancelled ends in another context
            context.detach(token)
