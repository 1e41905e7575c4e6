"""What a flow does when things go wrong: retries, timeouts, effects that are repeated or race."""

from __future__ import annotations

from collections.abc import Iterator

from lev_os.core.flowmind.model import Call, ForEach, Parallel, Step, Wait
from lev_os.core.flowmind.walk import walk
from lev_os.core.tools import ToolCard

from ...flows.places import in_step, of_step
from ...flows.waiting import without_wait
from ...project import FlowSubject
from ...rule import Example, Finding, rule
from .._flow_examples import flow

_CHANGES = frozenset({"writes_local", "writes_external", "irreversible", "spends", "runs_code"})
_OUTSIDE = frozenset({"writes_external", "ingests_untrusted", "spends"})
_FINAL = frozenset({"irreversible", "spends"})

_PAY = "@tool(effects={'spends', 'writes_external'}%s)\ndef pay(order_id: str) -> str: ...\n"


def _pay(body: str, at: tuple[int, int] | None = None, *, idempotent: bool = False) -> Example:
    return flow(body, at, tools=_PAY % (", idempotent=True" if idempotent else ""))


def _calls(subject: FlowSubject) -> Iterator[tuple[Call, ToolCard]]:
    """Every call whose tool was found; a card without a digest only stands in for one that nobody could look up."""
    for step in subject.analysis.steps:
        card = subject.linked.tools.get(step.tool) if isinstance(step, Call) else None
        if isinstance(step, Call) and card is not None and card.digest:
            yield step, card


_RETRIED = "steps:\n  - call: ./tools/pay\n    with: {order_id: A1}\n    timeout: 10s\n    retry: {attempts: 3}\n"


@rule(
    "FLW520", "retry-not-idempotent", on="flow", severity="warning",
    summary="A call is retried whose tool does not say that it may be.",
    why="A call that fails may have done its work all the same: the answer was lost, not the effect. The retry then "
    "does it twice.",
    mend="Let the tool use `ctx.idempotency_key` and declare `idempotent=True`, or do not retry the call.",
    bad=_pay(_RETRIED, (7, 12)),
    good=_pay(_RETRIED, idempotent=True),
)  # fmt: skip
def retry_not_idempotent(subject: FlowSubject) -> Iterator[Finding]:
    """Retries of tools that change something, or may, and are not idempotent."""
    for step, card in _calls(subject):
        said = card.declaration
        if step.retry is None or step.retry.attempts < 2 or said.idempotent:
            continue
        changes = said.effects is None or said.effects & _CHANGES
        if changes:
            why = "its effects are not declared" if said.effects is None else f"it {_listed(said.effects & _CHANGES)}"
            yield Finding(
                in_step(subject, step, "retry"), f"`{step.tool}` is retried, and is not declared idempotent: {why}",
                "declare `idempotent=True` when a repeated call changes nothing more",
                confidence="medium" if said.effects is None else None,
            )  # fmt: skip


def _listed(effects: frozenset[str]) -> str:
    said = {
        "writes_local": "writes files here", "writes_external": "writes outside", "irreversible": "cannot be undone",
        "spends": "spends money", "runs_code": "runs code",
    }  # fmt: skip
    return " and ".join(said[effect] for effect in sorted(effects))


_EACH = (
    "input: {{orders: [string]}}\nsteps:\n{before}  - for_each: order in input.orders\n    do:\n"
    '      - call: ./tools/pay\n        with: {{order_id: "${{order}}"}}\n        timeout: 10s\n'
)
_ASKED = (
    '  - id: answer\n    wait: approval\n    about: "${input.orders}"\n    returns: {approved: boolean}\n'
    '    timeout: 2d\n  - if: "!answer.approved"\n    then:\n      - return: refused\n'
)


@rule(
    "FLW521", "repeated-without-wait", on="flow", severity="warning", confidence="medium",
    summary="Something that spends or cannot be undone is done in a loop, and no person is asked before.",
    why="One wrong list, or one wrong judgement, does it as many times as the loop goes round.",
    mend="Put a `wait` before the loop, about the whole list, or inside it.",
    bad=_pay(_EACH.format(before=""), (7, 9), idempotent=True),
    good=_pay(_EACH.format(before=_ASKED), idempotent=True),
)  # fmt: skip
def repeated_without_wait(subject: FlowSubject) -> Iterator[Finding]:
    """Calls in loops of tools with such effects, that no `wait` dominates."""
    cards = subject.linked.tools
    for step, loop in without_wait(subject.flow.tree.steps):
        card = cards.get(step.tool) if isinstance(step, Call) else None
        if loop is None or card is None or not (effects := (card.declaration.effects or frozenset()) & _FINAL):
            continue
        many = "for every item" if isinstance(loop, ForEach) else "in every round"
        message = f"`{card.name}` {_listed(effects)}, {many}, and no person is asked before"
        yield Finding(of_step(subject, step), message)


