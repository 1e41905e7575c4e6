"""Writing a threshold into a flow's text: the number and a comment of its measurement change, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import re
from typing import Any

from ..documents import Document, Path, read_yaml
from ..errors import InvalidInput, LevError

_MARK = "# lev calibrate: "
_LINE_END = re.compile("(\r\n|[\n\r\x85\u2028\u2029])")
"""What ends a line for YAML 1.1, by which the document counts its lines."""
_NUMBER = re.compile(r"[^\s,}\]#]+")
_MEASURED = re.compile(rf"[ \t]*{re.escape(_MARK)}.*")


def with_threshold(text: str, step: str, threshold: float, measurement: str) -> str:
    """The flow's text with `confidence: threshold` in the step at this pointer (`Step.path`).

    Where the layout allows it, `# lev calibrate: measurement` follows on the same line, in place of an older one. Other
    comments stay. Raises `InvalidInput` when the text is no YAML, `LevError` when the step is not in it or is laid out
    so that the number cannot be put in safely.
    """
    document = read_yaml(text)
    path = _path_of(document.data, step)
    wanted = copy.deepcopy(document.data)
    _at(wanted, path)["confidence"] = threshold
    for comment in (f"  {_MARK}{' '.join(measurement.split())}", ""):
        # A step that an alias stands for has no keys of its own.
        with contextlib.suppress(InvalidInput, KeyError):
            edited = _edited(document, text, path, f"{threshold:g}", comment)
            if read_yaml(edited).data == wanted:
                return edited
    place = document.at(path)
    raise LevError(
        f"the threshold of the step on line {place.line} cannot be written without changing more",
        help=f"write `confidence: {threshold:g}` there yourself",
    )


def _edited(document: Document, text: str, path: Path, number: str, comment: str) -> str:
    parts = _LINE_END.split(text)
    lines, ends = parts[::2], [*parts[1::2], ""]
    stated = document.positions.get((*path, "confidence"))
    if stated is not None:
        line, start = stated[0] - 1, stated[1] - 1
        found = _NUMBER.match(lines[line], start)
        end = found.end() if found else start
        lines[line] = _commented(lines[line][:start] + number + lines[line][end:], comment)
        return _joined(lines, ends)
    keys = sorted(document.keys[(*path, key)] for key in _at(document.data, path))
    line, indent = (part - 1 for part in keys[min(1, len(keys) - 1)])
    before, after = lines[line][:indent], lines[line][indent:]
    if before.strip():
        lines[line] = f"{before}confidence: {number}, {after}"
        return _joined(lines, ends)
    while line and lines[line - 1].startswith(f"{before}#"):
        line -= 1
    lines.insert(line, f"{before}confidence: {number}{comment}")
    ends.insert(line, ends[line - 1])
    return _joined(lines, ends)


def _joined(lines: list[str], ends: list[str]) -> str:
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _commented(line: str, comment: str) -> str:
    """A line whose own measurement, if it has one, is replaced."""
    bare = _MEASURED.sub("", line)
    return bare.rstrip() + comment if comment else bare


def _path_of(data: Any, pointer: str) -> Path:
    path: list[str | int] = []
    for part in pointer.strip("/").split("/"):
        key = int(part) if isinstance(data, list) and part.isdigit() else part.replace("~1", "/").replace("~0", "~")
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            raise LevError(f"the flow has no step {pointer}") from None
        path.append(key)
    return tuple(path)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data
