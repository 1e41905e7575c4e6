"""What `lev run` and `lev runs` need to drive a flow: the flow, a model, and what its tools get as `ctx.deps`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from lev_os.core.errors import LevError
from lev_os.core.packaging.deps import deps_of

from . import interrupts
from .catalog import export_of, make_importable
from .errors import Interrupted, UsageProblem
from .project import handle_of, project_root, runs_folder
from .trace import Trace

if TYPE_CHECKING:
    from lev_os.core.bidirectional.driver import Run
    from lev_os.core.bidirectional.events import Event, RunResult
    from lev_os.core.flowmind import Flow
    from lev_os.core.flowmind.link import LinkedFlow
    from lev_os.core.llm_runtime import ModelClient

    OnEvent = Callable[[Event], None]

T = TypeVar("T")

_INPUT_LIMIT = 10 << 20


def load_flow(specifier: str, python: str | None = None) -> Flow:
    """Parse the flow a specifier names; raises `UsageProblem` when it names something else."""
    from lev_os.core.flowmind import Flow

    export = export_of(specifier, python)
    if export.kind != "flow":
        raise UsageProblem(
            f"{export.specifier} is a {export.kind}, not a flow", help="`lev list --kind flow` lists flows"
        )
    text, path = export.package.read(export.subpath, "llm")
    return Flow.parse(text, package=export.package, path=str(path), specifier=export.specifier)


def read_value(given: str, option: str) -> Any:
    """A JSON value from the command line: itself, `@file`, or `-` for stdin."""
    if given == "-":
        import sys

        data, source = sys.stdin.buffer.read(_INPUT_LIMIT + 1), "stdin"
    elif given.startswith("@"):
        source = given[1:]
        try:
            with open(source, "rb") as file:
                data = file.read(_INPUT_LIMIT + 1)
        except OSError as problem:
            raise UsageProblem(f"{source}: {problem.strerror}", help=f"check {option}") from None
    else:
        data, source = given.encode(errors="surrogateescape"), option
    if len(data) > _INPUT_LIMIT:
        raise UsageProblem(f"{source} is over {_INPUT_LIMIT >> 20} MiB", help="hand large data to a tool by its path")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise UsageProblem(f"{source} is not JSON: {problem}", help=f"{option} takes JSON, @file or -") from None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`--model` and `--allow-weak-decisions`."""

    name: str | None = None
    allow_weak_decisions: bool = False

    def client(self) -> ModelClient:
        """The client: a named one is opened now, so that a bad name is said at once; the default on first use."""
        if self.name is None:
            return _OpenedOnUse(self)
        return self.open()

    def open(self) -> ModelClient:
        """Open it; raises `NoModel`."""
        from lev_os.core.llm_runtime import open_model

        return open_model(self.name, allow_weak_decisions=self.allow_weak_decisions, root=project_root())


class _OpenedOnUse:
    """The default model. A run in which no model is asked needs none."""

    may_decide = True

    def __init__(self, choice: ModelChoice) -> None:
        self._choice = choice
        self._client: ModelClient | None = None

    @property
    def name(self) -> str:
        return "default" if self._client is None else self._client.name

    async def ask(self, request: Any, *, deadline: float | None = None, on_delta: Any = None) -> dict[str, Any]:
        if self._client is None:
            self._client = self._choice.open()
        return await self._client.ask(request, deadline=deadline, on_delta=on_delta)


@dataclass(frozen=True, slots=True)
class Session:
    """What all runs of one command share."""

    flow: Flow | LinkedFlow | None
    world: dict[str, Any]
    accept_change: bool = False

    async def carry(self, run: str, value: dict[str, Any], journal: Path, on_event: OnEvent | None = None) -> RunResult:
        """Run the flow as far as it goes; a run that has this journal already goes on instead."""
        from lev_os.core.bidirectional.driver import Run

        if _begun(journal, value):
            made = Run.resume(journal, on_event=on_event, accept_change=self.accept_change, **self.world)
        else:
            assert self.flow is not None  # only `resume_run` has none, and its journal has begun
            made = Run.start(self.flow, value, run=run, journal=journal, on_event=on_event, **self.world)
        with made:
            await made.advance()
            return made.result


@contextlib.contextmanager
def session(flow: Flow, choice: ModelChoice) -> Iterator[Session]:
    """Everything that carries out effects of the flow: model, judge, and what its tools get."""
    from lev_os.core.llm_runtime import open_judge

    with deps_of(flow.package) as deps:
        # Linked once: the runs of a batch share what was resolved.
        world = {"model": choice.client(), "judge": open_judge(), "deps": deps, "package": flow.package}
        yield Session(flow.link(), world)


def run_once(
    flow: Flow, value: dict[str, Any], *, journal: Path | None, choice: ModelChoice
) -> tuple[RunResult, float]:
    """One run with its trace on stderr; returns the result and the seconds it took."""
    from lev_os.core.bidirectional.places import new_run

    name = new_run() if journal is None else journal.stem
    path = journal or runs_folder() / f"{name}.jsonl"
    if journal is not None and journal.exists():
        raise UsageProblem(f"{journal} exists", help="give --journal another name, or go on with `lev runs resume`")
    began = time.monotonic()
    with session(flow, choice) as running:
        result = _watched(running, name, value, path)
    return result, time.monotonic() - began


