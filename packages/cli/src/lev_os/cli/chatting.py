"""A conversation with an agent in the terminal: what is typed, what is shown, and what a person is asked."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from lev_os.core.errors import LevError

from . import interrupts
from .catalog import export_of
from .driving import ModelChoice
from .errors import FINE, INTERRUPTED, WAITING, UsageProblem, report_of
from .lines import Lines
from .output import note, print_json, print_line, print_report, visible
from .project import project_root

if TYPE_CHECKING:
    from lev_os.agents import Agent, Answer, Thread
    from lev_os.agents.events import AgentEvent, ToAsk

_HELP = """/why      what the gate said of the last answer, and what it goes by
/history  what was typed, here and in earlier conversations with this agent
/help     this
/quit     leave; so does Ctrl-D
Ctrl-C    stops an answer, nothing of which is kept; a question it leaves open is asked again after the next line"""
_STOPPED = "stopped; nothing of it is kept"
_STAY = "Ctrl-D or /quit leaves"
_WIDTH = 300


def open_agent(specifier: str, choice: ModelChoice, python: str | None) -> Agent:
    """An agent with its model open; raises `UsageProblem` for what is no agent, `NoModel` when there is none."""
    import pydantic_ai
    from lev_os.agents import Agent

    pydantic_ai.BANNER_ENABLED = False  # its advertisement would stand in the conversation
    export = export_of(specifier, python)
    if export.kind != "agent":
        raise UsageProblem(
            f"{export.specifier} is a {export.kind}, not an agent", help="`lev list --kind agent` lists agents"
        )
    agent = Agent.from_package(
        export.specifier,
        model=choice.name,
        allow_weak_decisions=choice.allow_weak_decisions,
        root=project_root(),
    )
    agent.model  # noqa: B018  # opened now, so that its absence is said at once
    return agent


def by_name(agents: Sequence[Agent]) -> dict[str, Agent]:
    """The agents by the names that others ask for them with; those of one name by their specifiers."""
    names = Counter({agent.declared.specifier: agent.name for agent in agents}.values())
    return {
        agent.name if names[agent.name] == 1 else agent.declared.specifier.replace("/", "."): agent for agent in agents
    }


class Chat:
    """One agent and one thread."""

    def __init__(self, agent: Agent, thread: Thread) -> None:
        self.agent = agent
        self.thread = thread
        self.audit: Sequence[Any] | None = None
        """The verdicts on the last answer, or on what was denied in its place."""
        self._column = 0
        self._asked: dict[str, ToAsk] = {}
        """What the person was asked here, with the reasons, which threads do not keep."""

    @cached_property
    def _lines(self) -> Lines:
        """What is typed in a conversation; one answer alone reads and remembers nothing."""
        return Lines(self.agent.threads / "history")

    @classmethod
    def open(cls, specifier: str, thread: str | None, choice: ModelChoice, python: str | None) -> Chat:
        """Raises `UsageProblem` for what is no agent, `NoModel` when there is none: before anything is typed."""
        from lev_os.agents import Thread

        agent = open_agent(specifier, choice, python)
        return cls(agent, Thread() if thread is None else agent.thread(thread))

    # -- one answer ------------------------------------------------------------------------------------------

    def once(self, message: str | None, approvals: Mapping[str, bool], *, as_json: bool) -> int:
        """Say one thing, or answer what waits; the exit code."""
        prompt = sys.stdin.read() if message == "-" else message
        if prompt is not None and not prompt.strip():
            raise UsageProblem("the message is empty", help="give --message some text")
        unknown = set(approvals) - set(self.thread.waiting)
        if unknown:
            waits = ", ".join(self.thread.waiting) or "nothing"
            named = ", ".join(sorted(unknown))
            raise UsageProblem(f"the thread does not wait for {named}", help=f"it waits for {waits}")
        with interrupts.runner() as runner:
            if as_json:
                answer = runner.run(self.agent.run(prompt, thread=self.thread, approvals=approvals or None))
                print_json(self._as_json(answer))
            else:
                answer = runner.run(self._answer(prompt, approvals or None))
                for one in answer.waiting:
                    note(f"… waits for a person: {_call(one)}")
                    note(f"    {one.reason}")
                if answer.waiting and (command := self._answering()):
                    note(f"    help: {command}")
        return WAITING if answer.waiting else FINE

    def _as_json(self, answer: Answer[Any]) -> dict[str, Any]:
        usage = answer.usage
        return {
            "agent": self.agent.declared.specifier,
            "output": answer.output,
            "run": answer.run,
            "thread": None if self.thread.path is None else self.thread.path.stem,
            "waiting": [
                {"id": one.id, "tool": one.tool, "arguments": dict(one.arguments), "reason": one.reason}
                for one in answer.waiting
            ],
            "usage": {
                "asks": usage.requests,
                "tool_calls": usage.tool_calls,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
            },
            "verdicts": list(answer.audit),
        }

    # -- a conversation --------------------------------------------------------------------------------------

    def talk(self) -> int:
        """Until /quit or Ctrl-D; without a terminal, Ctrl-C ends it too."""
        if sys.stdin.isatty():
            note(click.style(f"{self.agent.name}: {self.agent.declared.description}", bold=True))
            note(f"{self._model()}; /help lists what can be typed")
        with interrupts.runner() as runner:
            self._settle(runner)
            while True:
                try:
                    typed = self._lines.read("> ")
                except EOFError:
                    if sys.stdin.isatty():
                        print_line()  # the shell's prompt begins a line of its own
                    return FINE
                except KeyboardInterrupt:
                    print_line()
                    if not sys.stdin.isatty():
                        return INTERRUPTED
                    note(_STAY)
                    continue
                if typed in ("/quit", "/exit"):
                    return FINE
                if typed:
                    self._lines.remember(typed)
                if typed.startswith("/"):
                    self._command(typed)
                elif not self._settle(runner):
                    if typed:
                        note("what you typed was not sent")
                elif typed:
                    self._turn(runner, typed, None)

    def _turn(self, runner: asyncio.Runner, prompt: str | None, approvals: Mapping[str, bool] | None) -> bool:
        """One answer, and the questions to the person that it ends with. What goes wrong is told; then it is False."""
        from lev_os.agents import Denied

        try:
            answer = runner.run(self._answer(prompt, approvals))
        except KeyboardInterrupt:
            self._end_line()
            answered = approvals is not None and not self.thread.waiting
            note("stopped; your answer counts, nothing else of it is kept" if answered else _STOPPED)
            return False
        except LevError as error:
            self._end_line()
            if isinstance(error, Denied):
                self.audit = error.audit
            print_report(report_of(error), as_json=False)
            return False
        if prompt is not None:
            self._lines.keep(prompt)  # what was denied or stopped is not kept
        self._asked = {one.id: one for one in answer.waiting}
        return self._settle(runner)

    def _settle(self, runner: asyncio.Runner) -> bool:
        """Ask the person about the calls that wait, and go on with the answers; False when some wait still."""
        waiting = self.thread.to_ask()
        if not waiting:
            return True
        said: dict[str, bool] = {}
        for one in waiting:
            note(click.style("a person is asked:", bold=True) + f" {_call(one)}")
            if reason := self._asked.get(one.id, one).reason:
                note(f"    {reason}")
            try:
                said[one.id] = self._lines.read("approve? [y/N] ").lower() in ("y", "yes")
            except (EOFError, KeyboardInterrupt):
                print_line()
                command = self._answering()
                later = f", or answer later: {command}" if command else ""
                note(f"not answered: it is asked again after your next line{later}")
                return False
        return self._turn(runner, None, said)

    def _answering(self) -> str | None:
        """The command that approves all that waits, for a thread that is kept."""
        if self.thread.path is None:
            return None
        words = ["lev", "chat", self.agent.declared.specifier, "--thread", self.thread.path.stem]
        for call in self.thread.waiting:
            words += ["--approve", call]
        return visible(shlex.join(words))  # a model may have made up the ids

    async def _answer(self, prompt: str | None, approvals: Mapping[str, bool] | None) -> Answer[Any]:
        from lev_os.agents.events import Finished

        events = self.agent.stream(prompt, thread=self.thread, approvals=approvals)
        answer: Answer[Any] | None = None
        async with contextlib.aclosing(events):
            async for event in events:
                if isinstance(event, Finished):
                    answer = event.answer
                else:
                    self._show(event)
        assert answer is not None, "a stream that does not raise ends with the answer"
        self.audit = answer.audit
        if answer.output is not None and not isinstance(answer.output, str):
            self._end_line()
            print_json(answer.output)
        self._end_line()
        return answer

    # -- what is shown ---------------------------------------------------------------------------------------

    def _show(self, event: AgentEvent) -> None:
        from lev_os.agents.events import Called, Returned, Said

        if isinstance(event, Said):
            if event.again:
                self._end_line()
                note(click.style("… written again", dim=True))
            sys.stdout.write(visible(event.text) if sys.stdout.isatty() else event.text)
            sys.stdout.flush()
            self._column = len(event.text.rpartition("\n")[2])
        elif isinstance(event, Called):
            self._end_line()
            note(click.style(f"→ {event.tool} {_short(event.arguments)}", dim=True))
        elif isinstance(event, Returned):
            mark = "←" if event.ok else "✗"
            note(click.style(f"{mark} {event.tool} {_short(event.result)}", dim=True))

    def _end_line(self) -> None:
        if self._column:
            print_line()
            self._column = 0

    def _command(self, typed: str) -> None:
        if typed == "/help":
            print_line(_HELP)
        elif typed == "/why":
            self._why()
        elif typed == "/history":
            for line in self._lines.typed or ["nothing is remembered"]:
                print_line(visible(line))
        else:
            note(f"there is no command {typed}")
            print_line(_HELP)

    def _why(self) -> None:
        """The verdicts on the last answer, and what is in force."""
        if self.audit is None:
            print_line("nothing has been answered yet")
        else:
            for entry in self.audit:
                for line in _verdict(entry):
                    print_line(line)
        contexts = [part.specifier for part in self.agent.links.instructions if not isinstance(part, str)]
        print_line(f"contexts: {', '.join(contexts) or 'none'}")
        print_line(f"constitutions: {', '.join(law.specifier for law in self.agent.links.constitutions)}")
        print_line(f"tainted by: {', '.join(sorted(self.thread.labels)) or 'nothing'}")

    def _model(self) -> str:
        return f"model {self.agent.model.model_name}"


def _verdict(entry: Any) -> list[str]:
    """One line for what was allowed, and one for each principle that objected."""
    if not hasattr(entry, "ruling"):
        return ["approved  by a person" if entry.approved else "refused   by a person"]
    what = {"pre": "request to the model", "tool": "tool call", "post": "answer or result"}[entry.phase]
    lines = [f"{entry.ruling:<8}  {what}"]
    return lines + [f"          {finding.principle}: {finding.message}" for finding in entry.findings]


def _call(one: ToAsk) -> str:
    return f"{one.tool} {_short(one.arguments)} ({one.id})"


def _short(value: Any) -> str:
    from lev_os.core import canonical

    text = value if isinstance(value, str) else canonical.encode(value).decode()
    line = visible(" ".join(text.split()))
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
