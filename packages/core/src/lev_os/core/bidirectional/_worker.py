"""The other side of `isolate = "process"`: one tool call in a process of its own. Started by `_process`.

Reads a pickled job from standard input and writes one reply: `+` and the JSON result, or `-` and
`[message, where, retryable]`.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever the tool prints, in any language, must not be taken for the reply
    job = pickle.load(sys.stdin.buffer)
    sys.path[:] = job["path"]
    reply = _reply(job)
    with os.fdopen(answers, "wb") as out:
        out.write(reply)
        out.flush()
        os._exit(0)  # threads that the tool has left behind end here


def _reply(job: dict[str, Any]) -> bytes:
    from .. import canonical
    from ..errors import LevError
    from . import _calling, values

    try:
        result = _call(job)
    except BaseException as error:
        return b"-" + canonical.encode([*_calling.describe(error), not isinstance(error, LevError) or error.retryable])
    try:
        return b"+" + values.encode(result)
    except values.NotJson as error:
        return b"-" + canonical.encode([error.message, None, error.retryable])


def _call(job: dict[str, Any]) -> Any:
    from ..tools import ToolContext
    from ._calling import Signature

    function: Any = import_module(job["module"])
    for name in job["name"].split("."):
        function = getattr(function, name)
    signature = Signature.of(function)
    arguments = signature.arguments(job["arguments"])
    if signature.wants_context:
        secrets: dict[str, str] = job["secrets"]
        arguments["ctx"] = ToolContext(**job["context"], _secret=secrets.__getitem__)
    result = function(**arguments)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Any) -> Any:
    return await result


if __name__ == "__main__":
    main()
