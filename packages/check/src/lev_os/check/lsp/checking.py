"""Diagnostics for an editor: of one text at once, of everything when something was saved.

A `Checker` keeps what it has read and belongs to one thread, so it has one of its own: questions about the text under
the cursor are answered meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lev_os.core.errors import InvalidInput

from ..cache import state
from ..configuration import configuration_file
from ..diagnostics import Diagnostic, Report
from ..engine import Checker
from ..session import Request, new_checker

T = TypeVar("T")


class Checking:
    """The checker of the folders that an editor has open, with the project's configuration."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._thread = ThreadPoolExecutor(1, "lev-check")
        self._texts: dict[Path, str] = {}
        self._made: tuple[Checker, tuple[str | None, int]] | None = None

    async def text(self, path: Path, text: str, *, alone: bool) -> tuple[Diagnostic, ...]:
        """What is found in one file, as it is written now; `alone`, without its package and all other files."""

        def work() -> tuple[Diagnostic, ...]:
            self._texts[path] = text
            return self._checker().check_text(path, text, alone=alone)

        return await self._do(work)

    async def everything(self, texts: Mapping[Path, str]) -> Report:
        """What is found in all files on disk, those that are open as they are written now."""

        def work() -> Report:
            self._texts |= texts
            checker = self._checker()
            for path, text in texts.items():
                checker.hold(path, text)
            return checker.check(self._roots)

        return await self._do(work)

    async def close(self, path: Path) -> None:
        """A file counts as it is on disk again."""

        def work() -> None:
            self._texts.pop(path, None)
            self._checker().close(path)

        await self._do(work)

    def _checker(self) -> Checker:
        """The checker; a new one when the project's configuration has changed."""
        root = str(self._roots[0])
        file = configuration_file(root)
        now = file, state(file) if file else 0
        if self._made is None or self._made[1] != now:
            try:
                checker = new_checker(Request((root,)), root)
            except InvalidInput:  # `lev check` says what is wrong with it; an editor goes on without
                checker = Checker(root)
            for path, text in self._texts.items():
                checker.check_text(path, text)
            self._made = checker, now
        return self._made[0]

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stop(self) -> None:
        """Let the thread end; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
