"""A run as lines of text: the same facts as its page of HTML, texts cut to a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...output import columns

if TYPE_CHECKING:
    from lev_os.core.traces import AttemptView, EffectView, RunView

_CUT = 160


def lines(view: RunView) -> Iterator[str]:
    """Input, outcome and usage, then every effect with what was said of it, then decisions and contexts."""
    yield f"input   {_line(view.input, 4000)}"
    if view.status == "done" and view.output is not None:
        yield f"output  {_line(view.output, 4000)}"
    if view.error is not None:
        yield f"error   {_line(f'{view.error.kind}: {view.error.message}', 4000)}"
    if view.cancelled is not None:
        yield f"cancel  {_line(view.cancelled, 4000)}"
    usage = view.usage
    cost = "cost unknown" if usage.cost is None else f"${usage.cost:.6f}"
    calls = "1 tool call" if usage.tool_calls == 1 else f"{usage.tool_calls} tool calls"
    yield (
        f"used    {usage.asks} model requests, {usage.judgements} judgements, {calls}, "
        f"{usage.input_tokens} tokens in, {usage.output_tokens} out, {cost}, {view.updated - view.started:.3f}s"
    )
    if view.effects:
        yield ""
        heads = ("AFTER", "KIND", "STEP", "STATE", "TOOK", "TOKENS", "KEY")
        table = columns((_row(effect, view.started) for effect in view.effects), head=heads)
        yield table[0]
        for effect, line in zip(view.effects, table[1:], strict=True):
            yield line
            yield from _inside(effect)
    if view.decisions:
        yield ""
        rows = [
            (
                _line(made.step),
                _line(made.label),
                _line(made.decided_by),
                "-"
                if made.confidence is None
                else f"{made.confidence:.2f}{'' if made.calibrated else ' uncalibrated'}",
                _line(made.evidence or ""),
            )
            for made in view.decisions
        ]
        yield from columns(rows, head=("DECIDED AT", "LABEL", "BY", "CONFIDENCE", "EVIDENCE"))
    if view.contexts:
        yield ""
        yield from columns(
            ((context.specifier, digest) for digest, context in view.contexts.items()), head=("CONTEXT", "DIGEST")
        )


def _row(effect: EffectView, began: float) -> tuple[str, ...]:
    first, last = effect.attempts[0], effect.attempts[-1]
    took = "" if first.left is None or last.arrived is None else f"{last.arrived - first.left:.3f}s"
    tokens = [attempt.tokens for attempt in effect.attempts if attempt.tokens is not None]
    state = effect.state if len(effect.attempts) == 1 else f"{effect.state}, attempt {last.number}"
    return (
        "" if first.left is None else f"{first.left - began:.3f}s",
        effect.kind,
        _line(f"{effect.title} at {effect.path}" if effect.path else effect.title, 70),
        state,
        took,
        f"{sum(read for read, _ in tokens)}/{sum(written for _, written in tokens)}" if tokens else "",
        effect.key[:8],
    )


def _inside(effect: EffectView) -> Iterator[str]:
    for attempt in effect.attempts:
        for name, text in _said(attempt):
            yield f"    {name:<11}{_line(text, _CUT)}"


def _said(attempt: AttemptView) -> Iterator[tuple[str, Any]]:
    request = attempt.request
    for name, label in (("instruction", "prompt"), ("statement", "statement"), ("arguments", "arguments")):
        if request.get(name):
            yield label, request[name]
    if request.get("about") is not None:
        yield "about", request["about"]
    for context in request.get("context") or ():
        yield "context", f"{context.get('specifier')} {context.get('digest')}"
    rulings = ", ".join(f"{verdict['phase']} {verdict['ruling']}" for verdict in attempt.verdicts)
    if rulings:
        yield "verdicts", rulings
    for finding in attempt.findings:
        yield "finding", f"{finding.get('principle')}: {finding.get('message')}"
    for approval in attempt.approvals:
        said = "approved" if approval.get("approved") else "refused"
        yield "person", f"{said} {approval.get('note') or ''}"
    if attempt.decided_by is not None:
        yield "decided by", attempt.decided_by
    if attempt.cost is not None:
        yield "cost", f"${attempt.cost:.6f}"
    if attempt.failure is not None:
        yield "failure", f"{attempt.failure.kind}: {attempt.failure.message}"
    elif attempt.state in ("done", "refused"):
        yield "result", attempt.value


def _line(value: Any, limit: int = _CUT) -> str:
    from lev_os.core import canonical
    from lev_os.core.traces.texts import one_line

    return one_line(value if isinstance(value, str) else canonical.encode(value).decode(), limit)
