"""What rows in the database are called: workflows, queues, and the ids of runs and of what belongs to them.

An id of ours never holds a slash, so what follows the first one tells what it is to a run:

- `RUN` is the run; `RUN/KEY/ATTEMPT` an effect of it that is carried out beside others, or the answer to a wait;
- `RUN/KEY/ATTEMPT/deadline` the moment at which a wait is over;
- `RUN/signal/NAME/N` the N-th message that was sent to its waits called NAME; `RUN/cancel` a wish that it ends.
"""

from __future__ import annotations

from lev_os.core.errors import LevError

APPLICATION = "lev"
VERSION = "lev-1"
"""Raised when what a run has recorded can no longer be driven on: then old runs need a worker of the old version."""

RUN, EFFECT, ANSWER, ALARM, SCHEDULED = "lev.run", "lev.effect", "lev.answer", "lev.alarm", "lev.scheduled"
DEFAULT_QUEUE = "default"
EFFECTS = ".effects"
SYSTEM_QUEUE = "lev.system"
"""Answers and alarms: what needs no package, and so any worker."""


def effects_queue(queue: str) -> str:
    """Where the effects of a dead worker wait for another worker of the same queue."""
    return f"{queue}{EFFECTS}"


def beside(run: str, key: str, attempt: int) -> str:
    """The id of an effect's attempt, and of the answer to a wait."""
    return f"{run}/{key}/{attempt}"


def deadline(run: str, key: str, attempt: int) -> str:
    """The id of the alarm that ends a wait."""
    return f"{beside(run, key, attempt)}/deadline"


def signal(run: str, name: str, number: int) -> str:
    """The id of a message to the waits called `name`; numbers count from 0."""
    return f"{run}/signal/{name}/{number}"


def cancel(run: str) -> str:
    """The id of the wish that a run ends."""
    return f"{run}/cancel"


def checked_queue(queue: str) -> str:
    """`queue` if it can be the name of one of a user's; raises `LevError`."""
    if not queue.strip() or queue == SYSTEM_QUEUE or queue.endswith(EFFECTS):
        raise LevError(
            f"{queue!r} is not the name of a queue",
            help=f"any name but {SYSTEM_QUEUE} and those that end in {EFFECTS}: default, refunds",
        )
    return queue


def checked_run(run: str) -> str:
    """`run` if it can be the name of one; raises `LevError`."""
    if not run or run.startswith(".") or not all(c.isalnum() or c in "-_." for c in run):
        raise LevError(f"{run!r} is not the name of a run", help="letters, digits, '-', '_' and '.', no more")
    return run
