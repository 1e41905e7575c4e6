"""Runs as this package uses them: opened from their journals for one call, with their package's dependencies.

The model is the host's, so a run has no model client here; the local classifier judges what it can.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lev_os.core.bidirectional import Run
from lev_os.core.bidirectional.events import Event
from lev_os.core.bidirectional.journal import JournalBusy
from lev_os.core.bidirectional.places import new_run
from lev_os.core.errors import LevError
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.llm_runtime import Judge, open_judge
from lev_os.core.packaging import Package, load_package

from . import leases
from .leases import Lease

PATIENCE = 5.0
"""Seconds to wait for another process that is writing the same run."""
_PAUSE = 0.05
WATCHER: ContextVar[Callable[[Event], None] | None] = ContextVar("watcher", default=None)
"""Hears what happens in the runs of the call that is being served."""


@dataclass(frozen=True, slots=True)
class Lent:
    """What runs get from whoever serves: the scope of all, and what makes `deps` for packages that make none."""

    scope: Mapping[str, str] = field(default_factory=dict)
    deps: Callable[[], Any] | None = None


class Driver:
    """Starts and opens runs in one folder. Dependencies of packages are made once and live as long as it does."""

    def __init__(self, runs: Path, secret: bytes, lent: Lent) -> None:
        self.runs = runs
        self._secret = secret
        self._lent = lent
        self._deps: dict[str, Any] = {}
        self._lasting = ExitStack()

    def close(self) -> None:
        """Close the dependencies that are context managers."""
        self._lasting.close()

    def start(self, flow: LinkedFlow, input: Mapping[str, Any], package: Package) -> Run:
        """Begin a run with a lease of epoch 1; raises `InvalidInput` for an input that does not fit."""
        name = new_run()
        run = Run.start(
            flow,
            input,
            run=name,
            journal=self._journal(name),
            secret=self._secret,
            package=package,
            deps=self._deps_of(package),
            scope=self._lent.scope,
            judge=self._judge,
            on_event=WATCHER.get(),
        )
        leases.write(self.runs, name, Lease(epoch=1, package=package.name))
        return run

    async def resume(self, name: str, lease: Lease) -> Run:
        """Open a run again; raises `JournalBusy` when another process keeps it longer than `PATIENCE`."""
        package = load_package(lease.package)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return Run.resume(
                    self._journal(name),
                    secret=self._secret,
                    package=package,
                    deps=self._deps_of(package),
                    scope=self._lent.scope,
                    judge=self._judge,
                    on_event=WATCHER.get(),
                )
            except JournalBusy:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(_PAUSE)

    def _journal(self, name: str) -> Path:
        return self.runs / f"{name}.jsonl"

    @cached_property
    def _judge(self) -> Judge | None:
        return open_judge()

    def _deps_of(self, package: Package) -> Any:
        """What `deps` in the package's lev.toml makes, or what is lent to packages that make nothing.

        An object, or a context manager that is entered.
        """
        reference = package.manifest.deps
        if reference is None:
            return self._borrowed
        if package.name not in self._deps:
            from lev_os.core.packaging.package import import_object

            make = import_object(reference, f"deps of {package.name}", package.root)
            try:
                made = self._entered(make())
            except Exception as error:
                reason = f"{reference} of {package.name} failed: {type(error).__name__}: {error}"
                raise LevError(reason, help="it takes no arguments and returns what tools get as ctx.deps") from error
            self._deps[package.name] = made
        return self._deps[package.name]

    @cached_property
    def _borrowed(self) -> Any:
        return None if self._lent.deps is None else self._entered(self._lent.deps())

    def _entered(self, made: Any) -> Any:
        return self._lasting.enter_context(made) if hasattr(made, "__enter__") and hasattr(made, "__exit__") else made
