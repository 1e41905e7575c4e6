"""How memory says no."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lev_os.core.errors import InvalidInput, LevError, Problem


class NotRemembered(LevError):
    """The record is not in the scope; whether it is in another one is not said."""

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no record {id!r} in this scope", help="`search` or `query` give ids that there are")


class Conflict(LevError):
    """The record was changed by somebody else in the meantime."""

    exit_code = 3


class Unsupported(LevError):
    """The backend cannot do what was asked; nothing was done instead."""


class StoreProblem(LevError):
    """The store cannot be opened, read or written."""

    exit_code = 3


def bad_record(why: str) -> InvalidInput:
    """A record that cannot be kept."""
    return InvalidInput([Problem("MEM101", f"this record cannot be kept: {why}")])


def bad_data() -> InvalidInput:
    """`data` that would not come back as it was."""
    help = "JSON knows null, booleans, finite numbers, text without lone surrogates, lists, and mappings with text keys"
    return InvalidInput([Problem("MEM102", "this record cannot be kept: `data` is not JSON", help=help)])


def bad_scope(name: str, value: Any, limit: int) -> InvalidInput:
    """A scope that names nobody."""
    shown = repr(value)[:60]
    message = f"the scope's `{name}` must be text of 1 to {limit} characters that UTF-8 can hold, not {shown}"
    return InvalidInput([Problem("MEM103", message)])


def bad_time(value: Any) -> InvalidInput:
    """What should be a time, and is none."""
    shown = value.isoformat() if isinstance(value, datetime) else f"{value!r:.60}"
    message = f"{shown} is no time that can be kept"
    help = "times are datetimes of the years 1 to 9999 in UTC; a naive one is taken for UTC"
    return InvalidInput([Problem("MEM104", message, help=help)])


def bad_reason(reason: str) -> InvalidInput:
    """A reason that no store could write down."""
    message = f"the reason {reason!r:.60} cannot be kept: it has lone surrogates, which UTF-8 cannot hold"
    return InvalidInput([Problem("MEM105", message)])


def bad_number(name: str, value: Any, least: int) -> InvalidInput:
    """A limit or a cursor that leads nowhere."""
    message = f"`{name}` must be an integer from {least} to 2^63 - 1, not {value!r:.60}"
    return InvalidInput([Problem("MEM106", message)])


def no_scope(value: Any) -> InvalidInput:
    """What is given for a scope, and is none."""
    message = f"`scope` must be a `Scope`, not {type(value).__name__}"
    return InvalidInput([Problem("MEM103", message, help='write Scope(tenant="acme", user="ada")')])


def no_records(given: str) -> InvalidInput:
    """What is given for records, and is none."""
    message = f"`put` takes a list of `Record`s, not {given}"
    return InvalidInput([Problem("MEM107", message, help="write put([record], scope=scope)")])
