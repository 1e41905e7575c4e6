"""Diagnostics for an editor: of one text at once, of everything when something was saved.

A `Checker` keeps what it has read and belongs to one thread, so it has one of its own: questions about the text under
the cursor are answered meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ..diagnostics import Diagnostic, Report
from ..engine import Checker

T = TypeVar("T")


class Checking:
    """The checker of the folders that an editor has open."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._thread = ThreadPoolExecutor(1, "lev-check")

    @cached_property
    def _checker(self) -> Checker:
        return Checker(self._roots[0])

    async def text(self, path: Path, text: str) -> tuple[Diagnostic, ...]:
        """What is found in one file, as it is written now."""
        return await self._do(lambda: self._checker.check_text(path, text))

    async def everything(self) -> Report:
        """What is found in all files, those that are open as they are written now."""
        return await self._do(lambda: self._checker.check(self._roots))

    async def close(self, path: Path) -> None:
        """A file counts as it is on disk again."""
        await self._do(lambda: self._checker.close(path))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stop(self) -> None:
        """Let the thread end; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
