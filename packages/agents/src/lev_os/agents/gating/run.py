"""The gate of one agent run: what it has decided, what the conversation is tainted with, and the audit trail.

`GatedRun` decides; the model, the toolset and the hooks around it only ask. A run that is started by a tool of another
gated run obeys that run's constitutions too, in the same session.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from lev_os.core import canonical
from lev_os.core.constitutional import ALLOW, Action, Gate, GateSession, Verdict
from lev_os.core.constitutional.audit import Approval, AuditEntry
from lev_os.core.constitutional.judging import judge_request, judged_violation
from lev_os.core.constitutional.streaming import common_lag
from lev_os.core.constitutional.verdict import REVISIONS, SHOWN, reasons, strictest
from lev_os.core.tools import ToolCard, tool_labels
from pydantic_ai.messages import ModelMessage, ModelResponse

from ..errors import Denied
from . import wire
from .cards import Effects, card_by_name, card_of
from .questions import Questions, question

if TYPE_CHECKING:
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.tools import RunContext
    from pydantic_ai.toolsets.abstract import ToolsetTool

MISSING: Final = object()
Trail = list[AuditEntry | Approval]
CURRENT: ContextVar[GatedRun | None] = ContextVar("lev_os_gated_run", default=None)
"""The gated run whose tool is being called here."""

_MAX_LATEST: Final = 1000


class _Trace:
    """What is left of a run when it is over."""

    __slots__ = ("labels", "trail")

    def __init__(self) -> None:
        self.trail: Trail = []
        self.labels: frozenset[str] = frozenset()


_latest: OrderedDict[str, _Trace] = OrderedDict()


def trail_of(run: str) -> Trail:
    """The audit trail of one of the latest runs of this process."""
    found = _latest.get(run)
    return [] if found is None else found.trail


def labels_of(run: str) -> frozenset[str]:
    """What one of the latest runs of this process is tainted with."""
    found = _latest.get(run)
    return frozenset() if found is None else found.labels


class GatedRun:
    """One run's gate. `agent` is how requests name it, `run` its Pydantic AI run id."""

    def __init__(
        self,
        gate: Gate,
        *,
        run: str,
        agent: str,
        effects: Effects,
        questions: Questions,
        audit: Path | None = None,
        parent: GatedRun | None = None,
    ) -> None:
        inherited = () if parent is None else parent.sessions
        own = () if any(known is gate for known in (() if parent is None else parent.gates)) else (gate.session(),)
        self.run = run
        self.agent = agent
        self.gates: tuple[Gate, ...] = (*(() if parent is None else parent.gates), *((gate,) if own else ()))
        self.sessions: tuple[GateSession, ...] = (*inherited, *own)
        self._trace = _latest[run] = _Trace()
        self._trace.labels = frozenset() if parent is None else parent.labels
        self._cards: dict[str, ToolCard] = {}
        self.denied: Denied | None = None
        self.asking: list[str] = []
        """Reasons for which a person is asked about a tool call that waits."""
        self.context: RunContext[Any] | None = None
        self.model: Model | None = None
        """The model below every wrapper: what judged checks are put to."""
        self.served: Model | None = None
        """The gate around it."""
        self.lag = common_lag(one.holdback("post", "model") for one in self.gates)
        self.admitted: Any = MISSING
        """The last answer that was let in."""
        self.response: ModelResponse | None = None
        """The response that it came in."""
        self.shown = ""
        """What has been let out of an answer that is still being written."""
        self._last: Action | None = None
        self._parent = parent
        self._effects = effects
        self._questions = questions
        self._audit = audit
        self._tools: Mapping[str, ToolsetTool[Any]] = {}
        self._results: dict[str, Any] = {}
        self._revisions = 0
        self._turn = 0
        self._calls = 0
        while len(_latest) > _MAX_LATEST:
            _latest.popitem(last=False)

    @property
    def trail(self) -> Trail:
        """Every verdict and approval so far, in order."""
        return self._trace.trail

    @property
    def labels(self) -> frozenset[str]:
        """What the conversation is tainted with."""
        return self._trace.labels

    @property
    def last(self) -> Action:
        """The last request that was let out to a model; an empty one while there is none."""
        if self._last is None:
            request: dict[str, Any] = {"purpose": "ask", "step": self.agent, "instruction": "", "about": None}
            self._last = Action(
                phase="pre",
                kind="model",
                key=self._key("model 0"),
                attempt=1,
                digest=_digest("model", request),
                at=time.time(),
                request=request,
            )
        return self._last

    # -- taint -----------------------------------------------------------------------------------------------

    def taint(self, labels: Iterable[str]) -> None:
        """From here on, whatever comes of the conversation carries these labels too."""
        self._trace.labels |= frozenset(labels)
        if self._parent is not None:
            self._parent.taint(labels)

    def offered(self, tools: Mapping[str, ToolsetTool[Any]]) -> None:
        """The tools that can be called from here on."""
        self._tools = tools
        self._cards = {}

    def card(self, name: str) -> ToolCard:
        """The card of a tool, of one that is not offered too: nothing is known of it then."""
        card = self._cards.get(name)
        if card is None:
            tool = self._tools.get(name)
            card = card_by_name(name, self._effects) if tool is None else card_of(tool, self._effects)
            self._cards[name] = card
        return card

    # -- models ----------------------------------------------------------------------------------------------

    async def question(
        self,
        messages: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        problems: Sequence[str],
        attempt: int,
    ) -> Action:
        """Let a request out to the model. Raises `Denied`."""
        self.check()
        await self._native_tools(parameters)
        await self._tool_results(messages, {tool.name for tool in parameters.output_tools})
        if attempt == 1:
            self._turn += 1
        request = wire.asked(self.agent, messages, parameters, problems)
        action = Action(
            phase="pre",
            kind="model",
            key=self._key(f"model {self._turn}"),
            attempt=attempt,
            digest=_digest("model", request),
            at=time.time(),
            request=request,
            taint={"about": self.labels, "turns": self.labels} if self.labels else {},
        )
        verdict = await self.decide(action)
        if verdict.ruling not in SHOWN:
            raise self.deny(verdict, "no request to the model")
        self.left(action)
        self._last = action
        return action

    def answer_so_far(self, action: Action, answer: Mapping[str, Any]) -> Action:
        """The action of an answer, for checks that read it while it is being written."""
        return msgspec.structs.replace(action, phase="post", result=answer)

    async def answer(self, action: Action, response: ModelResponse, parameters: ModelRequestParameters) -> str | None:
        """Let an answer in: None, or the reason why the model should answer again. Raises `Denied`."""
        answer = wire.answered(response, parameters)
        for call in answer.get("native", ()):
            self.taint(tool_labels(self.card(call["tool"])))
        reason = await self.output(action, answer)
        if reason is None:
            self.admitted, self.response = answer, response
        return reason

    async def output(self, action: Action, answer: Any) -> str | None:
        """The same for what has become of an answer."""
        self.check()
        verdict = await self.decide(msgspec.structs.replace(action, phase="post", result=answer))
        if verdict.ruling in SHOWN:
            return None
        if verdict.revise is not None and self._revisions < REVISIONS:
            self._revisions += 1
            return verdict.revise
        raise self.deny(verdict, "the answer")

    def counted(self) -> None:
        """A model is asked once more than Pydantic AI knows of. Raises `UsageLimitExceeded`."""
        if self.context is not None:
            self.context.usage.requests += 1
            if self.context.usage_limits is not None:
                self.context.usage_limits.check_before_request(self.context.usage)

    # -- tools -----------------------------------------------------------------------------------------------

    def call(self, name: str, arguments: Mapping[str, Any], call_id: str | None) -> Action:
        """A tool call as the gate is asked about it."""
        card = self.card(name)
        given = wire.plain(dict(arguments))
        self._calls += 1  # a model may give two calls one id: what a person approved of one holds for that one
        request = {"tool": card.specifier, "name": card.name, "arguments": given}
        labels = self.labels
        return Action(
            phase="tool",
            kind="tool",
            key=self._key(f"tool {name} {call_id} {self._calls}"),
            attempt=1,
            digest=_digest("tool", request),
            at=time.time(),
            request=request,
            tool=card,
            taint={"": labels, **{f"args.{argument}": labels for argument in given}} if labels else {},
        )

    def ask(self, name: str, call_id: str | None, arguments: Any) -> None:
        """A person is asked about this call, with the arguments as the model wrote them."""
        self._questions.ask(question(self.card(name).specifier, call_id, arguments))

    def approved(self, action: Action, call_id: str | None, arguments: Any) -> bool:
        """A person said yes to exactly this call, as the program says that runs the agent; False if nobody was asked.

        `arguments` are the model's; what a person writes in place of them (`override_args`) answers the same question.
        """
        if not self._questions.answered(question(action.request["tool"], call_id, arguments)):
            return False
        for session in self.sessions:
            session.approved(action)
        self._note(Approval(at=action.at, key=action.key, attempt=action.attempt, digest=action.digest, approved=True))
        return True

    def left(self, action: Action) -> None:
        """The call is let out."""
        for session in self.sessions:
            session.left(action)

    def may_revise(self) -> bool:
        """Whether a model may still try a refused call another way; counts it."""
        self._revisions += 1
        return self._revisions <= REVISIONS

    async def result(self, action: Action, value: Any, call_id: str | None) -> None:
        """Let a tool's result in. Raises `Denied`."""
        self.taint(tool_labels(self.card(action.request["name"])))
        given = wire.returned(value)
        verdict = await self.decide(msgspec.structs.replace(action, phase="post", result=given))
        if verdict.ruling not in SHOWN:
            raise self.deny(verdict, f"the result of `{action.request['name']}`")
        if call_id is not None:
            self._results[call_id] = getattr(value, "return_value", value)

    async def _tool_results(self, messages: Sequence[ModelMessage], outputs: Collection[str]) -> None:
        """Results that no tool of this run gave: from a caller, from a history, or changed on the way."""
        for part in wire.tool_returns(messages):
            if self._known(part.tool_call_id, part.content):
                continue
            if part.outcome == "success" and not wire.is_own_note(part, outputs):
                action = self.call(part.tool_name, {}, part.tool_call_id)
                await self.result(action, part.content, part.tool_call_id)
            self._results[part.tool_call_id] = part.content

    def _known(self, call_id: str, content: Any) -> bool:
        known = self._results.get(call_id, MISSING)
        return known is content or (type(known) is type(content) and bool(known == content))

    async def _native_tools(self, parameters: ModelRequestParameters) -> None:
        """Tools that the provider runs by itself: they are let out when they are offered, or never."""
        for tool in parameters.native_tools:
            name = wire.native_name(tool)
            self._cards.setdefault(tool.kind, self.card(name))
            action = self.call(name, {}, f"native {self._turn}")
            verdict = await self.decide(action)
            if verdict.ruling not in SHOWN:
                raise self.deny(
                    verdict,
                    f"the native tool `{name}`",
                    help="the provider runs it, so nobody can be asked call by call; declare what it does with "
                    f"constitution(…, effects={{{name!r}: …}}), or use a tool of your own",
                )
            self.left(action)

    # -- verdicts --------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what ended the run, if something was denied in it."""
        if self.denied is not None:
            raise self.denied

    async def decide(self, action: Action) -> Verdict:
        """The strictest verdict of all gates, judged checks settled, written to the audit trail."""
        verdicts = [session.judge(action) for session in self.sessions]
        # A text that is denied anyway is shown to no judge.
        if all(verdict.ruling != "deny" for verdict in verdicts):
            for place, verdict in enumerate(verdicts):
                if verdict.judges:
                    answers = await self._judge(action, verdict)
                    verdicts[place] = self.sessions[place].settle(action, verdict, answers)
        final = reduce(strictest, verdicts) if verdicts else ALLOW
        self._note(
            AuditEntry(
                at=action.at,
                key=action.key,
                attempt=action.attempt,
                phase=action.phase,
                digest=action.digest,
                ruling=final.ruling,
                findings=final.findings,
                shadow=final.shadow,
            )
        )
        return final

    async def _judge(self, action: Action, verdict: Verdict) -> dict[str, bool | None]:
        """What a model says of the judged checks; None where nobody can say: the gate then fails closed."""
        if self.model is None:
            return {}
        from lev_os.core.llm_runtime import ModelError
        from lev_os.core.llm_runtime.pydantic import PydanticModel

        client = PydanticModel(self.model)
        answers: dict[str, bool | None] = {}
        for call in verdict.judges:
            request = judge_request(call, self.agent)
            asked = msgspec.structs.replace(
                action, phase="pre", kind="model", request=request, result=None, tool=None, judged=True
            )
            if any(session.judge(asked).ruling not in SHOWN for session in self.sessions):
                answers[call.principle] = None
                continue
            self.counted()
            try:
                answers[call.principle] = judged_violation(await client.ask(request))
            except ModelError:
                answers[call.principle] = None
        return answers

    def deny(self, verdict: Verdict, what: str, *, help: str | None = None) -> Denied:
        """End the run: the error to raise, from now on by every step of it."""
        ask = verdict.ruling == "ask"
        why = reasons(verdict)
        message = f"{self.agent}: a person would have to approve {what}: {why}" if ask else f"{self.agent}: {why}"
        if ask and help is None:
            help = "only a tool call can wait for a person's approval; say it otherwise, or change the constitution"
        self.denied = Denied(message, help=help, findings=verdict.findings, audit=self.trail)
        return self.denied

    def refuse(self, message: str, *, help: str) -> Denied:
        """End the run because of how it is set up."""
        self.denied = Denied(message, help=help, audit=self.trail)
        return self.denied

    def _note(self, entry: AuditEntry | Approval) -> None:
        self.trail.append(entry)
        _latest[self.run] = self._trace  # a run that takes long is not forgotten for those begun after it
        _latest.move_to_end(self.run)
        if self._audit is not None and (self._parent is None or self._parent._audit != self._audit):
            line = canonical.encode({"run": self.run, **msgspec.to_builtins(entry)})
            with self._audit.open("ab") as file:
                file.write(line + b"\n")
        if self._parent is not None:
            self._parent._note(entry)

    def _key(self, what: str) -> str:
        return hashlib.blake2b(f"{self.run}\0{what}".encode(), digest_size=16).hexdigest()


def known_labels(labels: Collection[str]) -> frozenset[str]:
    """`labels`, or `LevError` when one is not known."""
    from lev_os.core import LevError
    from lev_os.core.constitutional.checks.taint import LABELS

    unknown = sorted(set(labels) - set(LABELS))
    if isinstance(labels, str) or unknown:
        raise LevError(f"{labels!r} holds what is no label", help=f"a collection of {', '.join(LABELS)}")
    return frozenset(labels)


def _digest(kind: str, request: Mapping[str, Any]) -> str:
    return canonical.digest({"kind": kind, "request": request})
