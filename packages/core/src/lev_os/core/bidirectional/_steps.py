"""What each step of a flow does, as strands. One method a step; nothing here knows drivers or tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import canonical
from ..flowmind import expressions
from ..flowmind.expressions import ExpressionError
from ..flowmind.model import (
    Ask,
    Call,
    Condition,
    Expr,
    ForEach,
    If,
    IfSemantic,
    Parallel,
    Return,
    Set,
    Step,
    SubFlow,
    Switch,
    SwitchSemantic,
    Try,
    Value,
    Wait,
    While,
)
from ..flowmind.walk import bodies, walk
from ..schemas import Schema
from ._answers import UNCERTAIN, accept_judgement, fitted
from ._asking import Conversation
from ._meter import Meter
from ._perform import Frame, Host, Performer, Wanted
from ._prepared import callee, schema_of, untrusted_inputs
from ._scope import CLEAN, Labels, Scope
from ._tasks import Fork, StepFailed, Strand
from .effects import Decision, Failure

if TYPE_CHECKING:
    from ..constitutional.gate import GateSession
    from ..flowmind.link import LinkedFlow

MAX_ITEMS = 10_000


class Returned(Exception):
    """A `return` step: unwinds to the flow."""

    def __init__(self, value: Any, labels: Labels) -> None:
        super().__init__()
        self.value = value
        self.labels = labels


class Interpreter:
    """Turns steps into strands. `open_gates` gives a flow's gate sessions; `timed` registers a meter with the clock."""

    def __init__(self, host: Host, open_gates: Callable[[LinkedFlow], tuple[GateSession, ...]]) -> None:
        self._host = host
        self._open_gates = open_gates
        self._performer = Performer(host)
        self._talk = Conversation(host, self._performer)
        self._judged: dict[tuple[str, tuple[GateSession, ...]], Decision] = {}
        self.meters: list[Meter] = []

    def flow(self, frame: Frame, arguments: Mapping[str, Any], labels: Mapping[str, Labels], control: Labels) -> Strand:
        """Run a whole flow; ends with (output, labels). `labels` marks single inputs."""
        tree = frame.linked.tree
        scope = Scope(control=control)
        size = len(canonical.encode(arguments))
        frame.meter.grown(size, scope.bind("input", arguments, CLEAN, size), "input")
        untrusted = untrusted_inputs(frame.linked)
        if untrusted or labels:
            for name in (*tree.input_schema.get("properties", {}), *labels):
                marks = labels.get(name, CLEAN)
                if name in untrusted:
                    marks |= {"untrusted"}
                if marks:
                    scope.mark(f"input.{name}", marks)
        self.meters.append(frame.meter)
        output, taint = None, control
        try:
            yield from self._block(tree.steps, frame, scope)
        except Returned as returned:
            output, taint = returned.value, returned.labels
        finally:
            self.meters.remove(frame.meter)
            frame.meter.released(scope.bytes())
        if tree.output_schema is not None:
            problems, fitting = fitted(schema_of(frame.linked, "output"), output)
            if problems:
                message = "the output does not fit: " + "; ".join(problems[:5])
                raise StepFailed(Failure(kind="invalid", message=message, retryable=False))
            output = fitting
        return output, taint

    # -- plumbing ------------------------------------------------------------------------------------------

    def _block(self, steps: Sequence[Step], frame: Frame, scope: Scope) -> Strand:
        for step in steps:
            yield from _STEPS[type(step)](self, step, frame, scope)

    def _guarded(self, step: Step, steps: Sequence[Step], frame: Frame, scope: Scope, control: Labels) -> Strand:
        """A branch of `step` that something tainted may have decided on."""
        before = scope.control
        scope.control = before | control
        goes_on = False
        try:
            yield from self._block(steps, frame, scope)
            goes_on = True
        finally:
            # Where a branch might have returned, what comes after it runs because of the same decision.
            if scope.control != before and not (goes_on and _may_return(step)):
                scope.control = before
            self._decided(step, scope, control)

    def _decided(self, step: Step, scope: Scope, control: Labels) -> None:
        """That a name was not bound says what was decided, as much as its value would."""
        if control:
            for name in {name for body in bodies(step) for inner in walk(body) for name in _names(inner)}:
                scope.taint(name, control)

    def _bind(self, step: Step, frame: Frame, scope: Scope, value: Any, labels: Labels) -> None:
        if step.id is not None:
            self._bind_name(step.id, step, frame, scope, value, labels)

    def _bind_name(self, name: str, step: Step, frame: Frame, scope: Scope, value: Any, labels: Labels) -> None:
        size = len(canonical.encode(value))
        frame.meter.grown(size, scope.bind(name, value, labels, size), _name(step))

    def _evaluate(self, expression: Expr, step: Step, scope: Scope) -> Any:
        try:
            return expressions.evaluate(expression, scope)
        except ExpressionError as error:
            raise _expression_failed(error, step, scope.labels(expression)) from None

    def _render(self, value: Value, step: Step, scope: Scope) -> Any:
        try:
            return expressions.render(value, scope)
        except ExpressionError as error:
            raise _expression_failed(error, step, scope.labels(value)) from None

    def _text(self, value: Value, step: Step, scope: Scope) -> str:
        rendered = self._render(value, step, scope)
        return rendered if isinstance(rendered, str) else canonical.encode(rendered).decode()

    def _truth(self, expression: Expr, step: Step, scope: Scope) -> bool:
        value = self._evaluate(expression, step, scope)
        if not isinstance(value, bool):
            message = f"`{expression.source}` gives {_kind(value)}, not true or false"
            raise StepFailed(Failure(kind="expression", message=message, step=_name(step), retryable=False))
        return value

    def _taint(self, values: Mapping[str, Value], scope: Scope) -> dict[str, Labels]:
        """Labels by place. What a person has approved is the gate's to know: it asks for that very value."""
        taint: dict[str, Labels] = {"": scope.control} if scope.control else {}
        for place, template in values.items():
            if labels := scope.labels(template):
                taint[place] = labels
        return taint

    # -- effects -------------------------------------------------------------------------------------------

    def _call(self, step: Call, frame: Frame, scope: Scope) -> Strand:
        arguments = self._render(step.with_, step, scope)
        taint: dict[str, Labels] = {}
        if scope.control or not scope.clean:
            taint = self._taint({f"args.{name}": step.with_[name] for name in arguments}, scope)
        tool = callee(frame.linked, step.tool)
        card = tool.card
        value = yield from self._performer.perform(
            self._host.guarded(frame, card),
            Wanted(
                kind="tool",
                path=step.path,
                step=_name(step),
                request={"tool": card.specifier, "name": card.name, "arguments": arguments},
                accept=tool.accept,
                tool=card,
                taint=taint,
                retry=step.retry,
                timeout=step.timeout,
            ),
        )
        self._bind(step, frame, scope, value, tool.labels.union(*taint.values()) if taint else tool.labels)

    def _ask(self, step: Ask, frame: Frame, scope: Scope) -> Strand:
        about = None if step.about is None else self._text(step.about, step, scope)
        instruction = self._text(step.instruction, step, scope)
        taint = self._taint({"about": step.about, "instruction": step.instruction}, scope)
        context = []
        for reference in dict.fromkeys((*frame.linked.tree.context, *step.context)):
            linked = frame.linked.contexts[reference]
            marks = CLEAN.union(*(scope.labels(_name_of(p)) for p in linked.params))
            try:
                text = linked.render(scope) if linked.params else linked.text
            except ExpressionError as error:
                raise _expression_failed(error, step, marks) from None
            digest = canonical.digest_bytes(text.encode()) if linked.params else linked.digest
            context.append({"specifier": linked.specifier, "digest": digest, "text": text})
            if marks:
                taint[f"context.{linked.specifier}"] = marks
        answer, labels = yield from self._talk.ask(step, frame, instruction, about, context, taint)
        self._bind(step, frame, scope, answer, labels)

    def _wait(self, step: Wait, frame: Frame, scope: Scope) -> Strand:
        about = None if step.about is None else self._render(step.about, step, scope)
        schema = None if step.returns is None else Schema.of(step.returns)
        taint = self._taint({"about": step.about}, scope)
        want = Wanted(
            kind="wait",
            path=step.path,
            step=_name(step),
            request={"name": step.name, "purpose": "flow", "about": about, "returns": step.returns},
            accept=lambda value: _accept(schema, value),
            taint=taint,
            timeout=step.timeout,
        )
        try:
            value = yield from self._performer.perform(frame, want)
        except StepFailed as failed:
            if failed.failure.kind != "timeout" or not step.on_timeout:
                raise
            yield from self._block(step.on_timeout, frame, scope)
            return
        self._host.person(step.name, about, value)
        self._bind(step, frame, scope, value, CLEAN)

    def _judge(self, step: Step, frame: Frame, scope: Scope, condition: Condition, round_: str = "") -> Strand:
        """The decision, with the labels of what it was made from."""
        statement = self._text(condition.statement, step, scope)
        about = None if condition.about is None else self._text(condition.about, step, scope)
        taint = self._taint({"about": condition.about, "statement": condition.statement}, scope)
        labels = CLEAN.union(*taint.values())
        question: dict[str, Any] = {"statement": statement, "about": about, "labels": list(condition.labels)}
        question["examples"] = {label: list(texts) for label, texts in condition.examples.items()}
        question["confidence"] = condition.confidence
        known = (canonical.digest(question), frame.gates)
        if known in self._judged:
            return self._judged[known], labels
        want = Wanted(
            kind="judge",
            path=step.path,
            step=_name(step),
            request={
                "purpose": "condition",
                "step": _name(step),
                **question,
            },
            accept=accept_judgement(condition.labels),
            taint=taint,
            suffix=round_,
        )
        decision: Decision = yield from self._performer.decide(frame, want, condition.labels)
        self._judged[known] = decision
        self._host.decisions.append(decision)
        return decision, labels

    # -- control flow --------------------------------------------------------------------------------------

    def _if(self, step: If, frame: Frame, scope: Scope) -> Strand:
        branch = step.then if self._truth(step.test, step, scope) else step.else_
        yield from self._guarded(step, branch, frame, scope, scope.labels(step.test))

    def _if_semantic(self, step: IfSemantic, frame: Frame, scope: Scope) -> Strand:
        decision, labels = yield from self._judge(step, frame, scope, step.condition)
        holds = None if decision.label == UNCERTAIN else decision.label == "yes"
        value = {
            "holds": holds,
            "confidence": decision.confidence,
            "evidence": decision.evidence,
            "decided_by": decision.decided_by,
        }
        self._bind(step, frame, scope, value, labels)
        branch = step.uncertain if holds is None else step.then if holds else step.else_
        yield from self._guarded(step, branch, frame, scope, labels)

    def _switch(self, step: Switch, frame: Frame, scope: Scope) -> Strand:
        value = self._evaluate(step.value, step, scope)
        name = value if isinstance(value, str) else canonical.encode(value).decode()
        yield from self._guarded(step, step.cases.get(name, step.default), frame, scope, scope.labels(step.value))

    def _switch_semantic(self, step: SwitchSemantic, frame: Frame, scope: Scope) -> Strand:
        decision, labels = yield from self._judge(step, frame, scope, step.condition)
        self._bind(step, frame, scope, decision.label, labels)
        branch = step.uncertain if decision.label == UNCERTAIN else step.cases[decision.label]
        yield from self._guarded(step, branch, frame, scope, labels)

    def _while(self, step: While, frame: Frame, scope: Scope) -> Strand:
        rounds = 0
        seen = CLEAN
        while rounds < step.max_iterations:
            inner = frame.inside(f"{step.path}[{rounds}]")
            if step.test is not None:
                goes_on, labels = self._truth(step.test, step, scope), scope.labels(step.test)
            else:
                assert step.condition is not None, "the parser sets test or condition"
                decision, labels = yield from self._judge(step, inner, scope, step.condition)
                goes_on = decision.label == "yes"
            seen |= labels
            if not goes_on:
                break
            yield from self._guarded(step, step.do, inner, scope, labels)
            rounds += 1
        if not rounds:
            self._decided(step, scope, seen)
        if _may_return(step):
            scope.control = scope.control | seen
        self._bind(step, frame, scope, rounds, seen)

    def _for_each(self, step: ForEach, frame: Frame, scope: Scope) -> Strand:
        items = self._evaluate(step.items, step, scope)
        if not isinstance(items, list):
            message = f"`{step.items.source}` gives {_kind(items)}, not a list"
            raise StepFailed(Failure(kind="expression", message=message, step=_name(step), retryable=False))
        if len(items) > MAX_ITEMS:
            message = f"`{step.items.source}` has {len(items)} items; a loop takes at most {MAX_ITEMS}"
            raise StepFailed(Failure(kind="expression", message=message, step=_name(step), retryable=False))
        labels = scope.labels(step.items)
        if step.where is not None:
            labels |= scope.labels(step.where)
        chosen: list[tuple[int, Scope]] = []
        for index, item in enumerate(items):
            inner = Scope(scope, labels)
            self._bind_name(step.variable, step, frame, inner, item, labels)
            if step.where is None or self._truth(step.where, step, inner):
                chosen.append((index, inner))
            else:
                frame.meter.released(inner.bytes())

        def iteration(index: int, inner: Scope) -> Strand:
            place = frame.inside(f"{step.path}[{index}]")
            yield from self._block(step.do, place, inner)
            if step.has_collect:
                return self._render(step.collect, step, inner)
            return {name: value for name, value in inner.local().items() if name != step.variable}

        # `default` arguments bind now; the strands start later.
        strands = [lambda i=index, s=inner: iteration(i, s) for index, inner in chosen]
        try:
            results = yield Fork(strands, need=len(strands), width=step.max_concurrency)
        finally:
            for _, inner in chosen:
                frame.meter.released(inner.bytes())
        taint = labels
        for _, inner in chosen:
            taint |= inner.local_labels() | inner.labels(step.collect)
        self._bind(step, frame, scope, results, taint)

    def _parallel(self, step: Parallel, frame: Frame, scope: Scope) -> Strand:
        scopes = {name: Scope(scope) for name in step.branches}

        def branch(name: str) -> Strand:
            yield from self._block(step.branches[name], frame.inside(f"{step.path}.{name}"), scopes[name])
            return scopes[name].local()

        strands = [lambda n=name: branch(n) for name in step.branches]
        need = {"all": len(strands), "any": 1}.get(step.wait_for) if isinstance(step.wait_for, str) else step.wait_for
        assert need is not None, "the parser checks wait_for"
        try:
            results = yield Fork(strands, need=need, width=len(strands))
        finally:
            for inner in scopes.values():
                frame.meter.released(inner.bytes())
        taint = CLEAN.union(*(inner.local_labels() for inner in scopes.values()))
        self._bind(step, frame, scope, dict(zip(step.branches, results, strict=True)), taint)

    def _sub_flow(self, step: SubFlow, frame: Frame, scope: Scope) -> Strand:
        linked = frame.linked.flows[step.flow]
        rendered = self._render(step.with_, step, scope)
        schema = schema_of(linked, "input")
        problems, arguments = fitted(schema, schema.fill(rendered))
        if problems:
            message = f"the input of {step.flow} does not fit: " + "; ".join(problems[:5])
            raise StepFailed(Failure(kind="flow", message=message, step=_name(step), retryable=False))
        labels = self._taint({name: step.with_[name] for name in rendered}, scope)
        labels.pop("", None)
        inner = Frame(
            linked=linked,
            meter=Meter(linked.tree.limits, frame.meter),
            gates=tuple(dict.fromkeys((*frame.gates, *self._open_gates(linked)))),
            trail=f"{frame.trail}{step.path}>",
        )
        try:
            output, taint = yield from self.flow(inner, arguments, labels, scope.control)
        except StepFailed as failed:
            inside = failed.failure
            message = f"{step.flow}: {inside.message}"
            details = {"kind": inside.kind, "step": inside.step, "details": inside.details}
            raise StepFailed(
                Failure(kind="flow", message=message, step=_name(step), retryable=False, details=details),
                failed.labels,
            ) from None
        self._bind(step, frame, scope, output, taint)

    def _try(self, step: Try, frame: Frame, scope: Scope) -> Strand:
        try:
            yield from self._block(step.body, frame, scope)
        except StepFailed as failed:
            failure = failed.failure
            error = {"kind": failure.kind, "message": failure.message, "step": failure.step}
            # What a tool or model says when it fails comes from outside.
            self._bind_name("error", step, frame, scope, error, failed.labels | {"untrusted"})
            yield from self._guarded(step, step.catch, frame, scope, failed.labels)

    def _set(self, step: Set, frame: Frame, scope: Scope) -> tuple[()]:
        for name, value in step.values.items():
            rendered = self._render(value, step, scope)
            self._bind_name(name, step, frame, scope, rendered, scope.labels(value))
        return ()

    def _return(self, step: Return, frame: Frame, scope: Scope) -> NoReturn:
        raise Returned(self._render(step.value, step, scope), scope.labels(step.value) | scope.control)