def resume_run(
    path: Path, *, choice: ModelChoice, python: str | None = None, accept_change: bool = False
) -> tuple[RunResult, float]:
    """Go on with the run of a journal."""
    began = time.monotonic()
    with _session_of(path, choice, python, accept_change) as running:
        result = _watched(running, path.stem, {}, path)
    return result, time.monotonic() - began


def answer_wait(
    path: Path,
    key: str,
    value: Any,
    *,
    choice: ModelChoice,
    python: str | None = None,
    accept_change: bool = False,
) -> tuple[RunResult, float]:
    """Answer the wait `key` of a run and go on with it; raises `UsageProblem` for an answer that does not fit."""
    from lev_os.core.bidirectional.driver import Run

    began = time.monotonic()
    with (
        _session_of(path, choice, python, accept_change) as running,
        Trace() as trace,
        Run.resume(path, on_event=trace.take, accept_change=accept_change, **running.world) as run,
    ):
        _answer(run, key, value)
        _until_done(run.advance(), path)
        result = run.result
    return result, time.monotonic() - began


def answer_only(
    path: Path, key: str, value: Any, *, python: str | None = None, accept_change: bool = False
) -> RunResult:
    """Answer the wait `key` and leave the rest to who drives the run; raises as `answer_wait`."""
    from lev_os.core.bidirectional.driver import Run

    make_importable(python)
    with Run.resume(path, accept_change=accept_change) as run:
        _answer(run, key, value)
        return run.result


def _answer(run: Run, key: str, value: Any) -> None:
    token = next((effect.token for effect in run.waits if effect.key == key), None)
    if token is None:
        raise UsageProblem(f"the wait {key[:12]} is not open any more", help=f"lev runs show {run.run}")
    step = run.submit(token, value)
    if step.reply == "invalid":
        raise UsageProblem(f"the answer does not fit: {'; '.join(step.problems)}", help="use --answer JSON")


def cancel_run(path: Path, reason: str) -> str:
    """End a run; returns its status. A run that has ended is left as it is."""
    from lev_os.core.bidirectional.driver import Run

    make_importable()
    with Run.resume(path, accept_change=True) as run:
        if run.outcome is None:
            run.cancel(reason)
        return str(run.result.status)


@contextlib.contextmanager
def _session_of(path: Path, choice: ModelChoice, python: str | None, accept_change: bool) -> Iterator[Session]:
    from lev_os.core.bidirectional.replaying import run_info
    from lev_os.core.llm_runtime import open_judge
    from lev_os.core.packaging import find

    make_importable(python)
    package = None
    flow = run_info(path).flow
    if flow:
        with contextlib.suppress(LevError):  # the journal pins the flow; only its tools need the package
            package, _ = find(flow)
    with deps_of(package) as deps:
        world = {"model": choice.client(), "judge": open_judge(), "deps": deps, "package": package}
        yield Session(None, world, accept_change)


def _watched(running: Session, name: str, value: dict[str, Any], path: Path) -> RunResult:
    with Trace() as trace:
        return _until_done(running.carry(name, value, path, trace.take), path)


def _until_done(work: Coroutine[Any, Any, T], path: Path) -> T:
    try:
        return interrupts.run(work)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; the run is kept in {path}", help=f"lev runs resume {handle_of(path)}"
        ) from None


def _begun(journal: Path, value: Mapping[str, Any]) -> bool:
    """Whether the journal holds a run, of this very input."""
    from lev_os.core.bidirectional import read_journal

    if not journal.exists():
        return False
    entries = read_journal(journal)
    if not entries:
        # Killed between making the file and its first line: no effect has left.
        journal.unlink()
        return False
    recorded = entries[0].body.get("input") or {}
    if any(recorded.get(name) != given for name, given in value.items()):
        raise UsageProblem(f"{journal} is the run of another input", help=f"lev runs forget {journal.stem}")
    return True


def result_value(result: RunResult) -> dict[str, Any]:
    """`{run, status, output, usage, journal}`, with error, decisions and waits where there are any."""
    value: dict[str, Any] = {
        "run": result.run,
        "status": result.status,
        "output": result.output,
        "usage": msgspec.to_builtins(result.usage),
        "journal": result.journal,
        "decisions": msgspec.to_builtins(result.decisions),
    }
    if result.error is not None:
        value["error"] = msgspec.to_builtins(result.error)
    if waits := waits_of(result):
        value["waits"] = waits
    return value


def waits_of(result: RunResult) -> list[dict[str, Any]]:
    """Which persons a run waits for, without the tokens that answer it."""
    return [
        {"name": wait.request.get("name", wait.kind), "key": wait.key, "about": wait.request.get("about")}
        for wait in result.waits
        if wait.kind == "wait"
    ]
