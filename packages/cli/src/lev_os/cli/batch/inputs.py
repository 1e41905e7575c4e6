"""The input file of a batch: one JSON object on each line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from lev_os.core.errors import InvalidInput, Location, Problem

_SHOWN = 20


def read_inputs(path: Path, option: str = "--input-file") -> list[dict[str, Any]]:
    """The inputs in order, blank lines left out; raises `InvalidInput` with the place of every bad line.

    `option` is what the file was given with.
    """
    decoder = msgspec.json.Decoder()
    inputs: list[dict[str, Any]] = []
    problems: list[Problem] = []
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise InvalidInput(
            [Problem("LEV010", f"cannot be read: {problem.strerror}", Location(str(path)), f"check {option}")]
        ) from None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        at = Location(str(path), number, 1)
        try:
            value = decoder.decode(line)
        except msgspec.DecodeError as problem:
            problems.append(Problem("LEV010", f"not JSON: {problem}", at, "each line is one JSON object"))
            continue
        if isinstance(value, dict):
            inputs.append(value)
        else:
            problems.append(
                Problem("LEV010", "not a JSON object", at, 'write {"name": value, …} with the flow\'s inputs')
            )
    if problems:
        rest = len(problems) - _SHOWN
        if rest > 0:
            last = Problem("LEV010", f"and {rest} more bad lines", Location(str(path)))
            problems = [*problems[:_SHOWN], last]
        raise InvalidInput(problems)
    return inputs
