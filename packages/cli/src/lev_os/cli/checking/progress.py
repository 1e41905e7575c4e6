"""That a long check is under way, on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_AFTER = 1.0
"""Seconds without a word."""


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[None]:
    """Say `checking…` on stderr while the block takes longer than a second, and take it back at its end."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    said = threading.Event()

    def say() -> None:
        sys.stderr.write("checking…")
        sys.stderr.flush()
        said.set()

    timer = threading.Timer(_AFTER, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if said.is_set():
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
