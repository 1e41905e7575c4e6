"""The tables of Mastra's memory themselves, without a server: `mastra_threads`, `mastra_messages`, `mastra_resources`.

They are Mastra's LibSQL file or its PostgreSQL schema. What is written here a Mastra server reads, and the other way
round. Tables that are missing are made as Mastra makes them.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lev_os.core.errors import LevError

from ...errors import StoreProblem
from .jsonb import decode_jsonb
from .messages import Message, stamp

T = TypeVar("T")
_SQLITE = """
CREATE TABLE IF NOT EXISTS mastra_threads (
  "id" TEXT NOT NULL PRIMARY KEY, "resourceId" TEXT NOT NULL, "title" TEXT NOT NULL, "metadata" TEXT,
  "createdAt" TEXT NOT NULL, "updatedAt" TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS mastra_messages (
  "id" TEXT NOT NULL PRIMARY KEY, "thread_id" TEXT NOT NULL, "content" TEXT NOT NULL, "role" TEXT NOT NULL,
  "type" TEXT NOT NULL, "createdAt" TEXT NOT NULL, "resourceId" TEXT
);
CREATE TABLE IF NOT EXISTS mastra_resources (
  "id" TEXT NOT NULL PRIMARY KEY, "workingMemory" TEXT, "metadata" TEXT, "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_messages_thread_created_at ON mastra_messages (thread_id, "createdAt");
"""
_POSTGRES = """
CREATE TABLE IF NOT EXISTS mastra_threads (
  "id" TEXT PRIMARY KEY NOT NULL, "resourceId" TEXT NOT NULL, "title" TEXT NOT NULL, "metadata" JSONB,
  "createdAt" TIMESTAMP NOT NULL, "updatedAt" TIMESTAMP NOT NULL,
  "createdAtZ" TIMESTAMPTZ DEFAULT NOW(), "updatedAtZ" TIMESTAMPTZ DEFAULT NOW()
);
CREATE TABLE IF NOT EXISTS mastra_messages (
  "id" TEXT PRIMARY KEY NOT NULL, "thread_id" TEXT NOT NULL, "content" TEXT NOT NULL, "role" TEXT NOT NULL,
  "type" TEXT NOT NULL, "createdAt" TIMESTAMP NOT NULL, "resourceId" TEXT, "createdAtZ" TIMESTAMPTZ DEFAULT NOW()
);
CREATE TABLE IF NOT EXISTS mastra_resources (
  "id" TEXT PRIMARY KEY NOT NULL, "workingMemory" TEXT, "metadata" JSONB, "createdAt" TIMESTAMP NOT NULL,
  "updatedAt" TIMESTAMP NOT NULL, "createdAtZ" TIMESTAMPTZ DEFAULT NOW(), "updatedAtZ" TIMESTAMPTZ DEFAULT NOW()
);
CREATE INDEX IF NOT EXISTS mastra_messages_thread_id_createdat_idx ON mastra_messages ("thread_id", "createdAt" DESC);
"""


class Database(Protocol):
    """Where the tables are."""

    zoned: bool
    """Whether times have a second column with a zone, whose name ends in Z."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement, whose values are marked by `?`."""
        ...

    def change(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Carry out statements, all or none."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class SqliteTables:
    """A LibSQL file; see `Database`."""

    zoned = False

    def __init__(self, path: str, *, make: bool = True) -> None:
        if not make and not Path(path).is_file():
            raise LevError(f"{path} is no file", help="name the file that Mastra keeps its memory in")
        self._path = path
        self._db: sqlite3.Connection | None = None
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            if make:
                self._db.executescript(_SQLITE)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreProblem(f"{path}: {error}") from None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        assert self._db is not None
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreProblem(f"{self._path}: {error}", help="is it a memory of Mastra's?") from None

    def change(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        assert self._db is not None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    self._db.execute(statement, values)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreProblem(f"{self._path}: {error}") from None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()


class PostgresTables:
    """A PostgreSQL database; see `Database`."""

    zoned = True

    def __init__(self, url: str, *, make: bool = True) -> None:
        try:
            import psycopg
        except ImportError:
            help = "pip install 'lev-os-memory[postgres]'"
            raise LevError("PostgreSQL needs psycopg, which is not installed", help=help) from None
        self._errors = psycopg.Error
        try:
            self._db = psycopg.connect(url, autocommit=True)
            if make:
                self._db.execute(_POSTGRES)
        except psycopg.Error as error:
            raise StoreProblem(f"PostgreSQL: {str(error).strip()}") from None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(_marked(statement), values).fetchall()
        except self._errors as error:
            raise StoreProblem(f"PostgreSQL: {str(error).strip()}", help="is it a memory of Mastra's?") from None

    def change(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        try:
            with self._db.transaction():
                for statement, values in statements:
                    self._db.execute(_marked(statement), values)
        except self._errors as error:
            raise StoreProblem(f"PostgreSQL: {str(error).strip()}") from None

    def close(self) -> None:
        self._db.close()


class TableClient:
    """What `client.Client` does over HTTP, on the tables."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._threads = ThreadPoolExecutor(1, "lev-memory-mastra")

    async def threads(self, mark: str) -> AsyncIterator[Mapping[str, Any]]:
        """See `Client.threads`."""
        for thread in await self._run(all_threads, self._db):
            if (thread["metadata"] or {}).get("levTenant") == mark:
                yield thread

    async def messages(self, thread: str, resource: str) -> AsyncIterator[tuple[Message, int]]:
        """See `Client.messages`."""
        found = await self._run(messages_of, self._db, thread, resource)
        for message in reversed(found):
            yield message, len(found)

    async def create_thread(self, thread: str, resource: str, title: str, metadata: Mapping[str, str]) -> None:
        """See `Client.create_thread`."""
        times = ("createdAt", "updatedAt")
        insert = self._insert("mastra_threads", ("id", "resourceId", "title", "metadata"), times)
        now = stamp(datetime.now(UTC))
        values = (thread, resource, title, json.dumps(metadata), *self._twice(now, now))
        await self._run(self._db.change, [(insert, values)])

    async def save(self, messages: Sequence[Message]) -> None:
        """See `Client.save`."""
        names = ("id", "thread_id", "content", "role", "type", "resourceId")
        insert = self._insert("mastra_messages", names, ("createdAt",))
        changes: list[tuple[str, Sequence[Any]]] = []
        for one in messages:
            content = json.dumps(one["content"], ensure_ascii=False)
            fields = (one["id"], one["threadId"], content, one["role"], "v2", one["resourceId"])
            changes.append((insert, (*fields, *self._twice(one["createdAt"]))))
        now = stamp(datetime.now(UTC))
        columns = ('"updatedAt"', '"updatedAtZ"') if self._db.zoned else ('"updatedAt"',)
        update = f"UPDATE mastra_threads SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"
        changes.append((update, (*self._twice(now), messages[0]["threadId"])))
        await self._run(self._db.change, changes)

    async def working(self, thread: str, resource: str) -> str | None:
        """See `Client.working`."""
        query = 'SELECT "workingMemory" FROM mastra_resources WHERE id = ?'
        rows = await self._run(self._db.rows, query, (resource,))
        return (rows[0][0] or "") if rows else ""

    async def set_working(self, thread: str, resource: str, text: str) -> None:
        """See `Client.set_working`."""
        insert = self._insert("mastra_resources", ("id", "workingMemory"), ("createdAt", "updatedAt"))
        now = stamp(datetime.now(UTC))
        await self._run(self._db.change, [(insert, (resource, text, *self._twice(now, now)))])

    async def close(self) -> None:
        """See `Client.close`."""
        await self._run(self._db.close)
        self._threads.shutdown()

    def _insert(self, table: str, names: Sequence[str], times: Sequence[str]) -> str:
        """An insertion that replaces what has the same id."""
        doubled = [name for time in times for name in ((time, f"{time}Z") if self._db.zoned else (time,))]
        columns = [f'"{name}"' for name in (*names, *doubled)]
        marks = ", ".join("?" * len(columns))
        changed = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changed}"

    def _twice(self, *times: str) -> list[str]:
        return [time for time in times for _ in range(2 if self._db.zoned else 1)]

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


def all_threads(db: Database) -> list[Mapping[str, Any]]:
    """Every thread, as Mastra's interface shows it; those that changed last first."""
    columns = 'id, "resourceId", title, metadata, "createdAt", "updatedAt"'
    rows = db.rows(f'SELECT {columns} FROM mastra_threads ORDER BY "updatedAt" DESC, id')
    names = ("id", "resourceId", "title", "metadata", "createdAt", "updatedAt")
    return [
        {
            **dict(zip(names, row, strict=True)),
            "metadata": decoded(row[3]),
            "createdAt": _text(row[4]),
            "updatedAt": _text(row[5]),
        }
        for row in rows
    ]


def messages_of(db: Database, thread: str, resource: str | None) -> list[Message]:
    """The messages of a thread, oldest first; those of a resource alone if one is given."""
    owner = "" if resource is None else ' AND "resourceId" = ?'
    rows = db.rows(
        f'SELECT id, thread_id, content, role, "createdAt", "resourceId" FROM mastra_messages'
        f' WHERE thread_id = ?{owner} ORDER BY "createdAt"',
        (thread,) if resource is None else (thread, resource),
    )
    return [
        {
            "id": id,
            "threadId": of,
            "content": _content(content),
            "role": role,
            "createdAt": _text(at),
            "resourceId": who,
        }
        for id, of, content, role, at, who in rows
    ]


def decoded(value: Any) -> Any:
    """A JSON column, whatever it is kept as; None for what cannot be read."""
    try:
        if isinstance(value, bytes):
            return decode_jsonb(value)
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _content(text: str) -> Any:
    """Mastra keeps a message's parts as JSON; older ones are plain text."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict) else text


def _text(at: Any) -> str:
    return stamp(at) if isinstance(at, datetime) else str(at)


def _marked(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")
