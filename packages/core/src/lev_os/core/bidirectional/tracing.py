"""Whether runs are traced with OpenTelemetry, and by what. Imports nothing of it unless they are.

Runs are traced when the program has set up a tracer provider, or when `OTEL_EXPORTER_OTLP_ENDPOINT` is set and the
extra `lev-os-core[otel]` is installed. `OTEL_SDK_DISABLED=true` turns it off.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from ._spans import Spans as Spans
    from .executor import Executor
    from .machine import Machine

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_own: TracerProvider | bool | None = None
"""The provider made for the endpoint of the environment; False when it cannot be made."""


def spans_of(machine: Machine, executor: Executor) -> Spans | None:
    """What listens to a run's steps and makes spans of them, or None when nobody traces."""
    provider = _provider()
    if provider is None:
        return None
    from ._spans import Spans

    return Spans(provider, machine, executor)


def _provider() -> TracerProvider | None:
    # Every run asks, and the environment is slow to ask: it is asked for what can still change the answer.
    # A provider can only have been set up by somebody who has imported the API.
    api = sys.modules.get("opentelemetry.trace")
    if api is not None:
        provider: TracerProvider = api.get_tracer_provider()
        if not isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider)):
            return provider if _is_heard(provider) and not _is_disabled() else None
    return _from_environment() if any(map(os.environ.get, _ENDPOINTS)) and not _is_disabled() else None


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"


def _is_heard(provider: TracerProvider) -> bool:
    """False for an SDK's provider without span processors: its spans cost a tenth of a run, and go nowhere."""
    active = getattr(provider, "_active_span_processor", None)
    return getattr(active, "_span_processors", None) != ()


def _from_environment() -> TracerProvider | None:
    global _own
    if _own is None:
        _own = _made() or False
    return None if isinstance(_own, bool) else _own


def _made() -> TracerProvider | None:
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logging.getLogger("lev_os").warning(
            "an OTLP endpoint is set, but runs are not traced: pip install 'lev-os-core[otel]' installs what sends them"
        )
        return None
    # Not made the program's global provider: that is for the program to choose. It is flushed at exit by itself.
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
