"""The tasks of an agent's A2A server, in an SQLite file beside its threads, so that they outlive the server.

Each save is one row, written before the other side hears of it. The SDK's own database store would do the same through
an asynchronous engine, a driver and a thread for each; what it says of filters, order and pages is taken from the SDK.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import sqlite3
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
_LEFT = "the server ended while it was at work on this; send the message again"


class KeptTasks(TaskStore):
    """Tasks by user, tenant and id. Nobody sees those of another user or tenant.

    Several servers may use one file. What a server was at work on when it ended has failed, and says so to whoever
    asks any of the others, or the next one. Raises `LevError` when the file cannot be used. `close` lets go of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            # SQLite would make a file that others may read.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._server = _Server.begin(path)
        except OSError as error:
            raise LevError(f"the tasks {path} cannot be opened: {error.strerror}") from None
        # One event loop uses it at a time, perhaps not in the thread that has made it.
        self._rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            with self._told():
                self._rows.execute("PRAGMA journal_mode=WAL")
                self._rows.execute("PRAGMA synchronous=NORMAL")
                self._rows.execute("BEGIN IMMEDIATE")  # several may find an older file at once
                self._rows.execute(
                    "CREATE TABLE IF NOT EXISTS task ("
                    "user TEXT, tenant TEXT, id TEXT, state INTEGER, data BLOB, server TEXT,"
                    " PRIMARY KEY (user, tenant, id))"
                )
                if "server" not in {row[1] for row in self._rows.execute("PRAGMA table_info(task)")}:
                    self._rows.execute("ALTER TABLE task ADD COLUMN server TEXT")
                self._rows.execute("COMMIT")
                self._fail_what_was_left("TRUE", ())
            _Server.tidy(path)
        except BaseException:
            self.close()
            raise

    async def save(self, task: Task, context: ServerCallContext) -> None:
        """See the SDK's base class."""
        self._save(*_owner(context), task)

    async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
        """See the SDK's base class."""
        own, of_task = (*_owner(context), task_id), "user = ? AND tenant = ? AND id = ?"
        with self._told():
            self._fail_what_was_left(of_task, own)
            found = self._rows.execute(f"SELECT data FROM task WHERE {of_task}", own).fetchone()
            return None if found is None else Task.FromString(found[0])

    async def list(self, params: ListTasksRequest, context: ServerCallContext) -> ListTasksResponse:
        """See the SDK's base class."""
        of_owner = InMemoryTaskStore(use_copying=False)
        with self._told():
            self._fail_what_was_left("user = ? AND tenant = ?", _owner(context))
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
        self._server.end()

    def _save(self, user: str, tenant: str, task: Task) -> None:
        row = (user, tenant, task.id, task.status.state, task.SerializeToString(), self._server.name)
        with self._told():
            self._rows.execute("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?)", row)

    def _fail_what_was_left(self, where: str, values: tuple[str, ...]) -> None:
        """What nobody is at work on any more, of the tasks that this condition of ours holds for."""
        rows = self._rows.execute(
            f"SELECT user, tenant, server, data FROM task WHERE state IN (?, ?) AND server IS NOT ? AND ({where})",
            (*_OPEN, self._server.name, *values),
        ).fetchall()
        ended = {name for name in {row[2] for row in rows} if name is None or _Server.is_over(self.path, name)}
        for user, tenant, server, data in rows:
            if server in ended:
                task = Task.FromString(data)
                task.status.state = TaskState.TASK_STATE_FAILED
                said = new_text_message(_LEFT, context_id=task.context_id, task_id=task.id, role=Role.ROLE_AGENT)
                task.status.message.CopyFrom(said)
                task.status.timestamp.GetCurrentTime()
                row = (task.status.state, task.SerializeToString(), user, tenant, task.id, server, data)
                # Another server may have gone on with it meanwhile, or this one been done with it before it ended.
                self._rows.execute(
                    "UPDATE task SET state = ?, data = ?"
                    " WHERE user = ? AND tenant = ? AND id = ? AND server IS ? AND data = ?",
                    row,
                )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, DecodeError) as error:
            raise LevError(
                f"the tasks {self.path} cannot be used: {error}", help="move the file away to begin anew"
            ) from None


class _Server:
    """A server at work on a file of tasks, known by a lock of its own: it holds as long as the process lives."""

    def __init__(self, place: Path, name: str, descriptor: int) -> None:
        self.name = name
        self._place = place
        self._descriptor = descriptor

    @classmethod
    def begin(cls, path: Path) -> _Server:
        """Be at work on these tasks, under a name that no other server has."""
        while True:
            name = secrets.token_hex(8)
            place = _lock_of(path, name)
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                lock(descriptor)
                if place.exists():
                    return cls(place, name, descriptor)
            except BlockingIOError:
                pass
            # One that tidies up has taken the file for one that was left.
            os.close(descriptor)

    @staticmethod
    def is_over(path: Path, name: str) -> bool:
        """Whether a server has ended, by its name."""
        return _can_be_locked(_lock_of(path, name))

    @staticmethod
    def tidy(path: Path) -> None:
        """Remove what killed servers left."""
        for place in path.parent.glob(f"{glob.escape(path.stem)}.*.lock"):
            _can_be_locked(place, remove=True)

    def end(self) -> None:
        """Be at work no more; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with contextlib.suppress(OSError):
                self._place.unlink()


def _lock_of(path: Path, server: str) -> Path:
    return path.with_suffix(f".{server}.lock")


def _can_be_locked(place: Path, *, remove: bool = False) -> bool:
    """Whether nobody holds a lock; it is removed, if at all, while nobody else can take it."""
    try:
        descriptor = os.open(place, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        lock(descriptor)
        if remove:
            with contextlib.suppress(OSError):  # Windows removes no open file
                place.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _owner(context: ServerCallContext) -> tuple[str, str]:
    return context.user.user_name, context.tenant
