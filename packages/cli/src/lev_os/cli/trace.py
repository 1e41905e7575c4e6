"""A run as it happens, on stderr: plain lines in a pipe, and a live line of what is under way on a terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from .output import note
from .project import handle_of

if TYPE_CHECKING:
    from lev_os.core.bidirectional.effects import Effect
    from lev_os.core.bidirectional.events import Event, RunResult
    from rich.live import Live

_VERBS = {"model": "asks", "judge": "judges", "tool": "calls", "wait": "waits", "sleep": "sleeps"}
_TAIL = 60


class Trace:
    """Takes the events of one run. `quiet` shows nothing; the plain form is used where stderr is no terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._running: dict[str, Effect] = {}
        self._text = ""
        self._hints: set[str] = set()
        self._live: Live | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Trace:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=True)
            try:
                self._live.start()
            except BaseException:  # Ctrl-C while it starts: the cursor comes back
                self._live.stop()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def take(self, event: Event) -> None:
        """Show one event."""
        if self._quiet:
            return
        match type(event).__name__:
            case "EffectStarted":
                self._started(event.effect)  # type: ignore[union-attr]  # by the name of its type
            case "EffectFinished":
                self._finished(event)
            case "VerdictGiven":
                self._verdict(event)
            case "TextDelta":
                self._text = (self._text + event.text)[-_TAIL:]  # type: ignore[union-attr]  # by the name of its type
            case _:
                pass
        self._refresh()

    def _started(self, effect: Effect) -> None:
        self._running[effect.key] = effect
        self._text = ""
        if effect.kind == "wait":
            self._line("…", "yellow", _name(effect), f"waits for {effect.request.get('name', 'a person')}")

    def _finished(self, event: Any) -> None:
        effect = self._running.pop(event.key, None)
        self._text = ""
        name = _name(effect) if effect is not None else event.path
        good = event.reply == "accepted"
        word = "" if good else f" {event.reply}: {'; '.join(event.problems)}".rstrip(": ")
        retry = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        self._line(
            "✓" if good else "✗",
            "green" if good else "red",
            name,
            f"{_VERBS[event.kind]}{_object(effect)}{retry}{word}  {event.seconds:.2f} s",
        )

    def _verdict(self, event: Any) -> None:
        if event.ruling == "allow":
            return
        for finding in event.body.get("findings") or [{"principle": "gate", "message": ""}]:
            colour = "red" if event.ruling == "deny" else "yellow"
            self._line("!", colour, event.ruling, f"{finding.get('principle')}: {finding.get('message')}")
            if (hint := finding.get("help")) and hint not in self._hints:
                self._hints.add(hint)
                self._print(f"    help: {hint}")

    def _line(self, mark: str, colour: str, name: str, text: str) -> None:
        self._print(f"{click.style(mark, fg=colour)} {name.ljust(12)} {text}")

    def _print(self, line: str) -> None:
        if self._live is None:
            note(line)
        else:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(line))

    def _refresh(self) -> None:
        if self._live is None:
            return
        from rich.spinner import Spinner

        names = ", ".join(
            f"{_name(effect)} {_VERBS[effect.kind]}{_object(effect)}" for effect in self._running.values()
        )
        seconds = time.monotonic() - self._began
        tail = f"  “…{' '.join(self._text.split())}”" if self._text else ""
        self._live.update(Spinner("dots", text=f" {names or 'thinking'}  {seconds:.0f} s{tail}"))


def summary_lines(result: RunResult, seconds: float) -> list[str]:
    """What was decided by whom, what it took, and how the run stands."""
    lines = []
    for decision in result.decisions:
        sure = "" if decision.confidence is None else f", {decision.confidence:.2f} sure"
        lines.append(f"  {decision.step}: {decision.label}  (decided by {decision.decided_by}{sure})")
    usage = result.usage
    facts = [f"{seconds:.2f} s"]
    for count, word in ((usage.asks, "ask"), (usage.judgements, "judgement"), (usage.tool_calls, "tool call")):
        if count:
            facts.append(f"{count} {word}{'s' if count != 1 else ''}")
    if usage.input_tokens or usage.output_tokens:
        facts.append(f"{usage.input_tokens} tokens in, {usage.output_tokens} out")
    if usage.cost is not None:
        facts.append(f"${usage.cost:.4f}")
    lines.append(f"{result.status} · {' · '.join(facts)} · run {result.run}")
    if result.error is not None:
        where = f" (step {result.error.step})" if result.error.step else ""
        lines.append(f"{click.style('error', fg='red', bold=True)}: {result.error.message}{where}")
    if result.status == "waiting":
        lines += [f"  waits for {wait.request.get('name', wait.kind)}" for wait in result.waits]
        handle = result.run if result.journal is None else handle_of(Path(result.journal))
        lines.append(f"    help: lev runs approve {handle}")
    return lines


def _name(effect: Effect) -> str:
    return str(effect.request.get("step") or effect.request.get("name") or effect.path)


def _object(effect: Effect | None) -> str:
    if effect is None:
        return ""
    if effect.kind == "tool":
        return f" {effect.request.get('tool', '')}"
    if effect.kind == "model" and effect.request.get("purpose") != "ask":
        return " for a judgement"
    return ""
