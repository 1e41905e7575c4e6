"""The conditions of a flow, measured, and their thresholds put into its file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import InvalidInput, Location, Problem

from .errors import Failed, UsageProblem

if TYPE_CHECKING:
    from lev_os.core.flowmind import Flow
    from lev_os.core.flowmind.model import Step
    from lev_os.core.llm_runtime.calibration import Calibration, NotMeasured

_MEASURED = "`if_semantic`, `switch_semantic` and `while_semantic` are what is measured"
Measured = Sequence[tuple["Step", "Calibration | NotMeasured"]]


def measure(
    specifier: str, labelled: Path | None, step: str | None, accuracy: float, python: str | None
) -> tuple[Flow, Measured]:
    """The flow and its conditions, or that of one step, measured in document order."""
    from lev_os.core.llm_runtime import open_judge
    from lev_os.core.llm_runtime.calibration import calibrate
    from lev_os.core.llm_runtime.classifier import Classifier
    from lev_os.core.llm_runtime.embedding import WAYS_TO_AN_EMBEDDER

    flow = _flow(specifier, python)
    asked = [(node, request) for node, request in _requests(flow) if step in (None, request["step"])]
    if not asked:
        names = ", ".join(request["step"] for _, request in _requests(flow))
        what = "no semantic condition" if step is None else f"no semantic condition {step!r}"
        raise UsageProblem(f"{specifier} has {what}", help=f"its conditions are {names}" if names else _MEASURED)
    judge = open_judge()
    if not isinstance(judge, Classifier):
        raise Failed("no embedder is installed, so nothing is judged locally", help=WAYS_TO_AN_EMBEDDER)
    texts = None if labelled is None else _labelled(labelled, [request["step"] for _, request in asked])
    return flow, [
        (node, calibrate(judge, request, None if texts is None else texts[request["step"]], accuracy=accuracy))
        for node, request in asked
        if texts is None or request["step"] in texts
    ]


def write_thresholds(flow: Flow, measured: Measured) -> Iterator[str]:
    """Put every recommended threshold into the flow's file, in one step; says what was written."""
    from lev_os.core.flowmind.thresholds import with_threshold
    from lev_os.core.llm_runtime.calibration import Calibration

    assert flow.path is not None, "a flow of a package is a file"
    file = Path(flow.path).resolve()  # of a link, the file it leads to is replaced
    _refuse_to_write(file)
    text = before = file.read_bytes().decode("utf-8")
    for node, one in measured:
        if isinstance(one, Calibration) and (point := one.recommended) is not None:
            comment = (
                f"{point.accuracy:.2f} right at {point.coverage:.2f} coverage, {one.count} texts, "
                f"{one.embedder.partition('@')[0]}"
            )
            text = with_threshold(text, node.path, point.threshold, comment)
            yield f"{file.name}: {one.step}: confidence {point.threshold:.2f}"
    if text != before:
        _replace(file, text.encode())


def _refuse_to_write(file: Path) -> None:
    """Raise for a file that can be replaced, and yet is not meant to be."""
    if "site-packages" in file.parts:
        help = "give the path of the package's sources: an installed copy is not changed"
        raise UsageProblem(f"{file} is installed", help=help)
    if not file.stat().st_mode & 0o222 or not os.access(file, os.W_OK):
        raise Failed(f"{file} is read-only", help="make it writable, or write the thresholds there yourself")


def _flow(specifier: str, python: str | None) -> Flow:
    from lev_os.core.flowmind import Flow

    from .catalog import export_of

    export = export_of(specifier, python)
    if export.kind != "flow":
        raise UsageProblem(f"{export.specifier} is a {export.kind}, not a flow")
    text, path = export.package.read(export.subpath)
    return Flow.parse(text, package=export.package, path=str(path), specifier=export.specifier)


def _requests(flow: Flow) -> Iterator[tuple[Step, dict[str, Any]]]:
    """What a judge would be asked for each condition, without a text."""
    from lev_os.core.flowmind.walk import walk

    for node in walk(flow.tree.steps):
        condition = getattr(node, "condition", None)
        if condition is not None:
            yield (
                node,
                {
                    "step": node.id or node.path,
                    "labels": list(condition.labels),
                    "examples": condition.examples,
                    "confidence": condition.confidence,
                },
            )


def _labelled(file: Path, steps: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The labelled texts of each step; a line without `step` belongs to the only condition there is."""
    from .batch.inputs import read_inputs

    found: dict[str, list[tuple[str, str]]] = {}
    problems = []
    for number, entry in enumerate(read_inputs(file, "--labelled"), 1):
        text, label = entry.get("text"), entry.get("label")
        step = entry.get("step", steps[0] if len(steps) == 1 else None)
        if not isinstance(text, str) or not text.strip() or not isinstance(label, str):
            wrong, help = "`text` and `label` are texts that are not blank", 'write {"text": "…", "label": "…"}'
        elif step is None:
            wrong, help = "it is not said which condition is meant", f'add "step": one of {", ".join(steps)}'
        else:
            if step in steps:
                found.setdefault(step, []).append((text, label))
            continue
        problems.append(Problem("LEV011", f"entry {number}: {wrong}", Location(str(file)), help))
    if problems:
        raise InvalidInput(problems[:20])
    if not found:
        raise UsageProblem(f"{file} holds no text for {', '.join(steps)}")
    return found


def _replace(file: Path, data: bytes) -> None:
    """Replace a file in one step, its mode kept."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, file.stat().st_mode & 0o7777)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
