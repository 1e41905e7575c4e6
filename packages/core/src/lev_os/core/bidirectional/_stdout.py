"""Standard output belongs to the program, which may speak JSON or a protocol on it: what tools print goes to stderr."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from typing import Any, TextIO

_inside: ContextVar[bool] = ContextVar("lev_inside_tool", default=False)
_lock = threading.Lock()
_users = 0


class _Router:
    """Looks like standard output; sends what the code of a tool writes to standard error."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        return (sys.stderr if _inside.get() else self.out).write(text)

    def flush(self) -> None:
        (sys.stderr if _inside.get() else self.out).flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.out, name)


class ToolOutput:
    """While inside, and in threads that copy this context, `print` writes to standard error."""

    __slots__ = ("_mark",)

    def __enter__(self) -> None:
        global _users
        with _lock:
            _users += 1
            if _users == 1:
                sys.stdout = _Router(sys.stdout)
        self._mark = _inside.set(True)

    def __exit__(self, *_: object) -> None:
        global _users
        _inside.reset(self._mark)
        with _lock:
            _users -= 1
            if _users == 0 and isinstance(sys.stdout, _Router):
                sys.stdout = sys.stdout.out
