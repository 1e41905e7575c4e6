"""The syntax tree of FlowMind: what a flow is after parsing. Frozen values, no behaviour.

A step's `path` is its place in the document, `steps/2/then/0`: it names the step in journals, errors and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import Location


@dataclass(frozen=True, slots=True)
class Expr:
    """A CEL expression; `names` are the variables it reads from the scope (bound ones excluded)."""

    source: str
    names: frozenset[str] = frozenset()
    at: Location = field(default=Location(), compare=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A string with `${…}`: literal pieces and expressions in turn.

    A template that is one expression and nothing else has that expression's value, of any type; otherwise
    the pieces are joined as text (strings as they are, everything else as canonical JSON).
    """

    parts: tuple[str | Expr, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(part.names for part in self.parts if isinstance(part, Expr)))


Literal_ = str | int | float | bool | None
Value = Any
"""A literal, a `Template`, or a list or dict of values: what stands in `with`, `set` and `return`."""


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` counts the first one too. The n-th wait is `backoff * 2**(n-1)` seconds."""

    attempts: int = 3
    backoff: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBase:
    path: str
    id: str | None = None
    at: Location = field(default=Location(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(StepBase):
    """A model answers; `returns` is the JSON Schema of the answer (None: text)."""

    instruction: Template
    about: Template | None = None
    returns: Mapping[str, Any] | None = None
    tools: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    retry: Retry | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(StepBase):
    tool: str
    with_: Mapping[str, Value]
    retry: Retry | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class If(StepBase):
    test: Expr
    then: tuple[Step, ...]
    else_: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A semantic condition: a statement that is judged, `yes`/`no` or one of the cases' labels."""

    statement: Template
    labels: tuple[str, ...]
    about: Template | None = None
    confidence: float | None = None
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IfSemantic(StepBase):
    """Binds `{holds: bool | null, confidence, evidence, decided_by}` to its id."""

    condition: Condition
    then: tuple[Step, ...]
    else_: tuple[Step, ...] = ()
    uncertain: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(StepBase):
    value: Expr
    cases: Mapping[str, tuple[Step, ...]]
    default: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSemantic(StepBase):
    """Binds the label of the case that was taken, or `"uncertain"`, to its id."""

    condition: Condition
    cases: Mapping[str, tuple[Step, ...]]
    uncertain: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForEach(StepBase):
    """Binds a list in input order: `collect`'s value for each item, else `{id: value}` of its steps."""

    variable: str
    items: Expr
    where: Expr | None = None
    max_concurrency: int = 1
    collect: Value = None
    has_collect: bool = False
    do: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class While(StepBase):
    """`while` (test) or `while_semantic` (condition); exactly one is set. Binds the number of rounds."""

    test: Expr | None = None
    condition: Condition | None = None
    max_iterations: int
    do: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(StepBase):
    """Binds `{branch: {id: value}}`; a branch that lost or was cancelled is null."""

    branches: Mapping[str, tuple[Step, ...]]
    wait_for: Literal["all", "any"] | int = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlow(StepBase):
    flow: str
    with_: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(StepBase):
    """Suspends until a person or another program answers."""

    name: str
    about: Template | None = None
    returns: Mapping[str, Any] | None = None
    timeout: float | None = None
    on_timeout: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Try(StepBase):
    """`catch` sees `error: {kind, message, step}`."""

    body: tuple[Step, ...]
    catch: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(StepBase):
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(StepBase):
    value: Value


Step = (
    Ask
    | Call
    | If
    | IfSemantic
    | Switch
    | SwitchSemantic
    | ForEach
    | While
    | Parallel
    | SubFlow
    | Wait
    | Try
    | Set
    | Return
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a whole run; None is unbounded. `time` is in seconds."""

    asks: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTree:
    """A parsed flow: the header and its steps."""

    name: str
    description: str = ""
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None = None
    context: tuple[str, ...] = ()
    limits: Limits = Limits()
    steps: tuple[Step, ...]
    text: str = field(default="", compare=False, repr=False)
    digest: str = field(default="", compare=False)
