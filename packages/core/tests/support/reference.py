"""A slow, plain interpreter of FlowMind, written from what the language says and not from the machine.

It knows how long every effect takes and how it is answered (`World`), so a flow is plain recursion over its tree:
a step has a time at which it starts and gives one at which it ends. What goes side by side is worked out one after
the other and then cut at the time at which a join is decided. Limits, denials and a cancellation cut the whole run
afterwards. Only the syntax tree, expressions, schemas and the rendering of contexts are shared with the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from lev_os.core import canonical
from lev_os.core.flowmind import expressions
from lev_os.core.flowmind import model as tree
from lev_os.core.flowmind.expressions import ExpressionError
from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import Limits
from lev_os.core.schemas import Schema
from reference_gate import Law, mendable, ruling

Names = dict[str, Any]
MODEL_ATTEMPTS = 3
REVISIONS = 2


@dataclass(frozen=True)
class Reply:
    """What the world says to one attempt, and how long that takes; `failure` is a message."""

    after: float
    value: Any = None
    failure: str | None = None


World = Callable[[str, str, int, Mapping[str, Any]], Reply]
"""(kind, path, attempt, request) → reply; the same for the same."""


@dataclass(frozen=True)
class Happened:
    """An effect: when it left and when it was answered or dropped."""

    kind: str
    path: str
    attempt: int
    request: str
    start: float
    end: float
    cut: bool = False
    tokens: int = 0
    meters: tuple[Meter, ...] = ()


@dataclass(eq=False)
class Meter:
    """A flow under way, its limits, and when it ended."""

    limits: Limits
    start: float
    end: float = math.inf


@dataclass(frozen=True)
class Event:
    """What counts for limits and budgets: an effect is wanted (`model`, `tool`), a call has `left`, one is `denied`."""

    at: float
    what: str
    tool: str | None = None
    meters: tuple[Meter, ...] = ()


@dataclass
class Log:
    """All that happened in a strand."""

    effects: list[Happened] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def add(self, other: Log, until: float = math.inf, *, whole: bool = False) -> None:
        """What happened in another strand before it was dropped; all of it when it has come to its end."""
        self.events += [event for event in other.events if whole or event.at < until]
        for effect in other.effects:
            if effect.start < until:
                late = effect.end > until
                self.effects.append(replace(effect, end=until, cut=True) if late else effect)
        for meter in other.meters:
            meter.end = min(meter.end, until)
        self.meters += [meter for meter in other.meters if meter.start < until]


class Failed(Exception):
    """A step failed at `at`."""

    def __init__(self, at: float, kind: str, step: str | None, message: str = "") -> None:
        self.at, self.kind, self.step, self.message = at, kind, step, message


class Stopped(Exception):
    """A strand will not go on: the run ends here, unless something else has dropped the strand by then."""


class Revised(Exception):
    """A model's tool call that a principle wants otherwise."""


class Returned(Exception):
    """A `return` was reached."""

    def __init__(self, at: float, value: Any) -> None:
        self.at, self.value = at, value


class _Scope(dict[str, Any]):
    """Every name has a value: that of a skipped step is null. `own` holds what was bound in this very scope."""

    def __init__(self, outer: Mapping[str, Any]) -> None:
        super().__init__(outer)
        self.own: dict[str, Any] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.own[name] = value

    def __missing__(self, name: str) -> Any:
        return None

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(frozen=True)
class Place:
    """Where a step runs."""

    flow: LinkedFlow
    trail: str
    meters: tuple[Meter, ...]
    log: Log


@dataclass(frozen=True)
class Ending:
    """How a run ended, and what had happened. `perhaps` left, or did not, in the very moment of the end."""

    status: str
    output: Any
    error: tuple[str, str | None] | None
    at: float
    effects: Sequence[Happened]
    perhaps: Sequence[Happened]


