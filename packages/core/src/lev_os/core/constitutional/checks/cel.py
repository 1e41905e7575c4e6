"""`cel`: an expression that must hold.

    - cel: "args.amount <= 100.0"
    - cel: {holds: "result.answer.score >= 0.5", when: "kind == 'model' && has(result.answer)"}

The variables are phase, kind, request, result (null before it is there), tool (its specifier, or ""), effects (a
list; `undeclared` alone without a declaration), args and taint (path to labels). `when` says to which actions the
check applies. What is neither true nor false is an error, and so a deny.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..facts import Facts
from .base import Compiled, Fault, Hit

if TYPE_CHECKING:
    from ...flowmind.expressions import Program, SharedScope

VARIABLES: Final = frozenset({"phase", "kind", "request", "result", "tool", "effects", "args", "taint"})
SCHEMA: Final[Mapping[str, Any]] = {
    "description": f"A CEL expression over {', '.join(sorted(VARIABLES))} that must hold.",
    "type": ["string", "object"],
    "minLength": 1,
    "properties": {
        "holds": {"type": "string", "minLength": 1},
        "when": {"type": "string", "minLength": 1, "description": "To which actions the check applies."},
    },
    "required": ["holds"],
    "additionalProperties": False,
}


class _Cel:
    def __init__(self, holds: str, when: str | None) -> None:
        self.holds, self.when = holds, when

    def applies(self, phase: str, kind: str) -> bool:
        return True

    @cached_property
    def _holds(self) -> Program:
        return _compiled(self.holds)

    @cached_property
    def _when(self) -> Program | None:
        return None if self.when is None else _compiled(self.when)

    @cached_property
    def _value(self) -> Callable[[Program, SharedScope], Any]:
        from ...flowmind.expressions import evaluate

        return evaluate

    def concerns(self, effects: frozenset[str], names: frozenset[str]) -> bool:
        return True

    def __call__(self, facts: Facts) -> Hit | None:
        if self._when is not None and not self._truth(self._when, facts):
            return None
        if self._truth(self._holds, facts):
            return None
        return Hit(f"`{self.holds}` does not hold")

    def _truth(self, program: Program, facts: Facts) -> bool:
        value = self._value(program, facts.scope)
        if not isinstance(value, bool):
            raise ValueError(f"`{program.source}` is neither true nor false")
        return value


def _compiled(source: str) -> Program:
    from ...flowmind.expressions import compile_expression

    program = compile_expression(source)
    if unknown := program.names - VARIABLES:
        raise ValueError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(VARIABLES))}")
    return program


def _sources(argument: Any) -> Mapping[tuple[str, ...], str]:
    if isinstance(argument, str):
        return {(): argument}
    return {(name,): argument[name] for name in ("holds", "when") if name in argument}


def compile(argument: Any, *, hard: bool) -> Compiled:
    sources = _sources(argument)
    return _Cel(sources.get(()) or sources[("holds",)], sources.get(("when",)))


def faults(argument: Any) -> Iterable[Fault]:
    for path, source in _sources(argument).items():
        try:
            _compiled(source)
        except Exception as error:  # whatever the compiler dislikes is the author's to mend
            yield Fault(path, str(error).splitlines()[0], getattr(error, "help", None))
