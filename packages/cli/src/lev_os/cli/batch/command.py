"""`lev run --input-file`: takes up what a killed batch has left, answers the rest, and sums up."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import InvalidInput

from .. import interrupts
from ..driving import ModelChoice, result_value, session
from ..errors import Interrupted
from ..output import note, print_json
from ..project import project_root, runs_folder
from .inputs import read_inputs
from .later import as_it_stands
from .progress import Progress
from .rows import Rows
from .table import Table
from .work import work

if TYPE_CHECKING:
    from lev_os.core.bidirectional.events import RunResult
    from lev_os.core.flowmind import Flow


def run_batch(flow: Flow, input_file: Path, out: Path, *, choice: ModelChoice, concurrency: int, as_json: bool) -> int:
    """Answer every input that `out` does not answer yet; returns the exit code of the gravest row."""
    inputs = read_inputs(input_file)
    name = _name(out)
    with Rows(out) as rows:
        rows.check(inputs)
        todo = [(index, value) for index, value in enumerate(inputs) if index not in rows.done]
        if len(todo) < len(inputs):
            note(f"{len(inputs) - len(todo)} of {len(inputs)} are answered already; going on")
        if todo:
            _answer_all(flow, todo, rows, name, len(inputs), choice, concurrency)
        table = Table.of(map(as_it_stands, rows.done.values()))
    for line in table.lines():
        note(line)
    if as_json:
        print_json({"out": str(out), **table.as_json()})
    return table.exit_code


def _answer_all(
    flow: Flow,
    todo: list[tuple[int, dict[str, Any]]],
    rows: Rows,
    name: str,
    total: int,
    choice: ModelChoice,
    concurrency: int,
) -> None:
    folder = runs_folder()
    with session(flow, choice) as running, Progress(total, len(rows.done)) as progress:

        async def answer(index: int, value: Mapping[str, Any]) -> dict[str, Any]:
            run = f"{name}-{index:06d}"
            try:
                result = await running.carry(run, dict(value), folder / f"{run}.jsonl")
            except InvalidInput as problem:
                # The flow itself was linked before: this input does not fit it, and the others may.
                return _misfit(index, value, problem)
            return _row(index, value, result)

        def done(row: Mapping[str, Any]) -> None:
            rows.append(row)
            progress.take(row)

        try:
            interrupts.run(work(todo, answer, done, concurrency=concurrency))
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted after {len(rows.done)} of {total}",
                help="give the same command again: it goes on with the rest",
            ) from None


def _row(index: int, value: Mapping[str, Any], result: RunResult) -> dict[str, Any]:
    told = result_value(result)
    fields = ("run", "status", "output", "error", "decisions", "usage", "waits")
    return {"index": index, "input": value, **{field: told[field] for field in fields if field in told}}


def _misfit(index: int, value: Mapping[str, Any], problem: InvalidInput) -> dict[str, Any]:
    message = "; ".join(each.message for each in problem.problems)
    error = {"kind": "invalid", "message": message}
    return {"index": index, "input": value, "run": None, "status": "failed", "output": None, "error": error}


def _name(out: Path) -> str:
    """The name that begins those of the batch's runs; a batch that goes on finds the journals of runs in flight by it.

    It is kept beside them, because an output file that was deleted and begun anew is another batch.
    """
    place = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:16]
    file = project_root() / ".lev" / "batches" / place
    if out.exists() and file.is_file():
        return file.read_text(encoding="ascii").strip()
    name = f"batch-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(name, encoding="ascii")
    draft.replace(file)
    return name