class Reference:
    """Interprets one flow in one world, under a law."""

    def __init__(self, world: World, law: Law) -> None:
        self.world = world
        self.law = law
        self.judged: dict[str, dict[str, Any]] = {}

    def run(self, flow: LinkedFlow, given: Mapping[str, Any], cancel_at: float = math.inf) -> Ending:
        """The ending of a run that starts at 0 and is cancelled at `cancel_at`."""
        log = Log()
        try:
            at, output = self.flow(flow, dict(given), Place(flow, "", (), log), 0.0)
            status, error = "done", None
        except Failed as failed:
            at, output, status, error = failed.at, None, "failed", (failed.kind, failed.step)
        except Stopped:
            at, output, status, error = math.inf, None, "denied", ("denied", None)
        stop, why = _first_stop(log, self.law)
        if stop <= at or cancel_at <= at:
            at = min(stop, cancel_at)
            output = None
            if stop > cancel_at:
                why = "cancelled"
            status, error = ("failed" if why == "limit" else why), (why, None)
        left = Log()
        left.add(log, until=at)
        perhaps = [effect for effect in log.effects if effect.start == at]
        return Ending(status, output, error, at, left.effects, perhaps)

    def flow(self, flow: LinkedFlow, given: Names, outer: Place, at: float) -> tuple[float, Any]:
        """The end and the output of a flow."""
        meter = Meter(flow.tree.limits, at)
        outer.log.meters.append(meter)
        place = Place(flow, outer.trail, (*outer.meters, meter), outer.log)
        output = None
        try:
            at = self.block(flow.tree.steps, place, _Scope({"input": given}), at)
        except Returned as returned:
            at, output = returned.at, returned.value
        except Failed as failed:
            meter.end = failed.at
            raise
        meter.end = at
        if flow.tree.output_schema is not None:
            problems, output = Schema.of(flow.tree.output_schema).fit(output)
            if problems:
                raise Failed(at, "invalid", None)
        return at, output

    def block(self, steps: Sequence[tree.Step], place: Place, scope: _Scope, at: float) -> float:
        """The end of steps, one after another."""
        for step in steps:
            at = getattr(self, f"do_{type(step).__name__}")(step, place, scope, at)
        return at

    # -- steps without effects -----------------------------------------------------------------------------

    def do_Set(self, step: tree.Set, place: Place, scope: _Scope, at: float) -> float:
        for name, value in step.values.items():
            scope[name] = self.render(value, step, scope, at)
        return at

    def do_Return(self, step: tree.Return, place: Place, scope: _Scope, at: float) -> float:
        raise Returned(at, self.render(step.value, step, scope, at))

    def do_If(self, step: tree.If, place: Place, scope: _Scope, at: float) -> float:
        return self.block(step.then if self.truth(step.test, step, scope, at) else step.else_, place, scope, at)

    def do_Switch(self, step: tree.Switch, place: Place, scope: _Scope, at: float) -> float:
        value = self.evaluate(step.value, step, scope, at)
        name = value if isinstance(value, str) else canonical.encode(value).decode()
        return self.block(step.cases.get(name, step.default), place, scope, at)

    def do_Try(self, step: tree.Try, place: Place, scope: _Scope, at: float) -> float:
        try:
            return self.block(step.body, place, scope, at)
        except Failed as failed:
            scope["error"] = {"kind": failed.kind, "message": failed.message, "step": failed.step}
            return self.block(step.catch, place, scope, failed.at)

    def do_While(self, step: tree.While, place: Place, scope: _Scope, at: float) -> float:
        rounds = 0
        while rounds < step.max_iterations:
            inner = replace(place, trail=f"{place.trail}{step.path}[{rounds}]|")
            if step.test is not None:
                goes_on = self.truth(step.test, step, scope, at)
            else:
                at, decision = self.judge(step, inner, scope, at, step.condition)
                goes_on = decision["label"] == "yes"
            if not goes_on:
                break
            at = self.block(step.do, inner, scope, at)
            rounds += 1
        return self.bind(step, scope, rounds, at)

    def do_SubFlow(self, step: tree.SubFlow, place: Place, scope: _Scope, at: float) -> float:
        flow = place.flow.flows[step.flow]
        schema = Schema.of(flow.tree.input_schema)
        problems, given = schema.fit(schema.fill(self.render(step.with_, step, scope, at)))
        if problems:
            raise Failed(at, "flow", name(step))
        try:
            inner = replace(place, trail=f"{place.trail}{step.path}>")
            at, output = Reference.flow(self, flow, given, inner, at)
        except Failed as failed:
            raise Failed(failed.at, "flow", name(step)) from None
        return self.bind(step, scope, output, at)

    # -- side by side --------------------------------------------------------------------------------------

    def do_Parallel(self, step: tree.Parallel, place: Place, scope: _Scope, at: float) -> float:
        scopes = {branch: _Scope(scope) for branch in step.branches}

        def run(branch: str, log: Log, start: float) -> tuple[float, Any]:
            inner = replace(place, trail=f"{place.trail}{step.path}.{branch}|", log=log)
            end = self.block(step.branches[branch], inner, scopes[branch], start)
            return end, scopes[branch].own

        many = len(step.branches)
        need = {"all": many, "any": 1}.get(step.wait_for, step.wait_for)  # type: ignore[arg-type]
        at, results = self.join([*step.branches], run, need, many, place, at)
        return self.bind(step, scope, dict(zip(step.branches, results, strict=True)), at)

    def do_ForEach(self, step: tree.ForEach, place: Place, scope: _Scope, at: float) -> float:
        items = self.evaluate(step.items, step, scope, at)
        if not isinstance(items, list):
            raise Failed(at, "expression", name(step))
        chosen = []
        for index, item in enumerate(items):
            inner = _Scope(scope)
            inner[step.variable] = item
            if step.where is None or self.truth(step.where, step, inner, at):
                chosen.append((index, inner))

        def run(entry: tuple[int, _Scope], log: Log, start: float) -> tuple[float, Any]:
            index, inner = entry
            here = replace(place, trail=f"{place.trail}{step.path}[{index}]|", log=log)
            end = self.block(step.do, here, inner, start)
            if step.has_collect:
                return end, self.render(step.collect, step, inner, end)
            return end, {key: value for key, value in inner.own.items() if key != step.variable}

        at, results = self.join(chosen, run, len(chosen), step.max_concurrency, place, at)
        return self.bind(step, scope, results, at)

    def join(
        self, strands: Sequence[Any], run: Callable[..., Any], need: int, width: int, place: Place, at: float
    ) -> tuple[float, list[Any]]:
        """Run strands, `width` at once, until `need` have ended or cannot any more."""
        if need == 0:
            return at, [None] * len(strands)
        results: list[tuple[float, Any, Failed | None, Log]] = []
        slots = [at] * width
        for strand in strands:
            slots.sort()
            log = Log()
            error = None
            start, value = slots[0], None
            if start == math.inf:
                break
            try:
                end, value = run(strand, log, start)
            except Failed as failed:
                end, error = failed.at, failed
            except Stopped:
                end = math.inf
            slots[0] = end
            results.append((end, value, error, log))
        good, bad, decided, first = 0, 0, None, None
        for end, _, error, _ in sorted(results, key=lambda result: result[0]):
            if decided is None and end < math.inf:
                good, bad = good + (error is None), bad + (error is not None)
                first = first or error
                if good == need or len(strands) - bad < need:
                    decided = end
        for end, _, _, log in results:
            place.log.add(
                log, until=math.inf if decided is None else decided, whole=decided is not None and end <= decided
            )
        if decided is None:
            raise Stopped
        if good < need:
            assert first is not None
            raise Failed(decided, first.kind, first.step, first.message)
        return decided, [value if error is None and end <= decided else None for end, value, error, _ in results]

    # -- effects -------------------------------------------------------------------------------------------

    def do_Call(self, step: tree.Call, place: Place, scope: _Scope, at: float) -> float:
        card = place.flow.tools[step.tool]
        arguments = self.render(step.with_, step, scope, at)
        request = {"tool": card.specifier, "name": card.name, "arguments": arguments}
        fits = None if card.output_schema is None else Schema.of(card.output_schema).fit
        at, value = self.perform("tool", step, place, at, request, fits, 1)
        return self.bind(step, scope, value, at)

    def do_Wait(self, step: tree.Wait, place: Place, scope: _Scope, at: float) -> float:
        about = None if step.about is None else self.render(step.about, step, scope, at)
        request = {"name": step.name, "purpose": "flow", "about": about, "returns": step.returns}
        fits = None if step.returns is None else Schema.of(step.returns).fit
        try:
            at, value = self.perform("wait", step, place, at, request, fits, math.inf)
        except Failed as failed:
            if failed.kind == "timeout" and step.on_timeout:
                return self.block(step.on_timeout, place, scope, failed.at)
            raise
        return self.bind(step, scope, value, at)

    def do_Ask(self, step: tree.Ask, place: Place, scope: _Scope, at: float) -> float:
        about = None if step.about is None else self.text(step.about, step, scope, at)
        instruction = self.text(step.instruction, step, scope, at)
        cards = [place.flow.tools[reference] for reference in step.tools]
        tools = [
            {"name": c.name, "specifier": c.specifier, "description": c.description, "input_schema": c.input_schema}
            for c in cards
        ]
        context = []
        for reference in dict.fromkeys((*place.flow.tree.context, *step.context)):
            linked = place.flow.contexts[reference]
            text = linked.render(scope) if linked.params else linked.text
            context.append({"specifier": linked.specifier, "text": text})
        turns: list[Any] = []
        revisions = 0
        for _ in range(25):
            request = {
                "purpose": "ask", "step": name(step), "instruction": instruction, "about": about, "context": context,
                "returns": step.returns, "tools": tools, "turns": list(turns), "problems": [],
            }  # fmt: skip
            at, result = self.perform("model", step, place, at, request, _answer(step, cards), MODEL_ATTEMPTS)
            if "answer" in result:
                return self.bind(step, scope, result["answer"], at)
            calls = result["tool_calls"]
            at, told = self.join(calls, self.model_call(step, place, cards), len(calls), len(calls), place, at)
            revisions += sum("revise" in one for one in told)
            if revisions > REVISIONS:
                self.deny(place, at)
            turns.append({"tool_calls": calls, "results": told})
        raise Failed(at, "model", name(step))

    def model_call(self, step: tree.Ask, place: Place, cards: Sequence[Any]) -> Callable[..., Any]:
        """One tool call of a model, whose failure the model is told."""

        def run(call: Any, log: Log, start: float) -> tuple[float, Any]:
            card = next(card for card in cards if call["tool"] in (card.name, card.specifier))
            request = {"tool": card.specifier, "name": card.name, "arguments": call["arguments"]}
            alone = tree.Call(path=step.path, id=step.id, tool="", with_={}, timeout=step.timeout)
            try:
                end, value = self.perform("tool", alone, replace(place, log=log), start, request, None, 1, True)
            except Revised:
                return start, {"id": call["id"], "error": "", "revise": True}
            except Failed as failed:
                return failed.at, {"id": call["id"], "error": failed.message}
            return end, {"id": call["id"], "value": value}

        return run

    def do_IfSemantic(self, step: tree.IfSemantic, place: Place, scope: _Scope, at: float) -> float:
        at, decision = self.judge(step, place, scope, at, step.condition)
        holds = {"yes": True, "no": False}.get(decision["label"])
        rest = {key: decision[key] for key in ("confidence", "evidence", "decided_by")}
        at = self.bind(step, scope, {"holds": holds, **rest}, at)
        return self.block({True: step.then, False: step.else_, None: step.uncertain}[holds], place, scope, at)

    def do_SwitchSemantic(self, step: tree.SwitchSemantic, place: Place, scope: _Scope, at: float) -> float:
        at, decision = self.judge(step, place, scope, at, step.condition)
        at = self.bind(step, scope, decision["label"], at)
        return self.block({**step.cases, "uncertain": step.uncertain}[decision["label"]], place, scope, at)

    def judge(
        self, step: Any, place: Place, scope: _Scope, at: float, condition: tree.Condition
    ) -> tuple[float, dict[str, Any]]:
        """Asks the judge, then a model; a question that was judged in this run is not asked again."""
        statement = self.text(condition.statement, step, scope, at)
        about = None if condition.about is None else self.text(condition.about, step, scope, at)
        labels = list(condition.labels)
        question = {
            "statement": statement, "about": about, "labels": labels, "confidence": condition.confidence,
            "examples": {label: list(texts) for label, texts in condition.examples.items()},
        }  # fmt: skip
        known = canonical.digest(question)
        if known not in self.judged:
            at, self.judged[known] = self.decide(step, place, at, question)
        return at, self.judged[known]

    def decide(self, step: Any, place: Place, at: float, question: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """What the judge says when it is sure enough, what a model says otherwise."""
        labels, threshold = question["labels"], question["confidence"]

        def verdict(value: Any) -> tuple[Sequence[str], Any]:
            good = isinstance(value, dict) and value.get("label") in (*labels, None)
            return ((), value) if good else (["?"], None)

        def answer(value: Any) -> tuple[Sequence[str], Any]:
            inner = value.get("answer") if isinstance(value, dict) else None
            good = isinstance(inner, dict) and inner.get("answer") in (*labels, "unsure")
            return ((), value) if good else (["?"], None)

        alone = tree.Call(path=step.path, id=step.id, tool="", with_={})
        request = {"purpose": "condition", "step": name(step), **question}
        try:
            at, judged = self.perform("judge", alone, place, at, request, verdict, 1)
        except Failed as failed:
            at, judged = failed.at, {"label": None}
        doubted = judged.get("calibrated") and threshold is not None and judged["confidence"] < threshold
        if judged["label"] is not None and not doubted:
            return at, {
                "label": judged["label"],
                "confidence": judged.get("confidence"),
                "evidence": judged.get("evidence"),
                "decided_by": judged.get("decided_by", "judge"),
            }
        model = {"purpose": "judge", "step": name(step), "about": question["about"]}
        model["returns"] = {"properties": {"answer": {"enum": [*labels, "unsure"]}}}
        try:
            at, said = self.perform("model", alone, place, at, model, answer, MODEL_ATTEMPTS)
        except Failed as failed:
            nobody = {"label": "uncertain", "confidence": None, "evidence": failed.message, "decided_by": "nobody"}
            return failed.at, nobody
        inner = said["answer"]
        unsure = inner["answer"] == "unsure"
        return at, {
            "label": "uncertain" if unsure else inner["answer"],
            "confidence": None,
            "evidence": inner.get("evidence"),
            "decided_by": "nobody" if unsure else said.get("decided_by", "model"),
        }

    def perform(
        self,
        kind: str,
        step: Any,
        place: Place,
        at: float,
        request: Mapping[str, Any],
        fits: Callable[[Any], tuple[Sequence[str], Any]] | None,
        tries: float,
        revisable: bool = False,
    ) -> tuple[float, Any]:
        """An effect through its attempts. An invalid result counts as one, and so does a failure."""
        retry = getattr(step, "retry", None)
        timeout = getattr(step, "timeout", None)
        path = place.trail + step.path
        tool = request["name"] if kind == "tool" else None
        problems: tuple[str, ...] = ()
        approved: set[Any] = set()
        revisions = 0
        for attempt in range(1, 1000):
            if kind in ("model", "tool"):
                place.log.events.append(Event(at, kind, tool, place.meters))
            phase = "tool" if kind == "tool" else "pre"
            objections = self.law.against(phase, kind, request)
            if ruling(objections) == "deny":
                if revisable and mendable(objections):
                    raise Revised
                self.deny(place, at)
            if ruling(objections) == "ask" and problems not in approved:
                at = self.approve(kind, phase, step, place, at, request, None)
                approved.add(problems)
            if kind == "tool":
                place.log.events.append(Event(at, "left", tool))
            tried = attempt - revisions
            reply = self.world(kind, path, attempt, request)
            late = timeout is not None and reply.after > timeout
            after = timeout if late else reply.after
            usage = reply.value.get("usage") if isinstance(reply.value, dict) and kind == "model" else None
            failed = late or reply.failure is not None
            place.log.effects.append(
                Happened(
                    kind, path, attempt, essence(kind, request), at, at + after,
                    tokens=0 if failed or usage is None else usage["input_tokens"] + usage["output_tokens"],
                    meters=place.meters,
                )
            )  # fmt: skip
            at += after
            if failed:
                if tried >= (retry.attempts if retry else 1):
                    reason = "timeout" if late or kind == "wait" else "tool" if kind == "tool" else "model"
                    raise Failed(at, reason, name(step), "late" if late else str(reply.failure))
                if retry and retry.backoff:
                    at, _ = self.perform(
                        "sleep", tree.Set(path=step.path, id=step.id, values={}), place, at,
                        {"seconds": retry.backoff * 2 ** (tried - 1)}, None, 1,
                    )  # fmt: skip
                continue
            wrong, value = ((), reply.value) if fits is None else fits(reply.value)
            if wrong:
                if tried >= (retry.attempts if retry else tries):
                    raise Failed(at, "invalid", name(step))
                problems = ("invalid",)
                continue
            objections = self.law.against("post", kind, request, value)
            if ruling(objections) == "deny":
                revisions += 1
                if kind != "model" or not mendable(objections) or revisions > REVISIONS:
                    self.deny(place, at)
                problems = tuple(rule.id for rule in objections)
                continue
            if ruling(objections) == "ask":
                at = self.approve(kind, "post", step, place, at, request, value)
            return at, value
        raise AssertionError("no end to attempts")

    def approve(
        self, kind: str, phase: str, step: Any, place: Place, at: float, request: Mapping[str, Any], result: Any
    ) -> float:
        """A person is asked, for as long as the answer is neither yes nor no."""
        path = place.trail + step.path
        shown = {key: value for key, value in request.items() if key != "context"}
        about = {"kind": kind, "phase": phase, "request": shown, "result": result}
        asked = {"name": "approval", "purpose": "approval", "for": about}
        for attempt in range(1, 1000):
            if ruling(self.law.against("pre", "wait", asked)) == "deny":
                self.deny(place, at)
            reply = self.world("wait", path, attempt, asked)
            place.log.effects.append(Happened("wait", path, attempt, essence("wait", asked), at, at + reply.after))
            at += reply.after
            if "approved" in reply.value:
                if not reply.value["approved"]:
                    self.deny(place, at)
                return at
        raise AssertionError("no end to attempts")

    def deny(self, place: Place, at: float) -> NoReturn:
        place.log.events.append(Event(at, "denied"))
        raise Stopped

    # -- values --------------------------------------------------------------------------------------------

    def bind(self, step: Any, scope: _Scope, value: Any, at: float) -> float:
        if step.id is not None:
            scope[step.id] = value
        return at

    def evaluate(self, expression: tree.Expr, step: Any, scope: _Scope, at: float) -> Any:
        try:
            return expressions.evaluate(expression, scope)
        except ExpressionError:
            raise Failed(at, "expression", name(step)) from None

    def render(self, value: Any, step: Any, scope: _Scope, at: float) -> Any:
        try:
            return expressions.render(value, scope)
        except ExpressionError:
            raise Failed(at, "expression", name(step)) from None

    def text(self, value: Any, step: Any, scope: _Scope, at: float) -> str:
        rendered = self.render(value, step, scope, at)
        return rendered if isinstance(rendered, str) else canonical.encode(rendered).decode()

    def truth(self, expression: tree.Expr, step: Any, scope: _Scope, at: float) -> bool:
        value = self.evaluate(expression, step, scope, at)
        if not isinstance(value, bool):
            raise Failed(at, "expression", name(step))
        return value


def essence(kind: str, request: Mapping[str, Any]) -> str:
    """What of a request is compared: for a model that judges, not the wording of the question."""
    if request.get("purpose") == "judge":
        return canonical.digest([request["purpose"], request["step"], without_messages(request["about"])])
    if request.get("purpose") == "approval":
        return canonical.digest([request["purpose"], request["for"]["kind"], request["for"]["phase"]])
    compared = without_messages({key: value for key, value in request.items() if key != "problems"})
    if kind == "model":
        # Why a principle wants something else is said in words of the gate's own.
        compared["context"] = [[one["specifier"], one["text"]] for one in request["context"]]
        compared["turns"] = [
            [turn["tool_calls"], *({**one, "error": ""} if "revise" in one else one for one in turn["results"])]
            for turn in request["turns"]
        ]
    return canonical.digest(compared)


def without_messages(value: Any) -> Any:
    """A value without what `error` says: only its kind and step are the language's. In texts made of values, too."""
    if isinstance(value, dict):
        hidden = {"message"} if value.keys() == {"kind", "message", "step"} else set()
        return {key: without_messages(item) for key, item in value.items() if key not in hidden}
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return without_messages(canonical.decode(value))
        except ValueError:
            return value
    return [without_messages(item) for item in value] if isinstance(value, list) else value


def name(step: Any) -> str:
    """How failures name a step."""
    return step.id or step.path


def _answer(step: tree.Ask, cards: Sequence[Any]) -> Callable[[Any], tuple[Sequence[str], Any]]:
    def fits(value: Any) -> tuple[Sequence[str], Any]:
        if not isinstance(value, dict) or ("answer" in value) == ("tool_calls" in value):
            return ["?"], None
        if "answer" in value:
            if step.returns is None:
                return ((), value) if isinstance(value["answer"], str) else (["?"], None)
            problems, answer = Schema.of(step.returns).fit(value["answer"])
            return problems, {"answer": answer}
        known = {alias for card in cards for alias in (card.name, card.specifier)}
        if any(call["tool"] not in known for call in value["tool_calls"]):
            return ["?"], None
        calls = [{"id": str(index), **call} for index, call in enumerate(value["tool_calls"])]
        return (), {"tool_calls": calls}

    return fits


def _first_stop(log: Log, law: Law) -> tuple[float, str]:
    """When something ends the run early, and what: the first limit of any flow that is passed, or the first denial.

    Of one moment, what is counted when a result arrives comes first; then what happened in a strand before.
    """
    events = sorted(log.events, key=lambda event: event.at)
    stops = [(math.inf, 0, 0, "")]
    for meter in log.meters:
        stops.append((_passed(meter, log), -1, 0, "limit"))
        for kind, most in (("model", meter.limits.asks), ("tool", meter.limits.tool_calls)):
            wanted = [
                (event.at, order) for order, event in enumerate(events) if event.what == kind and meter in event.meters
            ]
            if most is not None and len(wanted) > most:
                stops.append((*wanted[most], 0, "limit"))
    stops += [(event.at, order, 0, "denied") for order, event in enumerate(events) if event.what == "denied"]
    for tool, most in law.budgets:
        left = 0
        for order, event in enumerate(events):
            if event.tool == tool and event.what == "tool" and left >= most:
                stops.append((event.at, order, 1, "denied"))
            left += event.tool == tool and event.what == "left"
    at, _, _, why = min(stops)
    return at, why


def _passed(meter: Meter, log: Log) -> float:
    """When a flow has used up its tokens or its time."""
    mine = [effect for effect in log.effects if meter in effect.meters]
    moments = [math.inf]
    if meter.limits.tokens is not None:
        used = 0
        for effect in sorted(mine, key=lambda effect: effect.end):
            used += 0 if effect.cut else effect.tokens
            if used > meter.limits.tokens:
                moments.append(effect.end)
    if meter.limits.time is not None:
        moments.append(_out_of_time(meter, log))
    return min(moments)


def _out_of_time(meter: Meter, log: Log) -> float:
    """Time stands still while everything that is under way waits for a person."""
    active, limit = 0.0, meter.limits.time or 0.0
    moments = sorted({effect.end for effect in log.effects if not effect.cut})
    for before, now in zip([0.0, *moments], moments, strict=False):
        if not meter.start < now <= meter.end:
            continue
        running = [effect for effect in log.effects if effect.start <= before and effect.end >= now]
        if any(effect.kind != "wait" for effect in running):
            if active + now - before >= limit:
                return before + limit - active
            active += now - before
    return math.inf
