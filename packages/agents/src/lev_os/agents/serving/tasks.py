"""The tasks of an agent's A2A server, in an SQLite file beside its threads, so that they outlive the server.

Each save is one row, written before the other side hears of it. The SDK's own database store would do the same through
an asynchronous engine, a driver and a thread for each; what it says of filters, order and pages is taken from the SDK.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from a2a.helpers import new_text_message
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types.a2a_pb2 import ListTasksRequest, ListTasksResponse, Role, Task, TaskState
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from lev_os.core import LevError
from lev_os.core.locks import lock
from lev_os.core.writing import make_folder

_OPEN = (TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING)
_SECONDS = 10
"""How long a server that begins may look through the file before another one gives up."""
_LEFT = "the server ended while it was at work on this; send the message again"


class KeptTasks(TaskStore):
    """Tasks by user, tenant and id. Nobody sees those of another user or tenant.

    What was under way when the last server ended has failed, and says so. Raises `LevError` when the file cannot be
    used. `close` lets go of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            # SQLite would make a file that others may read. The lock has one of its own: whoever closes another
            # descriptor of a database takes SQLite's own locks from it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LevError(f"the tasks {path} cannot be opened: {error.strerror}") from None
        # One event loop uses it at a time, perhaps not in the thread that has made it.
        self._rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            with self._told():
                self._rows.execute("PRAGMA journal_mode=WAL")
                self._rows.execute("PRAGMA synchronous=NORMAL")
                self._rows.execute(
                    "CREATE TABLE IF NOT EXISTS task ("
                    "user TEXT, tenant TEXT, id TEXT, state INTEGER, data BLOB, PRIMARY KEY (user, tenant, id))"
                )
                self._fail_what_was_left()
        except BaseException:
            self.close()
            raise

    async def save(self, task: Task, context: ServerCallContext) -> None:
        """See the SDK's base class."""
        self._save(*_owner(context), task)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        """See the SDK's base class."""
        with self._told():
            found = self._rows.execute(
                "SELECT data FROM task WHERE user = ? AND tenant = ? AND id = ?", (*_owner(context), task_id)
            ).fetchone()
            return None if found is None else Task.FromString(found[0])

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """See the SDK's base class."""
        of_owner = InMemoryTaskStore(use_copying=False)
        with self._told():
            rows = self._rows.execute("SELECT data FROM task WHERE user = ? AND tenant = ?", _owner(context)).fetchall()
            tasks = [Task.FromString(data) for (data,) in rows]
        for task in tasks:
            await of_owner.save(task, context)
        return await of_owner.list(params, context)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        """See the SDK's base class."""
        with self._told():
            self._rows.execute("DELETE FROM task WHERE user = ? AND tenant = ? AND id = ?", (*_owner(context), task_id))

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._rows.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _save(self, user: str, tenant: str, task: Task) -> None:
        row = (user, tenant, task.id, task.status.state, task.SerializeToString())
        with self._told():
            self._rows.execute("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?)", row)

    def _fail_what_was_left(self) -> None:
        """Unless another server is at work on this file: then somebody is at work on its tasks."""
        with contextlib.suppress(BlockingIOError):
            lock(self._lock)
            rows = self._rows.execute("SELECT user, tenant, data FROM task WHERE state IN (?, ?)", _OPEN).fetchall()
            for user, tenant, data in rows:
                task = Task.FromString(data)
                task.status.state = TaskState.TASK_STATE_FAILED
                said = new_text_message(_LEFT, context_id=task.context_id, task_id=task.id, role=Role.ROLE_AGENT)
                task.status.message.CopyFrom(said)
                task.status.timestamp.GetCurrentTime()
                self._save(user, tenant, task)
        self._share()

    def _share(self) -> None:
        """Be known to be at work on this file, once the server that begins at the same moment has looked through it."""
        until = time.monotonic() + _SECONDS
        while True:
            try:
                return lock(self._lock, shared=True)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LevError(f"another server holds the tasks {self.path}", help="end it first") from None
                time.sleep(0.01)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, DecodeError) as error:
            raise LevError(
                f"the tasks {self.path} cannot be used: {error}", help="move the file away to begin anew"
            ) from None


def _owner(context: ServerCallContext) -> tuple[str, str]:
    return context.user.user_name, context.tenant
