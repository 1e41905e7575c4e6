"""Calling a Python function with JSON arguments: whether it wants `ctx`, and what its parameters are made of."""

from __future__ import annotations

import inspect
import os
import sys
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

_JSON_TYPES = (str, int, float, bool, dict, list, type(None), Any, object)


class BadArgument(Exception):
    """An argument that cannot become what the parameter is annotated with."""


@dataclass(frozen=True, slots=True)
class Signature:
    """`asynchronous`: calling it gives a coroutine; `converted`: parameters whose JSON value must be built up."""

    wants_context: bool
    asynchronous: bool
    converted: Mapping[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """What can be read from a function; remembered for those that have a hash."""
        return _remembered(function) if isinstance(function, Hashable) else cls._read(function)

    @classmethod
    def _read(cls, function: Callable[..., Any]) -> Signature:
        try:
            names = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            names = []
        try:
            hints = typing.get_type_hints(function)
        except Exception:  # annotations may name what exists for type checkers only: the values stay as they are
            hints = {}
        return cls(
            wants_context=names[:1] == ["ctx"],
            asynchronous=inspect.iscoroutinefunction(function)
            or inspect.iscoroutinefunction(getattr(function, "__call__", None)),  # noqa: B004
            converted={n: hints[n] for n in names if n in hints and n != "ctx" and hints[n] not in _JSON_TYPES},
        )

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments; raises `BadArgument`."""
        arguments = dict(given)
        for name, hint in self.converted.items():
            if name in arguments:
                arguments[name] = _converted(name, arguments[name], hint)
        return arguments


_remembered = lru_cache(maxsize=512)(Signature._read)


def _converted(name: str, value: Any, hint: Any) -> Any:
    validate = getattr(hint, "model_validate", None)
    try:
        return validate(value) if callable(validate) else msgspec.convert(value, hint)
    except TypeError:
        return value  # a type that cannot be built from JSON; the function was written to take what comes
    except ValueError as error:
        raise BadArgument(f"argument `{name}`: {error}") from None


def describe(error: BaseException) -> tuple[str, str | None]:
    """What an exception says, and `module:line` of the code that raised it."""
    if isinstance(error, SystemExit):
        text = f"the tool called sys.exit({error.code!r})"
    else:
        name = type(error).__name__
        try:
            text = f"{name}: {error}" if str(error) else name
        except Exception:  # an exception whose own text fails
            text = name
    where = None
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "?")
        where = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return text[:4000], where


def import_path() -> list[str]:
    """`sys.path` for a child process, with the current folder spelled out."""
    return [entry or os.getcwd() for entry in sys.path]
