"""Metrics for Prometheus: what is queued, under way, waiting and over, and who is at work. Read when asked for.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from lev_os.core.errors import LevError

from . import names
from .beating import DEAD
from .database import workers
from .runs import state_of

if TYPE_CHECKING:
    from prometheus_client import Metric

    from .database import Database

_LIVE = ("ENQUEUED", "DELAYED", "PENDING", "CANCELLED")
_ENDED = {"SUCCESS": "done", "ERROR": "failed", "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "dead"}
_WINDOW = 300.0


class Runs:
    """A collector of `prometheus_client`: reads the database each time it is scraped."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        from prometheus_client.core import GaugeMetricFamily

        runs = GaugeMetricFamily("lev_runs", "Durable runs that are not over.", labels=["queue", "status"])
        oldest = GaugeMetricFamily(
            "lev_queue_oldest_seconds", "How long the oldest queued run waits.", labels=["queue"]
        )
        client = self._database.client
        live = client.list_workflows(name=names.RUN, status=list(_LIVE), load_input=False, load_output=False)
        counts: Counter[tuple[str, str]] = Counter()
        first: dict[str, int] = {}
        for row in live:
            queue = str((row.attributes or {}).get("queue", ""))
            counts[queue, state_of(row).status] += 1
            if row.status == "ENQUEUED" and row.created_at is not None:
                first[queue] = min(first.get(queue, row.created_at), row.created_at)
        for (queue, status), number in sorted(counts.items()):
            runs.add_metric([queue, status], number)
        for queue, at in sorted(first.items()):
            oldest.add_metric([queue], max(0.0, time.time() - at / 1000))
        yield runs
        yield oldest
        yield self._ended()
        yield self._workers()

    def _ended(self) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - _WINDOW))
        found = self._database.client.list_workflows(
            name=names.RUN,
            status=list(_ENDED),
            completed_after=since,
            load_input=False,
            load_output=False,
        )
        ended = GaugeMetricFamily("lev_runs_ended", "Runs that ended in the last five minutes.", labels=["status"])
        for status, number in sorted(Counter(_ENDED[row.status] for row in found).items()):
            ended.add_metric([status], number)
        return ended

    def _workers(self) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        seen = GaugeMetricFamily("lev_worker_seen_seconds", "Since when each worker is silent.", labels=["worker"])
        with self._database.begin() as connection:
            rows = connection.execute(sa.select(workers.c.name, (self._database.clock - workers.c.seen).label("age")))
            for name, age in rows:
                if age < 100 * DEAD:
                    seen.add_metric([name], max(0.0, age))
        return seen


@contextlib.contextmanager
def serving(database: Database, port: int) -> Iterator[int]:
    """Serve the metrics on a loopback port (0: a free one) until the end of the block; yields the port."""
    if importlib.util.find_spec("prometheus_client") is None:
        raise LevError("metrics need prometheus-client", help="pip install 'lev-os-workflow[metrics]'")
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Runs(database))
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise LevError(f"port {port}: {error.strerror}", help="choose another --metrics port") from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
