"""A run as one page of HTML that needs nothing else: no script, no file from elsewhere, no package.

Its content policy allows its own style, named by digest, and nothing more; every text of the run is escaped. Long
texts are cut so that the page of ten thousand effects stays under fifteen megabytes; the journal has them whole.
"""

from __future__ import annotations

import base64
import hashlib
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from .graph import drawn
from .style import CSS
from .texts import escaped, one_line, plain
from .view import AttemptView, EffectView, RunView, flows

MAX_ATTEMPTS = 10_000
_LAST = 20
"""How many attempts of effects a page shows, the first ones, and how many of one effect, the last ones."""
_TEXTS = 4_000_000
"""Bytes of all effects' texts together."""
_GROUP, _UNGROUPED = 250, 300
_BAR = 240
_RED, _YELLOW = ("failed", "denied"), ("refused", "cancelled", "open", "held")


def as_html(view: RunView) -> str:
    """The page of a run, UTF-8."""
    style = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escaped(view.run)}: {escaped(view.flow)}</title><style>{CSS}</style></head><body>\n"
    )
    return "".join((head, *_Page(view).parts(), "</body></html>\n"))


class _Page:
    def __init__(self, view: RunView) -> None:
        self._view = view
        totals = list(accumulate(min(len(effect.attempts), _LAST) for effect in view.effects))
        self._shown = view.effects[: bisect_right(totals, MAX_ATTEMPTS)]
        texts = 3 * (totals[len(self._shown) - 1] if self._shown else 0)
        self._limit = max(120, min(20_000, _TEXTS // max(1, texts)))
        self._span = max(view.updated - view.started, 1e-6)
        self._context_anchor = {digest: f"c{number}" for number, digest in enumerate(view.contexts)}
        self._by_specifier = {context.specifier: digest for digest, context in view.contexts.items()}

    def parts(self) -> Iterator[str]:
        yield from self._summary()
        yield from self._graphs()
        yield from self._decisions()
        yield from self._effects()
        yield from self._contexts()

    def _summary(self) -> Iterator[str]:
        view = self._view
        usage = view.usage
        began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(view.started))
        yield f"<h1>{escaped(view.flow)} {_pill(view.status)}</h1>"
        yield f'<p class="dim">Run <code>{escaped(view.run)}</code>, begun {began}</p>'
        facts = {
            "time": _seconds(self._span),
            "model requests": str(usage.asks),
            "judgements": str(usage.judgements),
            "tool calls": str(usage.tool_calls),
            "tokens in": f"{usage.input_tokens:,}",
            "tokens out": f"{usage.output_tokens:,}",
            "cost": "unknown" if usage.cost is None else f"${usage.cost:.4f}",
        }
        yield '<div class="facts">'
        yield "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in facts.items())
        yield "</div>"
        if view.error is not None:
            yield f'<p class="bad"><b>{escaped(view.error.kind)}</b>: {escaped(view.error.message[:5000])}</p>'
        if view.cancelled is not None:
            yield f"<p>Cancelled: {escaped(view.cancelled[:5000])}</p>"
        yield _text("Input", view.input, 20_000)
        if view.status == "done":
            yield _text("Output", view.output, 20_000)

    def _graphs(self) -> Iterator[str]:
        view = self._view
        links: dict[str | None, dict[str, str]] = {}
        for number, effect in enumerate(self._shown):
            links.setdefault(effect.flow, {}).setdefault(effect.step, f"e{number}")
        known = "" if view.replayed else " This version cannot replay the journal: only steps with effects are known."
        told = "Filled steps and blue lines were taken; a step leads to its first effect."
        yield f'<h2>Flow</h2><p class="dim">{told}{known}</p>'
        for number, flow in enumerate(flows(view.linked)):
            picture = f'<div class="wide">{drawn(flow, view.visits, links.get(flow.specifier, {}))}</div>'
            if number:
                name = escaped(flow.specifier)
                yield f"<details><summary>Sub-flow <code>{name}</code></summary><div>{picture}</div></details>"
            else:
                yield picture

    def _decisions(self) -> Iterator[str]:
        if not self._view.decisions:
            return
        yield "<h2>Decisions</h2><table><tr><th>step<th>decided<th>by<th>confidence<th>evidence</tr>"
        for made in self._view.decisions[:MAX_ATTEMPTS]:
            if made.confidence is None:
                sure = '<span class="dim">none given</span>'
            else:
                sure = f"{made.confidence:.2f}" + ("" if made.calibrated else ' <span class="dim">uncalibrated</span>')
            cells = (made.step, made.label, made.decided_by)
            shown = "".join(f"<td>{escaped(one_line(cell, 200))}" for cell in cells)
            yield f"<tr>{shown}<td>{sure}<td>{escaped(one_line(made.evidence or '', 300))}</tr>\n"
        yield "</table>"

    def _effects(self) -> Iterator[str]:
        effects = self._view.effects
        yield f'<h2 id="effects">Effects, in time ({len(effects):,})</h2>'
        if not effects:
            yield '<p class="dim">This run has asked for nothing outside itself.</p>'
            return
        names = ("after", "kind", "step", "when", "took", "tokens", "state")
        heads = (
            f'<span class="num">{name}</span>' if name in ("took", "tokens") else f"<span>{name}</span>"
            for name in names
        )
        yield f'<div class="head">{"".join(heads)}</div>'
        numbered = list(enumerate(self._shown))
        if len(numbered) <= _UNGROUPED:
            yield from (self._effect(number, effect) for number, effect in numbered)
        else:
            for start in range(0, len(numbered), _GROUP):
                yield from self._group(numbered[start : start + _GROUP])
        if len(effects) > len(self._shown):
            yield f"<p>{len(effects) - len(self._shown):,} more effects are in the journal.</p>"

    def _group(self, group: Sequence[tuple[int, EffectView]]) -> Iterator[str]:
        first, last = group[0][0] + 1, group[-1][0] + 1
        bad = sum(effect.state in _RED for _, effect in group)
        failed = f', <span class="bad">{bad} failed</span>' if bad else ""
        yield f'<details class="group"><summary>Effects {first:,} to {last:,}{failed}</summary><div>'
        yield from (self._effect(number, effect) for number, effect in group)
        yield "</div></details>\n"

    def _effect(self, number: int, effect: EffectView) -> str:
        """One effect, closed: a row of the timeline; open: all that is known of it."""
        view, attempts = self._view, effect.attempts
        begun = attempts[0].left
        took = None if begun is None or attempts[-1].arrived is None else attempts[-1].arrived - begun
        read, written = (sum(tokens) for tokens in zip(*(one.tokens or (0, 0) for one in attempts), strict=True))
        colour = "bad" if effect.state in _RED else "warn" if effect.state in _YELLOW else "dim"
        tries = f" ({len(attempts)} attempts)" if len(attempts) > 1 else ""
        row = (
            f'<span class="mono dim">{"" if begun is None else _seconds(begun - view.started)}</span>'
            f'<span class="{effect.kind}">{effect.kind}</span>'
            f"<span>{escaped(one_line(effect.title, 60))}{tries}</span>"
            f"{self._bar(effect)}"
            f'<span class="num">{"" if took is None else _seconds(took)}</span>'
            f'<span class="num dim">{f"{read:,} / {written:,}" if read or written else ""}</span>'
            f'<span class="{colour}">{effect.state}</span>'
        )
        place = f"{effect.flow or ''} {effect.path}"
        facts = f'<p class="dim mono">{escaped(one_line(place, 400))} · key {escaped(effect.key)}</p>'
        inside = "".join(self._attempt(one, len(attempts) > 1) for one in attempts[-_LAST:])
        return f'<details class="effect" id="e{number}"><summary>{row}</summary><div>{facts}{inside}</div></details>\n'

    def _bar(self, effect: EffectView) -> str:
        bars = []
        for attempt in effect.attempts[-_LAST:]:
            if attempt.left is None:
                continue
            start = (attempt.left - self._view.started) / self._span * _BAR
            end = ((attempt.arrived or self._view.updated) - self._view.started) / self._span * _BAR
            wide = max(2.0, end - start)
            bars.append(f'<rect x="{min(start, _BAR - 2):.1f}" width="{wide:.1f}" height="10"/>')
        return f'<svg class="bar {effect.kind}">{"".join(bars)}</svg>'

    def _attempt(self, attempt: AttemptView, numbered: bool) -> str:
        parts = [f"<h3>Attempt {attempt.number}: {attempt.state}</h3>"] if numbered else []
        facts = [f"{attempt.seconds:.3f} s"] if attempt.seconds is not None else []
        if attempt.tokens is not None:
            facts.append("{:,} tokens in, {:,} out".format(*attempt.tokens))
        if attempt.cost is not None:
            facts.append(f"${attempt.cost:.6f}")
        if attempt.decided_by is not None:
            facts.append(f"decided by {one_line(attempt.decided_by, 120)}")
        if facts:
            parts.append(f"<p>{escaped(' · '.join(facts))}</p>")
        parts += self._request(attempt.request)
        parts += [_finding(finding, self._limit) for finding in attempt.findings]
        rulings = [f"{verdict['phase']}: {verdict['ruling']}" for verdict in attempt.verdicts]
        if rulings:
            parts.append(f'<p class="dim">Verdicts: {escaped(", ".join(rulings))}</p>')
        for approval in attempt.approvals:
            note = f": {approval['note']}" if approval.get("note") else ""
            said = f"A person {'approved' if approval.get('approved') else 'refused'} it{note}"
            parts.append(f"<p>{escaped(one_line(said, 2000))}</p>")
        if attempt.failure is not None:
            said = f"{attempt.failure.kind}: {attempt.failure.message}"
            parts.append(_text("Failure", said, self._limit))
        elif attempt.state in ("done", "refused"):
            parts.append(_text("Result", _without_usage(attempt), self._limit))
        return "".join(parts)

    def _request(self, request: Mapping[str, Any]) -> Iterator[str]:
        told = {"purpose", "step", "name", "returns", "tools", "context", "tool"}
        if request.get("context"):
            yield f"<p>Contexts: {', '.join(self._context(one) for one in request['context'])}</p>"
        if request.get("tool"):
            yield f"<p>Tool: <code>{escaped(one_line(str(request['tool']), 300))}</code></p>"
        if tools := request.get("tools"):
            yield f"<p>Tools offered: {escaped(one_line(', '.join(str(one['name']) for one in tools), 400))}</p>"
        for name in ("instruction", "statement", "about", "arguments"):
            if request.get(name) is not None:
                yield _text("Prompt" if name == "instruction" else name.capitalize(), request[name], self._limit)
        for problem in request.get("problems") or ():
            yield f'<p class="warn">Told of the attempt before: {escaped(one_line(str(problem), self._limit))}</p>'
        told |= {"instruction", "statement", "about", "arguments", "problems"}
        rest = {name: value for name, value in request.items() if name not in told and value not in (None, [], {})}
        if rest:
            yield _text("Request", rest, self._limit)

    def _context(self, one: Mapping[str, Any]) -> str:
        digest = str(one.get("digest"))
        specifier = str(one.get("specifier"))
        anchor = self._context_anchor.get(digest) or self._context_anchor.get(self._by_specifier.get(specifier, ""))
        name = f"{escaped(one_line(specifier, 200))} <code>{escaped(digest[:19])}</code>"
        return f'<a href="#{anchor}">{name}</a>' if anchor else name

    def _contexts(self) -> Iterator[str]:
        if not self._context_anchor:
            return
        yield "<h2>Contexts</h2>"
        for digest, context in self._view.contexts.items():
            names = f"<code>{escaped(context.specifier)}</code> <code class='dim'>{escaped(digest)}</code>"
            text = _text("", context.text, 200_000)
            anchor = self._context_anchor[digest]
            yield f'<details id="{anchor}"><summary>{names}</summary><div>{text}</div></details>\n'


def _without_usage(attempt: AttemptView) -> Any:
    """A result without what is shown beside it."""
    value = attempt.value
    if attempt.request.get("purpose") is None or not isinstance(value, dict):
        return value
    kept = {name: inner for name, inner in value.items() if name not in ("usage", "decided_by")}
    return kept["answer"] if set(kept) == {"answer"} else kept


def _finding(finding: Mapping[str, Any], limit: int) -> str:
    said = f"{finding.get('principle')} ({finding.get('ruling')}): {finding.get('message')}"
    kind = " deny" if finding.get("ruling") == "deny" else ""
    return f'<p class="finding{kind}">{escaped(one_line(said, limit))}</p>'


def _text(title: str, value: Any, limit: int) -> str:
    shown, left = plain(value, limit)
    more = f'<p class="dim">{left:,} more characters are in the journal.</p>' if left else ""
    heading = f"<h3>{title}</h3>" if title else ""
    return f'{heading}<pre dir="auto">{escaped(shown)}</pre>{more}'


def _pill(status: str) -> str:
    colour = {"done": "good", "failed": "bad", "denied": "bad"}.get(status, "warn")
    return f'<span class="pill {colour}">{escaped(status)}</span>'


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 600:
        return f"{seconds:.2f} s"
    return f"{seconds / 3600:.1f} h" if seconds >= 7200 else f"{seconds / 60:.1f} min"
