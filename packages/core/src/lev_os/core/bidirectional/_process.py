"""`isolate = "process"`: a tool in a process of its own, which a timeout or a cancellation kills, children included."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .. import canonical
from ._calling import import_path
from .effects import Failure


async def call(
    function: Callable[..., Any], arguments: Mapping[str, Any], context: Mapping[str, Any], secrets: Mapping[str, str]
) -> bytes | Failure:
    """The JSON bytes of the result, or why there is none. `context` holds the fields of the `ToolContext`."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module in (None, "__main__") or "<" in name:
        return _refused("a tool with isolate='process' must be a module's own function, so that it can be imported")
    job = {
        "path": import_path(),
        "module": module,
        "name": name,
        "arguments": arguments,
        "context": context,
        "secrets": secrets,
    }
    try:
        data = pickle.dumps(job)
    except Exception as error:  # whatever a dependency's own pickling raises
        return _refused(f"`deps` cannot travel to another process: {error}")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        f"{__package__}._worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(import_path())},
    )
    try:
        out, _ = await child.communicate(data)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    if out[:1] == b"+":
        return out[1:]
    if out[:1] == b"-":
        message, where, retryable = canonical.decode(out[1:])
        details = {"where": where} if where else None
        return Failure(kind="tool", message=message, retryable=retryable, details=details)
    return Failure(kind="tool", message=f"the tool's process ended without a result (status {child.returncode})")


def _refused(message: str) -> Failure:
    return Failure(kind="tool", message=message, retryable=False)
