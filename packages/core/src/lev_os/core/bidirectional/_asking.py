"""An `ask` is a conversation: a model answers, or calls tools and is asked again with their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..constitutional.verdict import REVISIONS
from ..flowmind.model import Ask
from ..schemas import Schema
from ..tools import tool_labels
from ._answers import Accept, anything, fitted
from ._perform import Frame, Host, Performer, Revise, Wanted
from ._scope import CLEAN, Labels
from ._tasks import Fork, RunEnded, StepFailed, Strand
from .effects import Failure

if TYPE_CHECKING:
    from ..tools import ToolCard

MAX_TURNS = 25


class Conversation:
    """Carries an `ask` through its turns; every tool call is an effect of its own, with its own verdict."""

    def __init__(self, host: Host, performer: Performer) -> None:
        self._host = host
        self._performer = performer

    def ask(
        self,
        step: Ask,
        frame: Frame,
        instruction: str,
        about: str | None,
        context: Sequence[Mapping[str, str]],
        taint: Mapping[str, Labels],
    ) -> Strand:
        """Ends with (answer, labels)."""
        cards = {reference: frame.linked.tools[reference] for reference in step.tools}
        by_name = {name: card for card in cards.values() for name in (card.name, card.specifier)} | cards
        turns: list[dict[str, Any]] = []
        labels = CLEAN.union(*taint.values())
        revisions = 0
        for turn in range(MAX_TURNS):
            want = Wanted(
                kind="model",
                path=step.path,
                step=step.id or step.path,
                request={
                    "purpose": "ask",
                    "step": step.id or step.path,
                    "instruction": instruction,
                    "about": about,
                    "context": list(context),
                    "returns": step.returns,
                    "tools": [_offer(card) for card in cards.values()],
                    "turns": list(turns),
                    "problems": [],
                },
                accept=_accept_answer(step, by_name),
                suffix=str(turn),
                taint={**taint, "turns": labels} if turns else taint,
                retry=step.retry,
                timeout=step.timeout,
            )
            result = yield from self._performer.perform(frame, want)
            if "answer" in result:
                return result["answer"], labels
            calls = result["tool_calls"]
            strands = [
                partial(self._tool, step, frame, by_name[call["tool"]], call, f"{turn}.{index}", labels)
                for index, call in enumerate(calls)
            ]
            outcomes = yield Fork(strands, need=len(strands), width=len(strands))
            revisions += sum(1 for outcome, _ in outcomes if outcome.get("revise"))
            if revisions > REVISIONS:
                reason = next(outcome["error"] for outcome, _ in outcomes if outcome.get("revise"))
                raise RunEnded(Failure(kind="denied", message=reason, step=step.id or step.path, retryable=False))
            turns.append({"tool_calls": calls, "results": [outcome for outcome, _ in outcomes]})
            labels = labels.union(*(found for _, found in outcomes))
        message = f"the model has called tools {MAX_TURNS} times without answering"
        raise StepFailed(Failure(kind="model", message=message, step=step.id or step.path, retryable=False))

    def _tool(
        self,
        step: Ask,
        frame: Frame,
        card: ToolCard,
        call: Mapping[str, Any],
        suffix: str,
        labels: Labels,
    ) -> Strand:
        """A failure is told to the model, which may try another way; a denial ends the run."""
        want = Wanted(
            kind="tool",
            path=step.path,
            step=step.id or step.path,
            request={"tool": card.specifier, "name": card.name, "arguments": call["arguments"]},
            accept=anything,
            suffix=suffix,
            tool=card,
            taint={"": labels, **{f"args.{name}": labels for name in call["arguments"]}} if labels else {},
            timeout=step.timeout,
            revisable=True,
        )
        try:
            value = yield from self._performer.perform(self._host.guarded(frame, card), want)
        except Revise as refused:
            return {"id": call["id"], "error": refused.reason, "revise": True}, CLEAN
        except StepFailed as failed:
            return {"id": call["id"], "error": failed.failure.message}, failed.labels | {"untrusted"}
        return {"id": call["id"], "value": value}, tool_labels(card)


def _offer(card: ToolCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "specifier": card.specifier,
        "description": card.description,
        "input_schema": dict(card.input_schema),
    }


def _accept_answer(step: Ask, tools: Mapping[str, ToolCard]) -> Accept:
    schema = None if step.returns is None else Schema.of(step.returns)

    def accept(value: Any) -> tuple[Sequence[str], Any]:
        if not isinstance(value, dict) or ("answer" in value) == ("tool_calls" in value):
            return ['a model\'s result is {"answer": …} or {"tool_calls": [{"tool": …, "arguments": {…}}]}'], None
        if "tool_calls" in value:
            return _accept_calls(value, tools)
        answer = value["answer"]
        if schema is None:
            return ((), value) if isinstance(answer, str) else (["the answer is text"], None)
        problems, answer = fitted(schema, schema.fill(answer))
        return (problems, None) if problems else ((), {**value, "answer": answer})

    return accept


def _accept_calls(value: dict[str, Any], tools: Mapping[str, ToolCard]) -> tuple[Sequence[str], Any]:
    calls = value["tool_calls"]
    offered = ", ".join(sorted({card.name for card in tools.values()})) or "none"
    if not isinstance(calls, list) or not calls:
        return ["`tool_calls` is a list of at least one call"], None
    problems: list[str] = []
    accepted: list[dict[str, Any]] = []
    for index, call in enumerate(calls):
        if not isinstance(call, dict) or not isinstance(call.get("tool"), str):
            problems.append(f'/tool_calls/{index}: a call is {{"tool": …, "arguments": {{…}}}}')
            continue
        arguments = call.get("arguments", {})
        card = tools.get(call["tool"])
        if card is None:
            problems.append(f"/tool_calls/{index}: there is no tool {call['tool']!r} here; offered: {offered}")
        elif not isinstance(arguments, dict):
            problems.append(f"/tool_calls/{index}/arguments: an object is wanted")
        else:
            schema = Schema.of(card.input_schema)
            filled = schema.fill(arguments)
            problems += [f"/tool_calls/{index}/arguments{problem}" for problem in schema.problems(filled)]
            accepted.append({"id": str(call.get("id") or index), "tool": call["tool"], "arguments": filled})
    return (problems, None) if problems else ((), {**value, "tool_calls": accepted})
