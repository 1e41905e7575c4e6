"""Tools of every temper."""

from __future__ import annotations

import asyncio
import datetime
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lev_os.core import ToolContext, tool


@dataclass
class Order:
    number: int
    lines: list[str]


@tool(effects=[])
async def double(n: int) -> int:
    """Twice as much."""
    return n * 2


@tool(effects=[])
def add_one(n: int) -> int:
    """One more, on a thread."""
    return n + 1


@tool(effects=[])
async def order(number: int) -> Order:
    """A dataclass, to be made JSON."""
    return Order(number, ["a", "b"])


@tool(effects=[])
def weekday(day: datetime.date) -> int:
    """Gets a date that was made from text."""
    return day.isoweekday()


@tool(effects=[])
def describe(given: Order) -> str:
    """Gets a dataclass that was made from JSON."""
    return f"{type(given).__name__} {given.number}: {', '.join(given.lines)}"


@tool(effects=[], secrets=["CRM_TOKEN"])
async def whoami(ctx: ToolContext[str]) -> dict[str, Any]:
    """What a tool is told about its run."""
    return {
        "deps": ctx.deps,
        "run": ctx.run,
        "key": ctx.idempotency_key,
        "scope": dict(ctx.scope),
        "token": ctx.secret("CRM_TOKEN"),
    }


@tool(effects=[])
async def steal(ctx: ToolContext[None]) -> str:
    """Asks for a secret that it has not declared."""
    return ctx.secret("CRM_TOKEN")


@tool(effects=[], secrets=["CRM_TOKEN"])
async def leak(ctx: ToolContext[None]) -> str:
    """Puts a secret into its error."""
    raise RuntimeError(f"401 for {ctx.secret('CRM_TOKEN')}")


over = threading.Event()
"""Set where what hangs may end."""


@tool(effects=[])
def hang() -> None:
    """Blocks its thread until the test is over."""
    over.wait(60)


@tool(effects=[])
async def stall() -> None:
    """Waits without end, and can be cancelled."""
    await asyncio.sleep(3600)


@tool(effects=[], isolate="process")
def spin(path: str) -> None:
    """Never ends; writes its process id first."""
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    while True:
        time.sleep(0.01)


@tool(effects=[], isolate="process")
def apart(ctx: ToolContext[str], n: int) -> dict[str, Any]:
    """Tells that it ran in another process, after printing to the real standard output."""
    print("printed by a tool", flush=True)
    os.write(1, b"written by a tool\n")
    return {"pid": os.getpid(), "n": n, "deps": ctx.deps, "key": ctx.idempotency_key}


@tool(effects=[], isolate="process")
def crash() -> None:
    """Takes its process down."""
    os._exit(7)


@tool(effects=[], isolate="process")
def raise_apart() -> None:
    """Raises in another process."""
    raise ValueError("not here")


@tool(effects=[])
def chatty() -> str:
    """Prints."""
    print("printed by a tool")
    return "said"


@tool(effects=[])
def leave() -> None:
    """Wants to end the program."""
    sys.exit(3)


@tool(effects=[])
async def leave_async() -> None:
    """Wants to end the program, from a coroutine."""
    sys.exit(3)


@tool(effects=[])
async def give_up() -> None:
    """Raises what asyncio uses to cancel."""
    raise asyncio.CancelledError


@tool(effects=[])
def broken() -> None:
    """Raises."""
    raise ValueError("no such customer")


@tool(effects=[])
def speechless() -> Any:
    """Returns what is not JSON."""
    return object()


@tool(effects=[])
def endless() -> Any:
    """Returns a list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


@tool(effects=[])
def not_a_number() -> Any:
    """Returns NaN, which JSON does not have."""
    return {"score": float("nan")}


@tool(effects=[])
def large(megabytes: int) -> str:
    """Returns a lot."""
    return "x" * (megabytes << 20)


@tool(effects=["irreversible"])
def send() -> str:
    """Cannot be taken back."""
    return "sent"


TOOLS: Mapping[str, Callable[..., Any]] = {
    f"./tools/{function.__name__}": function
    for function in (
        add_one, apart, broken, chatty, crash, describe, double, endless, give_up, hang, large, leak, leave,
        leave_async, not_a_number, order, raise_apart, send, speechless, spin, stall, steal, weekday, whoami,
    )
}  # fmt: skip