# A step that needs no effect does its work when called and gives nothing to wait for.
_STEPS: Mapping[type, Callable[[Interpreter, Any, Frame, Scope], Strand | tuple[()]]] = {
    Ask: Interpreter._ask,
    Call: Interpreter._call,
    If: Interpreter._if,
    IfSemantic: Interpreter._if_semantic,
    Switch: Interpreter._switch,
    SwitchSemantic: Interpreter._switch_semantic,
    ForEach: Interpreter._for_each,
    While: Interpreter._while,
    Parallel: Interpreter._parallel,
    SubFlow: Interpreter._sub_flow,
    Wait: Interpreter._wait,
    Try: Interpreter._try,
    Set: Interpreter._set,
    Return: Interpreter._return,
}


def _accept(schema: Schema | None, value: Any) -> tuple[Sequence[str], Any]:
    return ((), value) if schema is None else fitted(schema, schema.fill(value))


def _name(step: Step) -> str:
    return step.id or step.path


def _may_return(step: Step) -> bool:
    return any(isinstance(inner, Return) for body in bodies(step) for inner in walk(body))


def _names(step: Step) -> tuple[str, ...]:
    names = tuple(step.values) if isinstance(step, Set) else ()
    return names if step.id is None else (*names, step.id)


def _name_of(parameter: str) -> Expr:
    return Expr(parameter, frozenset({parameter}))


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _expression_failed(error: ExpressionError, step: Step, labels: Labels) -> StepFailed:
    return StepFailed(Failure(kind="expression", message=str(error), step=_name(step), retryable=False), labels)
