"""What `deps` in a package's `lev.toml` makes: the thing that its tools get as `ctx.deps`."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from ..errors import LevError
from .package import Package


@contextlib.contextmanager
def deps_of(package: Package | None) -> Iterator[Any]:
    """Make it, and close it at the end when it is a context manager; None without `deps`.

    Raises `LevError` for a maker that fails, or is async.
    """
    reference = None if package is None else package.manifest.deps
    if reference is None:
        yield None
        return
    made = _make(reference)
    if hasattr(made, "__enter__"):
        with made as deps:
            yield deps
    else:
        yield made


def _make(reference: str) -> Any:
    module_name, _, attribute = reference.partition(":")
    try:
        maker = getattr(importlib.import_module(module_name), attribute)
        is_async = inspect.iscoroutinefunction(maker)
        made = None if is_async else maker() if callable(maker) else maker
    except LevError:
        raise
    except Exception as problem:
        raise LevError(
            f"deps = {reference!r} of lev.toml failed: {type(problem).__name__}: {problem}",
            help="it names a function of the package that takes no arguments and returns what tools get as ctx.deps",
        ) from problem
    if is_async:
        raise LevError(f"deps = {reference!r} is async", help="make it a plain function or a context manager")
    return made
