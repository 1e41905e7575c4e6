"""The heartbeat of a worker, in a thread of its own: its name, and the sweep that takes over from the dead.

A worker's row says when it was last seen, by the database's clock. Whoever finds a run under way on an executor that
was not seen for `DEAD` seconds puts it back into its queue. A false alarm costs work, not state: what the slow worker
records afterwards is refused, because the run is not its own any more.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from lev_os.core.errors import LevError

from . import names, rows
from .database import Database, leases, workers

BEAT = 1.5
DEAD = 6.0
_SWEEPS = 3.0
"""Seconds from one sweep to the next, whichever worker does it."""
_STRAYS, _FIRST_STRAYS = 60.0, 86_400.0
"""Answers this old or younger are looked at again: their run may have been parked while nobody looked."""

log = logging.getLogger("lev_os.workflow")


class NameTaken(LevError):
    """A living worker has this name."""

    exit_code = 2


class Beat:
    """`replaced` is set when another worker has this one's name."""

    def __init__(self, database: Database, name: str, executor_id: str, queues: Sequence[str]) -> None:
        self._database = database
        self._client = database.client
        self._name = name
        self._executor = executor_id
        self._queues = list(queues)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._healthy_since = time.monotonic()
        self._previous: str | None = None
        self._look_back = _FIRST_STRAYS
        self.replaced = False

    def take_name(self) -> None:
        """Become the worker of this name; raises `NameTaken` while another one is alive."""
        while True:
            found = self._holder()
            if found is None or self._insert_over(found):
                return
            time.sleep(BEAT / 2)

    def start(self) -> None:
        """Beat until `stop`."""
        self._thread = threading.Thread(target=self._beat, name="lev-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the name free."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        with self._database.begin() as connection:
            connection.execute(sa.delete(workers).where(*self._mine()))

    # -- the name ------------------------------------------------------------------------------------------

    def _holder(self) -> Any:
        """The row of who has the name, after it was taken if nobody had it: then None."""
        with self._database.begin() as connection:
            row = connection.execute(
                sa.select(workers, self._database.clock.label("now")).where(workers.c.name == self._name)
            ).first()
            if row is None:
                try:
                    with connection.begin_nested():
                        connection.execute(sa.insert(workers).values(**self._row(), name=self._name))
                except sa.exc.IntegrityError:
                    return self._holder()
            return row

    def _insert_over(self, holder: Any) -> bool:
        """Take the name from a worker that is dead; False when that is not clear yet."""
        if holder.now - holder.seen < DEAD and not _is_gone(holder):
            before = holder.seen
            deadline = time.monotonic() + DEAD
            while time.monotonic() < deadline:
                time.sleep(BEAT / 2)
                again = self._holder()
                if again is None:
                    return True
                if again.seen > before:
                    raise NameTaken(
                        f"a worker named {self._name} is at work: process {holder.pid} on {holder.host}",
                        help="stop that one, or give this one another --name",
                    )
        with self._database.begin() as connection:
            taken = connection.execute(
                sa.update(workers)
                .where(workers.c.name == self._name, workers.c.executor == holder.executor)
                .values(**self._row())
            )
        self._previous = holder.executor
        return taken.rowcount == 1

    def _row(self) -> dict[str, Any]:
        return {
            "executor": self._executor,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "queues": self._queues,
            "version": names.VERSION,
            "state": "working",
            "started": self._database.clock,
            "seen": self._database.clock,
        }

    def _mine(self) -> tuple[sa.ColumnElement[bool], ...]:
        return workers.c.name == self._name, workers.c.executor == self._executor

    # -- the beat ------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        while not self._stopped.is_set() and not self.replaced:
            try:
                self._once()
            except Exception as error:  # whatever a database that has gone makes its driver say
                self._healthy_since = time.monotonic()
                log.warning("heartbeat: %s", error)
            self._stopped.wait(BEAT)

    def _once(self) -> None:
        with self._database.begin() as connection:
            seen = connection.execute(sa.update(workers).where(*self._mine()).values(seen=self._database.clock))
        if seen.rowcount == 0:
            self.replaced = True
            return
        if self._previous is not None:
            self._take_over([self._previous])
            self._previous = None
        # After the database was away everybody looks dead for a moment.
        if time.monotonic() - self._healthy_since >= 2 * BEAT and self._leads():
            self._sweep()

    def _leads(self) -> bool:
        """Whether this worker sweeps this time: one at a time does."""
        clock = self._database.clock
        with self._database.begin() as connection:
            taken = connection.execute(
                sa.update(leases).where(leases.c.name == "sweep", leases.c.until <= clock).values(until=clock + _SWEEPS)
            )
        return taken.rowcount == 1

    def _sweep(self) -> None:
        with self._database.begin() as connection:
            alive = connection.execute(
                sa.select(workers.c.executor).where(workers.c.seen > self._database.clock - DEAD)
            ).scalars()
            living = set(alive)
        pending = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        dead = {row.executor_id for row in pending if row.executor_id not in living and row.name in _OURS}
        self._take_over([executor for executor in dead if executor])
        self._strays()

    def _take_over(self, executors: Sequence[str]) -> None:
        """Put what was under way on these executors back into its queue."""
        for executor in executors:
            left = self._client.list_workflows(
                status="PENDING", executor_id=executor, load_input=False, load_output=False
            )
            for row in left:
                rows.put_back(self._database, row)
            if left:
                log.warning("took over %d workflows from %s", len(left), executor)

    def _strays(self) -> None:
        """Wake runs that were parked while their answer came and whose worker died before it looked again."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - self._look_back))
        self._look_back = _STRAYS
        answers = self._client.list_workflows(
            name=[names.ANSWER, names.ALARM], status="SUCCESS", completed_after=since, load_output=False
        )
        runs = {row.input["args"][0] for row in answers if isinstance(row.input, dict)}
        if not runs:
            return
        parked = self._client.list_workflows(
            workflow_ids=sorted(runs), status=rows.PARKED, load_input=False, load_output=False
        )
        for row in parked:
            expects = (row.attributes or {}).get("expects")
            if expects and rows.over(self._client, expects):
                rows.wake(self._client, row.workflow_id)


def is_served(database: Database, queue: str) -> bool:
    """Whether a living worker takes runs from a queue."""
    with database.begin() as connection:
        alive = connection.execute(sa.select(workers.c.queues).where(workers.c.seen > database.clock - DEAD)).scalars()
        return any(queue in queues for queues in alive)


_OURS = frozenset({names.RUN, names.EFFECT, names.ANSWER, names.ALARM, names.SCHEDULED})


def _is_gone(holder: Any) -> bool:
    """Whether a worker of this machine is surely dead."""
    if holder.host != socket.gethostname():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(holder.pid == os.getpid())
