"""Run a flow as far as it goes: `run`, `run_sync`, `stream`, and `resume` for a run whose process ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from .driver import Run, World
from .events import Event, RunFinished, RunResult

if TYPE_CHECKING:
    from ..constitutional import Gate
    from ..flowmind import Flow
    from ..flowmind.link import LinkedFlow
    from ..llm_runtime import Judge, ModelClient


class Options(TypedDict, total=False):
    """What `run`, `run_sync`, `stream` and `resume` share.

    `model`: a name (`anthropic:…`, `local`, `script:FILE`), a client, or a function from request to result; without
    one, what the project's settings name. `judge=False` leaves every semantic condition to the model. `tools` maps
    references to functions. `deps` and `scope` are what tools get as `ctx.deps` and `ctx.scope`; `secrets` goes before
    the environment. `allow_weak_decisions` lets a small local model decide.
    """

    model: Any
    judge: Judge | bool | None
    tools: Mapping[str, Any] | None
    deps: Any
    scope: Mapping[str, Any] | None
    secrets: Mapping[str, str] | None
    allow_weak_decisions: bool


async def run(
    flow: str | Flow | LinkedFlow,
    input: Mapping[str, Any] | None = None,
    *,
    journal: Path | str | None = None,
    run: str | None = None,
    gate: Gate | None = None,
    taint: Collection[str] = (),
    fsync: bool = True,
    on_event: Callable[[Event], None] | None = None,
    **options: Unpack[Options],
) -> RunResult:
    """Run a flow until it ends, or waits for somebody (status `waiting`; go on with `resume`).

    With a `journal` (a path that must not exist) the run survives its process; it reaches the disk at waits,
    outcomes and irreversible effects, unless `fsync=False`. `taint` are labels of whoever begins it (`untrusted`, …).
    Raises `InvalidInput` for a flow or an input that does not fit, `LevError` for a journal that cannot be written;
    what happens inside the run is in the result, never raised.
    """
    world = _world(options)
    with Run.start(
        flow, input, journal=journal, run=run, gate=gate, taint=taint, fsync=fsync, on_event=on_event, **world
    ) as started:
        await started.advance()
        return started.result


async def resume(
    journal: Path | str,
    *,
    current: Flow | LinkedFlow | None = None,
    accept_change: bool = False,
    fsync: bool = True,
    on_event: Callable[[Event], None] | None = None,
    **options: Unpack[Options],
) -> RunResult:
    """Go on with a run from its journal, with `Run.resume`'s rules and errors. A run that has ended stays as it is."""
    world = _world(options)
    with Run.resume(
        journal, current=current, accept_change=accept_change, fsync=fsync, on_event=on_event, **world
    ) as resumed:
        await resumed.advance()
        return resumed.result


def run_sync(flow: str | Flow | LinkedFlow, input: Mapping[str, Any] | None = None, **options: Any) -> RunResult:
    """`run` for code without an event loop; takes the same arguments."""
    return asyncio.run(run(flow, input, **options))


async def stream(
    flow: str | Flow | LinkedFlow, input: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[Event]:
    """`run`, seen as it happens; the last event is `RunFinished`. Closing the iterator stops the run."""
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    task = asyncio.create_task(run(flow, input, on_event=events.put_nowait, **options))
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield RunFinished(result=await task)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])


def _world(options: Options) -> World:
    judge = options.get("judge")
    return World(
        model=_LazyModel(options.get("model"), allow_weak_decisions=options.get("allow_weak_decisions", False)),
        judge=None if judge is False else _LazyJudge() if judge is None or judge is True else judge,
        tools=options.get("tools"),
        deps=options.get("deps"),
        scope=options.get("scope"),
        secrets=options.get("secrets"),
    )


class _LazyModel:
    """Opened when the first `ask` needs it: a flow without one needs no model at all."""

    def __init__(self, spec: Any, *, allow_weak_decisions: bool) -> None:
        self._spec = spec
        self._allow_weak_decisions = allow_weak_decisions
        self._opened: ModelClient | None = None

    @property
    def name(self) -> str:
        return self._open().name

    @property
    def may_decide(self) -> bool:
        return self._open().may_decide

    async def ask(
        self,
        request: Mapping[str, Any],
        *,
        deadline: float | None = None,
        on_delta: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        return await self._open().ask(request, deadline=deadline, on_delta=on_delta)

    def _open(self) -> ModelClient:
        if self._opened is None:
            from ..llm_runtime import open_model

            self._opened = open_model(self._spec, allow_weak_decisions=self._allow_weak_decisions)
        return self._opened


_ABSTAIN = {"label": None, "confidence": None, "calibrated": False, "evidence": None, "decided_by": "none"}


class _LazyJudge:
    """The local classifier, if one is installed, from the first condition on."""

    def __init__(self) -> None:
        self._opened: Judge | None = None
        self._looked = False

    async def judge(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not self._looked:
            from ..llm_runtime import open_judge

            self._opened, self._looked = open_judge(), True
        return dict(_ABSTAIN) if self._opened is None else await self._opened.judge(request)