@rule(
    "FLW522", "call-without-timeout", on="flow", severity="info",
    summary="A call that goes outside has no timeout, and neither has the flow.",
    why="A server that never answers holds the run for ever.",
    mend="Add `timeout: 30s` to the call, or `time` to `limits`.",
    bad=_pay("steps:\n  - call: ./tools/pay\n    with: {order_id: A1}\n", (4, 5)),
    good=(
        _pay("steps:\n  - call: ./tools/pay\n    with: {order_id: A1}\n    timeout: 30s\n"),
        _pay("limits: {time: 5m}\nsteps:\n  - call: ./tools/pay\n    with: {order_id: A1}\n"),
    ),
)  # fmt: skip
def call_without_timeout(subject: FlowSubject) -> Iterator[Finding]:
    """Calls of tools that talk to the outside, with no bound on their time."""
    if subject.flow.tree.limits.time is not None:
        return
    for step, card in _calls(subject):
        if step.timeout is None and (card.declaration.effects or frozenset()) & _OUTSIDE:
            yield Finding(
                of_step(subject, step), f"`{step.tool}` goes outside and has no timeout", "add `timeout: 30s`"
            )


@rule(
    "FLW523", "wait-without-timeout", on="flow", severity="info",
    summary="A `wait` has no timeout.",
    why="Nobody may ever answer. The run then waits for ever; `limits.time` stands still while a person is waited for.",
    mend="Add `timeout: 2d`, and `on_timeout` with what happens then.",
    bad=flow("steps:\n  - wait: approval\n", (4, 5)),
    good=flow("steps:\n  - wait: approval\n    timeout: 2d\n"),
)  # fmt: skip
def wait_without_timeout(subject: FlowSubject) -> Iterator[Finding]:
    """Waits with no bound on their time."""
    for step in subject.analysis.steps:
        if isinstance(step, Wait) and step.timeout is None:
            yield Finding(of_step(subject, step), f"the wait for `{step.name}` has no timeout", "add `timeout: 2d`")


_SEND = "@tool(effects={'writes_external'}, idempotent=True)\ndef send(text: str) -> str: ...\n"
_BOTH = (
    "limits: {time: 1m}\nsteps:\n  - parallel:\n      one:\n        - call: ./tools/send\n          with: {text: a}\n"
)


@rule(
    "FLW524", "race-outside", on="flow", severity="info", confidence="medium",
    summary="Two branches of a `parallel` call the same tool that writes outside.",
    why="Which one comes first differs from run to run; what the outside ends up with may as well.",
    mend="Call it after the join, or make sure that the order does not matter.",
    bad=flow(
        _BOTH + "      two:\n        - call: ./tools/send\n          with: {text: b}\n", (10, 11), tools=_SEND
    ),
    good=flow(_BOTH + "      two: []\n  - call: ./tools/send\n    with: {text: b}\n", tools=_SEND),
)  # fmt: skip
def race_outside(subject: FlowSubject) -> Iterator[Finding]:
    """The same external write in two branches that run side by side."""
    for step in subject.analysis.steps:
        if isinstance(step, Parallel):
            seen: dict[str, str] = {}
            for name, steps in step.branches.items():
                for call in _writes(subject, steps):
                    first = seen.setdefault(call.tool, name)
                    if first != name:
                        message = f"`{call.tool}` is called in the branch `{first}` too, at the same time"
                        yield Finding(of_step(subject, call), message)


def _writes(subject: FlowSubject, steps: tuple[Step, ...]) -> Iterator[Call]:
    for step in walk(steps):
        card = subject.linked.tools.get(step.tool) if isinstance(step, Call) else None
        if card is not None and isinstance(step, Call) and "writes_external" in (card.declaration.effects or ()):
            yield step
