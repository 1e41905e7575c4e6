"""What an agent's tools and flows are carried out with."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core import LevError
from lev_os.core.packaging import Package


@dataclass(frozen=True, kw_only=True)
class World:
    """`deps` and `scope` are what tools get as `ctx.deps` and `ctx.scope`; `secrets` goes before the environment.

    `runs` is the folder of the journals of flows; None keeps them in memory, and a flow that waits for a person then
    cannot go on.
    """

    deps: Any = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    runs: Path | None = None
    package: Package | None = None


@contextlib.contextmanager
def deps_of(package: Package | None) -> Iterator[Any]:
    """What `deps` in the package's lev.toml makes, closed at the end when it is a context manager."""
    reference = None if package is None else package.manifest.deps
    if reference is None:
        yield None
        return
    made = _made(reference)
    if hasattr(made, "__enter__"):
        with made as deps:
            yield deps
    else:
        yield made


def _made(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    try:
        maker = getattr(importlib.import_module(module), attribute)
        if not inspect.iscoroutinefunction(maker):
            return maker() if callable(maker) else maker
    except LevError:
        raise
    except Exception as error:  # the package's own code
        raise LevError(
            f"deps = {reference!r} of lev.toml failed: {type(error).__name__}: {error}",
            help="it names a function of the package that takes no arguments and returns what tools get as ctx.deps",
        ) from error
    raise LevError(f"deps = {reference!r} is async", help="make it a plain function or a context manager")
