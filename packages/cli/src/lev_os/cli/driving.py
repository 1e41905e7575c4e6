"""What `lev run` and `lev runs` need to drive a flow: the flow, a model, and what its tools get as `ctx.deps`."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lev_os.core.errors import LevError

from .errors import UsageProblem
from .project import project_root

if TYPE_CHECKING:
    from lev_os.core.bidirectional.events import RunResult
    from lev_os.core.flowmind import Flow
    from lev_os.core.packaging import Package

_INPUT_LIMIT = 10 << 20


def load_flow(specifier: str, python: str | None = None) -> Flow:
    """Parse the flow a specifier names; raises `UsageProblem` when it names something else."""
    from lev_os.core.flowmind import Flow

    from .catalog import export_of

    export = export_of(specifier, python)
    if export.kind != "flow":
        raise UsageProblem(f"{export.specifier} is a {export.kind}, not a flow", help="`lev list --kind flow` lists flows")
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


@contextlib.contextmanager
def deps_of(package: Package | None) -> Iterator[Any]:
    """What `deps` in the package's lev.toml makes, closed at the end when it is a context manager."""
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
        made = getattr(importlib.import_module(module_name), attribute)
        made = made() if callable(made) else made
    except LevError:
        raise
    except Exception as problem:
        raise UsageProblem(
            f"deps = {reference!r} of lev.toml failed: {type(problem).__name__}: {problem}",
            help="it names a function of the package that takes no arguments and returns what tools get as ctx.deps",
        ) from problem
    if inspect.isawaitable(made):
        raise UsageProblem(f"deps = {reference!r} is async", help="make it a plain function or a context manager")
    return made


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """`--model` and `--allow-weak-decisions`. `client` opens it, or None when the flow may do without one."""

    name: str | None
    allow_weak_decisions: bool = False

    def client(self, *, needed: bool) -> Any:
        """The model client; a flow that asks nothing runs without one."""
        from lev_os.core.llm_runtime import NoModel, open_model

        try:
            return open_model(self.name, allow_weak_decisions=self.allow_weak_decisions, root=project_root())
        except NoModel:
            if needed or self.name is not None:
                raise
            return None


def asks(flow: Flow) -> bool:
    """Whether any step of the flow itself needs a model."""
    return _has_ask(flow.tree.steps)


def _has_ask(steps: Any) -> bool:
    for step in steps:
        if type(step).__name__ == "Ask":
            return True
        for name in step.__struct_fields__ if hasattr(step, "__struct_fields__") else step.__dataclass_fields__:
            inner = getattr(step, name)
            bodies = inner.values() if isinstance(inner, dict) else [inner]
            if any(isinstance(body, tuple) and body and hasattr(body[0], "path") and _has_ask(body) for body in bodies):
                return True
    return False


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
    if result.waits:
        value["waits"] = waits_of(result)
    return value


def waits_of(result: RunResult) -> list[dict[str, Any]]:
    """What a run waits for, without the tokens that answer it."""
    return [
        {"name": wait.request.get("name", wait.kind), "key": wait.key, "about": wait.request.get("about")}
        for wait in result.waits
    ]


def journal_value(path: Path) -> str:
    """A journal's path as it is printed."""
    return str(path)
