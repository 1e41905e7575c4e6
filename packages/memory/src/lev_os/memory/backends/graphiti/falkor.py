"""Graphiti's graph in FalkorDB, embedded: a Redis of its own in a folder, for one process at a time.

There are no transactions over several statements, so the log is written by one, and what it comes to after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError
from lev_os.core.locks import lock

from ...errors import StoreProblem
from .parts import part

_FILE = "graph.rdb"
"""What the server would keep a snapshot in, and the name by which it is known."""
_APPENDED = "appendonlydir"
_REWRITTEN = ".rewritten"
_LOG = "lev-log"
_SERVER = {
    # What is answered is on disk: Redis would keep it in memory for a while.
    "appendonly": "yes",
    "appendfsync": "always",
    # And nowhere but in that log: a snapshot beside it would be one more place to erase from.
    "save": '""',
    # The texts of commands, in memory alone, which `appendonly` makes needless.
    "slowlog-max-len": "0",
}
_PAUSE = 0.02


class FalkorGraph:
    """A folder with an embedded FalkorDB. Each group is a graph of its own, and so is the log."""

    at_once = 1 << 31

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alone = asyncio.Lock()
        self._db: Any = None
        self._drivers: dict[str, Any] = {}
        self._lock: Any = None

    @classmethod
    async def open(cls, folder: Path) -> FalkorGraph:
        """The graph in a folder, made if there is none. Raises `StoreProblem`."""
        graph = cls(folder)
        try:
            await asyncio.to_thread(graph._open)
            # FalkorDB notes the last thousand queries, values included, and writes them to the same files.
            await graph._command("GRAPH.CONFIG", "SET", "CMD_INFO", "no")
            if (folder / _REWRITTEN).exists():  # an erasure that was interrupted
                await graph.scrub()
        except BaseException:
            await graph.close()
            raise
        return graph

    async def rows(self, query: str, /, **values: Any) -> list[dict[str, Any]]:
        """The rows of a statement on the log."""
        result = await self._asked(self._db.select_graph(_LOG).query(query, values))
        names = [name for _, name in result.header]
        return [dict(zip(names, row, strict=True)) for row in result.result_set]

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Nothing else of ours runs meanwhile."""
        async with self._alone:
            yield

    alone = transaction

    def of_group(self, group: str) -> Any:
        """Graphiti's driver for a group, whose graph it is."""
        if group not in self._drivers:
            driver = part("driver.falkordb_driver").FalkorDriver
            self._drivers[group] = driver(falkor_db=self._db, database=group)  # it makes the indexes, too
        return self._drivers[group]

    async def make_indexes(self) -> None:
        """Wait until the drivers have made those of their graphs."""
        for driver in self._drivers.values():
            if driver._init_task is not None:
                await driver._init_task

    def intend_scrub(self) -> None:
        """Note on disk that something is about to be deleted, so that `scrub` is done whatever happens."""
        (self._folder / _REWRITTEN).touch()

    async def scrub(self) -> None:
        """Leave no byte of what was deleted: the log is written anew from what there is, and nothing else is kept."""
        async with self._alone:
            noted = await self._command("KEYS", "telemetry{*}")  # by whoever opened this folder in another way
            if noted:
                await self._command("DEL", *noted)
            await self._rewrite_log()
            for left in (self._folder / _FILE, self._folder / _REWRITTEN):
                left.unlink(missing_ok=True)

    async def _rewrite_log(self) -> None:
        """Wait until the log has been written anew and the files of the old one are gone."""
        await self._written_log()  # Redis may be at it by itself, with what was there when it began
        before = {path.name for path in (self._folder / _APPENDED).iterdir() if path.suffix != ".manifest"}
        await self._command("BGREWRITEAOF")
        state = await self._written_log()
        if state["aof_last_bgrewrite_status"] != "ok":
            help = "make room on the disk; it is erased, and its bytes go when this memory is opened the next time"
            raise StoreProblem(f"{self._folder / _APPENDED} cannot be written anew", help=help)
        while before & {path.name for path in (self._folder / _APPENDED).iterdir()}:
            await asyncio.sleep(_PAUSE)  # another thread of the server deletes them

    async def _written_log(self) -> Any:
        """Wait until the log is not being written anew; the server's account of it."""
        while True:
            state = await self._command("INFO", "persistence")
            if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                return state
            await asyncio.sleep(_PAUSE)

    async def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())

    async def close(self) -> None:
        """End the server."""
        for driver in self._drivers.values():
            if driver._init_task is not None:
                with contextlib.suppress(asyncio.CancelledError, Exception):  # an index that was not made in time
                    await driver._init_task
        self._drivers.clear()
        if self._db is not None:
            await self._shut_down(self._db)
            self._db = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @staticmethod
    async def _shut_down(db: Any) -> None:
        """End the server, which `close` of its client leaves running."""
        pid = db.client.pid
        with contextlib.suppress(import_module("redis.exceptions").RedisError):  # it ends without an answer
            await db.client.execute_command("SHUTDOWN", "NOSAVE", "NOW", "FORCE")
        while pid and _is_running(pid):
            await asyncio.sleep(_PAUSE)
        await db.close()

    def _open(self) -> None:
        try:
            falkor = import_module("redislite.async_falkordb_client").AsyncFalkorDB
        except ImportError as error:
            help = "pip install 'lev-os-memory[graphiti]', with Python 3.12 or newer"
            raise LevError(f"FalkorDB is not installed: {error}", help=help) from None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            lock(self._lock)
        except BlockingIOError:
            help = "it lets in one at a time"
            raise StoreProblem(f"{self._folder} is in use by another program", help=help) from None
        except OSError as error:
            raise StoreProblem(f"{self._folder}: {error.strerror}") from None
        try:
            self._db = falkor(str(self._folder / _FILE), serverconfig=_SERVER)
        except Exception as error:  # redislite raises whatever the start of its server came to
            raise StoreProblem(f"{self._folder / _FILE} cannot be opened: {error}") from None

    async def _command(self, *words: str) -> Any:
        return await self._asked(self._db.client.execute_command(*words))

    async def _asked(self, answer: Any) -> Any:
        try:
            return await answer
        except import_module("redis.exceptions").RedisError as error:
            raise StoreProblem(f"{self._folder / _FILE}: {error}") from None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
