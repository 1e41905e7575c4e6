"""What an agent says while it runs (`Agent.stream`), and what has come of it (`Answer`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from lev_os.core.constitutional.audit import Approval, AuditEntry
    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.usage import RunUsage

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAsk:
    """A tool call that a person must approve: which, with what, and which principles say so."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """How a run ended. `output` is None while the calls in `waiting` need a person.

    `messages` are those that the run added; `audit` is every verdict of its gate.
    """

    output: T | None
    run: str
    waiting: tuple[ToAsk, ...] = ()
    usage: RunUsage
    audit: Sequence[AuditEntry | Approval]
    messages: Sequence[ModelMessage]


@dataclass(frozen=True, slots=True)
class Said:
    """More text of an answer. `again` when the answer has been begun anew, as the first was not let out whole."""

    text: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """The model calls a tool."""

    id: str
    tool: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Returned:
    """What a tool gave back; `ok` is false for a failure, a refusal, and a call that must be made again."""

    id: str
    tool: str
    result: Any
    ok: bool


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """The last event."""

    answer: Answer[T]


AgentEvent = Said | Called | Returned | Finished[Any]
