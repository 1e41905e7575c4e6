"""How an execution ends: with the run's own end, which is recorded, or without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import msgspec
from dbos import error
from lev_os.core.bidirectional.effects import Outcome
from lev_os.core.errors import LevError

from .host import log

P = ParamSpec("P")
T = TypeVar("T")


class RunEnded(Exception):
    """A run that did not come to its output: `data` is its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error.message if outcome.error else outcome.status)
        self.data = msgspec.to_builtins(outcome)


def spared(body: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A body in which only the run's own end is recorded.

    Trouble that is not the run's own, as a database that has gone, ends the execution without a word: DBOS records
    nothing of a cancelled task, the row stays as it is, and a worker takes it up again.
    """

    @wraps(body)
    async def body_of(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await body(*args, **kwargs)
        except (RunEnded, error.DBOSUnexpectedStepError, error.DBOSStepNondeterminismError):
            raise
        except (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError):
            leave()  # it belongs to another execution by now
        except LevError as problem:
            if not problem.retryable:
                raise
            log.warning("%s", problem.message)
            leave()
        except Exception as problem:  # its words may be those of a statement that holds what a tool has returned
            log.error("a run is left where it is, to be taken up again: %s", type(problem).__name__)
            log.debug("this is why", exc_info=problem)
            leave()

    return body_of


def leave() -> NoReturn:
    """End this execution without a word: DBOS records nothing of a cancelled task."""
    raise asyncio.CancelledError
