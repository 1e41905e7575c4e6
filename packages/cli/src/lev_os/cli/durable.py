"""Durable runs on the command line: which database, and what commands say of its runs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from lev_os.core.packaging.deps import deps_of

from . import interrupts
from .catalog import make_importable
from .driving import ModelChoice
from .errors import STATUS_CODES, Interrupted, UsageProblem
from .output import note, print_json, print_line
from .project import is_journal, journal_of

if TYPE_CHECKING:
    from lev_os.core.bidirectional.driver import World
    from lev_os.core.bidirectional.replaying import RunInfo
    from lev_os.core.flowmind import Flow
    from lev_os.core.flowmind.link import LinkedFlow
    from lev_os.workflow.database import Database
    from lev_os.workflow.host import MakeWorld
    from lev_os.workflow.runs import RunState

F = TypeVar("F", bound=Callable[..., Any])
_AGE = re.compile(r"(\d+)([smhd])")
CODES = {**STATUS_CODES, "dead": 3, "held": 5, "sleeping": 0, "queued": 0, "running": 0}


def database_option(command: F) -> F:
    """`--database`: durable runs, in this database."""
    return click.option(
        "--database",
        metavar="URL",
        help="Durable runs: postgresql://… or sqlite:///FILE (default: LEV_DATABASE_URL, if it is set).",
    )(command)


def database_of(url: str | None, *runs: str) -> Database | None:
    """The database that is meant; None when nobody means one, and runs are the journals of this project.

    Nobody does who names journals by their paths, whatever the environment says.
    """
    named = bool(runs) and all(is_journal(run) for run in runs)
    if not url and (named or not os.environ.get("LEV_DATABASE_URL")):
        return None
    return existing(url)


def existing(url: str | None) -> Database:
    """The same for a command that looks for runs: a file that is not there is a mistyped name, and is not made."""
    given = url or os.environ.get("LEV_DATABASE_URL") or ""
    kind, _, name = given.partition("?")[0].partition(":///")
    if kind.partition("+")[0] == "sqlite" and name and not Path(name).exists():
        raise UsageProblem(f"there is no database {given}", help="`lev worker` and `lev run --durable` make one")
    return needed(url)


def needed(url: str | None) -> Database:
    """The database of a command that cannot do without; raises `UsageProblem` where the package is missing."""
    if importlib.util.find_spec("lev_os.workflow") is None or importlib.util.find_spec("dbos") is None:
        raise UsageProblem(
            "durable runs need lev-os-workflow, which is not installed", help="pip install 'lev-os[workflow]'"
        )
    from lev_os.workflow import open_database

    return open_database(url)


def worlds(choice: ModelChoice) -> Callable[[LinkedFlow], AbstractContextManager[World]]:
    """What a worker drives a package's flows with: the model of the command, the judge, the package's own `deps`."""
    from lev_os.core.bidirectional.driver import World
    from lev_os.core.errors import LevError
    from lev_os.core.llm_runtime import open_judge
    from lev_os.core.packaging import find

    model, judge = choice.client(), open_judge()

    @contextlib.contextmanager
    def made(linked: LinkedFlow) -> Iterator[World]:
        package = None
        with contextlib.suppress(LevError):  # the run pins the flow; only its tools need the package
            package, _ = find(linked.specifier)
        with deps_of(package) as deps:
            yield World(model=model, judge=judge, deps=deps, package=package)

    return made


def run_durable(
    flow: Flow,
    value: dict[str, Any],
    url: str | None,
    choice: ModelChoice,
    queue: str,
    priority: int | None,
    *,
    detach: bool,
    as_json: bool,
) -> int:
    """Start a durable run and, unless `detach`, follow it until it ends or waits; returns the exit code."""
    from lev_os.workflow import start
    from lev_os.workflow.beating import is_served

    kept = needed(url)
    run = asyncio.run(start(flow, value, queue=queue, priority=priority, database=kept))
    if detach:
        if as_json:
            print_json({"run": run})
        else:
            print_line(run)
        return 0
    served = is_served(kept, queue)
    note(f"run {run} is in the queue {queue}" + ("" if served else "; nobody works on it, so this command does"))
    try:
        state = interrupts.run(_followed(kept, run, queue, None if served else worlds(choice)))
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; run {run} goes on with any worker", help=f"lev runs watch {run}") from None
    return show_state(state, as_json=as_json)


async def _followed(kept: Database, run: str, queue: str, make_world: MakeWorld | None) -> RunState:
    from lev_os.workflow import result, worker

    if make_world is None:
        return await result(run, waiting=True, database=kept)
    stop = asyncio.Event()
    work = asyncio.ensure_future(worker(queue=queue, database=kept.url, stop=stop, make_world=make_world))
    following = asyncio.ensure_future(result(run, waiting=True, database=kept))
    try:
        await asyncio.wait((work, following), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return await following
    finally:
        stop.set()
        await work


@contextlib.contextmanager
def journal_for(run: str, url: str | None) -> Iterator[Path]:
    """The journal of a run: its file, or for a durable one a file that is made of its rows and goes again."""
    kept = database_of(url, run)
    if kept is None:
        yield journal_of(run)
        return
    from lev_os.workflow.runs import export

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{run}.jsonl"
        export(kept, run, path)
        yield path


def answer_durable(kept: Database, run: str, wait: dict[str, Any], value: Any, *, as_json: bool) -> int:
    """Answer an open wait of a durable run; a worker goes on with it."""
    from lev_os.workflow import send

    first = asyncio.run(send(run, wait["name"], value, wait=wait["key"], database=kept))
    return show_answer(kept, run, first=first, as_json=as_json)


def answered_before(kept: Database, info: RunInfo) -> Sequence[Mapping[str, Any]]:
    """The waits of a durable run that somebody has answered and no worker has heard of yet."""
    from lev_os.workflow.runs import answered

    return answered(kept, info.run, info.waits)


def show_answer(kept: Database, run: str, *, first: bool, as_json: bool) -> int:
    """Print whether an answer was the first, and how the run stands now."""
    from lev_os.workflow.runs import look

    note(f"answered; a worker goes on with run {run}" if first else "it was answered before; the first answer stands")
    if as_json:
        print_json({**state_value(look(kept, run)), "answered": first})
    return 0


def cancel_durable(kept: Database, run: str, reason: str) -> str:
    """Wish that a durable run ends; returns its status, or that it is ending."""
    from lev_os.workflow import cancel
    from lev_os.workflow.beating import is_served
    from lev_os.workflow.runs import look

    asyncio.run(cancel(run, reason, database=kept))
    state = look(kept, run)
    if state.is_over:
        return state.status
    if not is_served(kept, state.queue):
        note(f"nobody works on the queue {state.queue}; the next worker ends the run: lev worker --queue {state.queue}")
    return "ending"


def resume_durable(kept: Database, run: str, python: str | None, accept_change: bool) -> RunState:
    """Put a durable run that stands still back into its queue."""
    from lev_os.workflow import resume
    from lev_os.workflow.runs import look

    make_importable(python)
    asyncio.run(resume(run, accept_change=accept_change, database=kept))
    return look(kept, run)


def forget_durable(kept: Database, runs: Sequence[str], age: str | None) -> list[str]:
    """Delete durable runs that are over: those named, and those that ended so long ago."""
    from lev_os.workflow.rows import wanted_ends
    from lev_os.workflow.runs import delete, ended_before, look

    if not runs and age is None:
        raise UsageProblem("name the runs to forget", help="or say how old: --older-than 30d")
    for run in runs:
        if not (state := look(kept, run)).is_over:
            ending = run in wanted_ends(kept, [run])
            raise UsageProblem(
                f"run {run} is {'ending' if ending else state.status}, not over",
                help=f"lev worker --queue {state.queue} ends it" if ending else f"lev runs cancel {run}",
            )
    old = [] if age is None else ended_before(kept, time.time() - _seconds(age))
    gone = list(dict.fromkeys([*runs, *old]))
    delete(kept, gone)
    return gone


def _seconds(age: str) -> float:
    found = _AGE.fullmatch(age)
    if found is None:
        raise UsageProblem(f"{age!r} is no length of time", help="30d, 12h, 15m or 90s")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def state_value(state: RunState) -> dict[str, Any]:
    """A run as JSON."""
    value: dict[str, Any] = msgspec.to_builtins(state)
    return value


def show_state(state: RunState, *, as_json: bool) -> int:
    """Print how a run stands; returns the exit code of its status."""
    if as_json:
        print_json(state_value(state))
        return CODES[state.status]
    said = state.status if state.reason is None else f"{state.status}: {state.reason}"
    note(f"{said} · run {state.run}")
    for wait in state.waits:
        note(f"  waits for {wait['name']}")
    if state.status == "waiting":
        note(f"    help: lev runs approve {state.run}")
    if state.status == "done":
        text = isinstance(state.output, str)
        print_line(state.output if text else json.dumps(state.output, indent=2, ensure_ascii=False))
    return CODES[state.status]
