"""A flow walked through once for all runs: the machine's own steps, over what is known of values, not over values.

Each step here answers the method of the same name in `bidirectional._steps`: which labels it gives, which names it
binds, what it lets out. Loops are walked until their labels no longer grow, sub-flows where they are called. What
comes out are the sites at which a gate will be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import (
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
    Template,
    Try,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import bodies
from lev_os.core.schemas import UNTRUSTED
from lev_os.core.tools import ToolCard, tool_labels

from .in_force import covers, spends
from .reading import Reader, path_of
from .sites import Field, Place, TextSite, ToolSite
from .states import CLEAN, EVERY_FIELD, Approval, Mark, Names, State, join, same_labels, sure
from .symbols import Symbol, Symbols
from .under_way import Flow, Trying, bound, may_return, properties, spending

UNTRUSTED_MARK = sure({"untrusted"})


class Walk:
    """The walk over one flow and all that it calls; `sites` grows."""

    def __init__(self) -> None:
        self.symbols = Symbols()
        self._read = Reader(self.symbols)
        self.tools: list[ToolSite] = []
        self.texts: list[TextSite] = []
        self._trying: list[Trying] = []

    def run(self, linked: LinkedFlow) -> None:
        """Walk over a flow that is started by itself."""
        taken = {name: self.symbols.unknown("input", name) for name in properties(linked)}
        flow = Flow(linked, linked.constitutions)
        self._flow(flow, State(Names()), self.symbols.object(taken), {}, CLEAN)

    def _flow(
        self, flow: Flow, state: State, given: Symbol, labels: Mapping[str, Mark], control: Mark
    ) -> tuple[State, Symbol, Mark]:
        """A whole flow: the state after it, its output, and the output's label."""
        outer = state.names
        state.names = Names(control=control)
        state.names.bind("input", given, CLEAN)
        fields = properties(flow.linked)
        for name in {*fields, *labels}:
            mark = labels.get(name, CLEAN)
            field = fields.get(name)
            if isinstance(field, Mapping) and field.get(UNTRUSTED):
                mark = mark.also(UNTRUSTED_MARK)
            if mark.may:
                state.names.marks[f"input.{name}"] = mark
        state.names.marks[EVERY_FIELD] = CLEAN.also(*state.names.marks.values())
        self._block(flow.linked.tree.steps, flow, state)
        ends = flow.returned
        if not state.dead:
            ends = [*ends, (state, self.symbols.literal(None), control)]
        if not ends:  # it can only fail
            state.names = outer
            return state, self.symbols.unknown("never", flow.trail), CLEAN
        nothing = self.symbols.literal(None)
        outputs = {value for _, value, _ in ends} - {nothing}
        output = next(iter(outputs)) if len(outputs) == 1 else self.symbols.unknown("output", flow.trail)
        if any(value == nothing for _, value, _ in ends):
            output = self.symbols.or_null(output) if outputs else nothing
        end, _, mark = ends[0]
        end.names = outer
        for other, _, also in ends[1:]:
            other.names = outer
            end, mark = join(end, other, self.symbols, flow.trail), mark.either(also)
        return end, output, mark

    def _block(self, steps: Sequence[Step], flow: Flow, state: State) -> None:
        for step in steps:
            if state.dead:
                return
            _STEPS[type(step)](self, step, flow, state)
            self._may_stop(state)

    # -- plumbing ------------------------------------------------------------------------------------------

    def _bind(self, step: Step, flow: Flow, state: State, mark: Mark, value: Symbol | None = None) -> None:
        if step.id is not None:
            state.names.bind(step.id, self._result(step, flow) if value is None else value, mark)

    def _result(self, step: Step, flow: Flow) -> Symbol:
        return self.symbols.unknown("result", flow.trail, step.path)

    def _may_fail(self, mark: Mark, state: State) -> None:
        if self._trying:
            self._trying[-1].labels = self._trying[-1].labels.also(mark.maybe(), state.names.control.maybe())

    def _may_stop(self, state: State) -> None:
        """A failure may leave the names of the `try` around as they are here."""
        if self._trying and self._trying[-1].state.names.scope is state.names.scope:
            trying = self._trying[-1]
            alive = state if not state.dead else replace(state, dead=False)
            trying.state = join(trying.state, alive, self.symbols, trying.place)

    # -- effects -------------------------------------------------------------------------------------------

    def _call(self, step: Call, flow: Flow, state: State) -> None:
        labels = {f"args.{name}": self._read.mark(value, state.names) for name, value in step.with_.items()}
        labels[""] = state.names.control
        card = flow.linked.tools.get(step.tool)
        made = sure(tool_labels(card)) if card is not None else Mark()
        result = made.also(*labels.values())
        self._may_fail(result, state)
        if card is not None:
            arguments = {name: self._read.value(value, state.names) for name, value in step.with_.items()}
            self._leave(step, flow, state, flow.place(step, "call"), card, arguments, labels)
        self._bind(step, flow, state, result)

    def _leave(
        self,
        step: Step,
        flow: Flow,
        state: State,
        place: Place,
        card: ToolCard,
        arguments: Mapping[str, Symbol] | None,
        labels: Mapping[str, Mark],
    ) -> None:
        """A call leaves: a site, and what it means for the calls to come."""
        gates = tuple(dict.fromkeys((*flow.gates, *flow.linked.guards.get(card.specifier, ()))))
        self.tools.append(
            ToolSite(
                trail=flow.trail + step.path,
                place=place,
                gates=gates,
                card=card,
                arguments=arguments,
                labels={path: mark for path, mark in labels.items() if mark.may},
                approvals=tuple(state.approvals.values()),
                called=tuple((tool, dict(given)) for tool, given in state.called),
            )
        )
        if spends(gates, card):
            self._spend(state, arguments)
        if arguments is not None:
            state.called[card.specifier, tuple(arguments.items())] = None

    def _spend(self, state: State, arguments: Mapping[str, Symbol] | None) -> None:
        """The call uses up the first approval that surely covers it; if none surely does, it may have been any."""
        for answer, approval in state.approvals.items():
            if approval.granted and not approval.spent and covers(approval, arguments, self.symbols):
                state.approvals[answer] = replace(approval, spent=True)
                return
        state.spend_all()

    def _ask(self, step: Ask, flow: Flow, state: State) -> None:
        names = state.names
        known = self._read.mark(step.about, names).also(self._read.mark(step.instruction, names), names.control)
        for index, reference in enumerate(dict.fromkeys((*flow.linked.tree.context, *step.context))):
            context = flow.linked.contexts.get(reference)
            if context is not None:
                known = known.also(*(names.mark(name, path_of(name)) for name in context.params))
                self._text(step, flow, "context", context.text, whole=not context.params, index=index)
        self._template(step, flow, "instruction", step.instruction)
        if step.about is not None:
            self._template(step, flow, "about", step.about)
        cards = [(index, flow.linked.tools[ref]) for index, ref in enumerate(step.tools) if ref in flow.linked.tools]
        answer = known
        for _, card in cards:  # the model hears what they answer, and what they say when they fail
            answer = answer.also(sure(tool_labels(card)).maybe(), UNTRUSTED_MARK.maybe())
        for index, card in cards:
            labels = {"": answer, **{f"args.{name}": answer for name in card.input_schema.get("properties", {})}}
            self._leave(step, flow, state, flow.place(step, "tools", index), card, None, labels)
        self._may_fail(answer, state)
        self._bind(step, flow, state, answer)

    def _template(self, step: Step, flow: Flow, field: Field, template: Template) -> None:
        for part in template.parts:
            if isinstance(part, str):
                self._text(step, flow, field, part, whole=len(template.parts) == 1)

    def _text(self, step: Step, flow: Flow, field: Field, text: str, *, whole: bool, index: int | None = None) -> None:
        place = flow.place(step, field, index)
        self.texts.append(TextSite(flow.trail + step.path, place, flow.gates, field, text, whole))

    def _wait(self, step: Wait, flow: Flow, state: State) -> None:
        self._may_fail(self._read.mark(step.about, state.names), state)
        late = state.copy()
        answer = self._result(step, flow)
        nothing = self.symbols.literal(None)
        about = nothing if step.about is None else self.symbols.not_null(self._read.value(step.about, state.names))
        shown = frozenset() if about == nothing else self.symbols.shown(about)
        state.approvals.pop(answer, None)
        state.approvals[answer] = Approval(step.name, shown, self.symbols.identified(about))
        self._bind(step, flow, state, CLEAN, answer)
        if step.on_timeout:
            self._block(step.on_timeout, flow, late)
            state.become(join(state, late, self.symbols, flow.trail + step.path))

    # -- control flow --------------------------------------------------------------------------------------

    def _branches(
        self,
        step: Step,
        branches: Iterable[tuple[Sequence[Step], Iterable[Symbol]]],
        control: Mark,
        flow: Flow,
        state: State,
    ) -> None:
        """Alternatives, one of which is taken; each with the values that are true in it."""
        place = flow.trail + step.path
        leaves = may_return(step)
        ends: list[tuple[int, State]] = []  # joined two by two: one that has grown is not copied for each branch
        for steps, true in branches:
            branch = state.copy()
            branch.believe(true, self.symbols)
            self._guarded(steps, control, flow, branch, leaves=leaves)
            size = 1
            while ends and ends[-1][0] == size:
                branch = join(ends.pop()[1], branch, self.symbols, place)
                size *= 2
            ends.append((size, branch))
        if ends:
            end = ends.pop()[1]
            while ends:
                end = join(ends.pop()[1], end, self.symbols, place)
            state.become(end)
            self._decided(step, state, control)  # once, not in each branch: what all are labelled with, their join is

    def _guarded(self, steps: Sequence[Step], control: Mark, flow: Flow, state: State, *, leaves: bool) -> None:
        """One branch of a step; `leaves`: some branch of it ends the flow."""
        before = state.names.control
        state.names.control = before.also(control)
        self._block(steps, flow, state)
        if not leaves:
            state.names.control = before

    def _decided(self, step: Step, state: State, control: Mark) -> None:
        """That a name was not bound says what was decided, as much as its value would."""
        if control.may:
            for name in bound(step):
                state.names.taint(name, control)

    def _held(self, expression: Expr, state: State, *, holds: bool) -> list[Symbol]:
        """The values that are surely true where a test came out so."""
        return list(self.symbols.true_where(self._read.expression(expression, state.names), holds=holds))

    def _if(self, step: If, flow: Flow, state: State) -> None:
        mark = self._read.mark(step.test, state.names)
        self._may_fail(mark, state)
        yes, no = (self._held(step.test, state, holds=holds) for holds in (True, False))
        self._branches(step, [(step.then, yes), (step.else_, no)], mark, flow, state)

    def _judged(self, step: IfSemantic | SwitchSemantic, flow: Flow, state: State) -> None:
        mark = self._judge(step.condition, state)
        self._bind(step, flow, state, mark)
        self._branches(step, [(body, ()) for body in bodies(step)], mark, flow, state)

    def _judge(self, condition: Condition, state: State) -> Mark:
        names = state.names
        mark = self._read.mark(condition.about, names).also(self._read.mark(condition.statement, names), names.control)
        self._may_fail(mark, state)
        return mark

    def _switch(self, step: Switch, flow: Flow, state: State) -> None:
        mark = self._read.mark(step.value, state.names)
        self._may_fail(mark, state)
        branches: list[tuple[Sequence[Step], list[Symbol]]] = [(step.default, [])]
        for label, body in step.cases.items():
            true = self._held(step.value, state, holds=label == "true") if label in ("true", "false") else []
            branches.append((body, true))
        self._branches(step, branches, mark, flow, state)

    def _while(self, step: While, flow: Flow, state: State) -> None:
        """Any number of rounds. What the body binds has another value in each, so nothing is known of it between."""
        place = flow.trail + step.path
        names, seen = bound(step), CLEAN
        entry = state.copy()
        if spending(step.do, flow):
            entry.spend_all()
        entry.forget(names, self.symbols, place)
        leaves = may_return(step)
        while True:
            body = entry.copy()
            if step.test is not None:
                mark = self._read.mark(step.test, body.names)
                self._may_fail(mark, body)
                body.believe(self._held(step.test, body, holds=True), self.symbols)
            else:
                assert step.condition is not None, "the parser sets test or condition"
                mark = self._judge(step.condition, body)
            seen = seen.also(mark)
            self._guarded(step.do, mark, flow, body, leaves=leaves)
            self._decided(step, body, mark)
            self._may_stop(body)
            after = join(entry, body, self.symbols, place)
            after.approvals, after.called = dict(entry.approvals), dict(entry.called)
            after.forget(names, self.symbols, place)
            if same_labels(entry, after):
                break
            entry = after
        self._decided(step, after, seen.maybe())
        state.become(after)
        if leaves:
            state.names.control = state.names.control.also(seen)
        self._bind(step, flow, state, seen)

    def _for_each(self, step: ForEach, flow: Flow, state: State) -> None:
        labels = self._read.mark(step.items, state.names)
        if step.where is not None:
            labels = labels.also(self._read.mark(step.where, state.names))
        self._may_fail(labels, state)
        if spending(step.do, flow):
            state.spend_all()
        inner = state.inside(labels)
        item = self.symbols.item(self._read.expression(step.items, state.names), flow.trail + step.path)
        inner.names.bind(step.variable, item, labels)
        self._block(step.do, flow, inner)
        local = CLEAN.also(*inner.names.marks.values()).also(self._read.mark(step.collect, inner.names))
        self._bind(step, flow, state, labels.also(local.maybe()))

    def _parallel(self, step: Parallel, flow: Flow, state: State) -> None:
        every = step.wait_for in ("all", len(step.branches))
        spenders = {name for name, body in step.branches.items() if spending(body, flow)}
        marks, values, ends = [], {}, []
        for name, body in step.branches.items():
            inner = state.inside()
            if spenders - {name}:
                inner.spend_all()
            self._block(body, flow, inner)
            local = CLEAN.also(*inner.names.marks.values())
            marks.append(local if every else local.maybe())
            ends.append(inner)
            values[name] = self.symbols.object(
                {bound: inner.names.value(bound, self.symbols) for bound in inner.names.values}
            )
        if spenders:
            state.spend_all()
        if every:
            for end in ends:
                state.approvals = {**end.approvals, **state.approvals}
                state.called |= end.called
        self._bind(step, flow, state, CLEAN.also(*marks), self.symbols.object(values) if every else None)

    def _sub_flow(self, step: SubFlow, flow: Flow, state: State) -> None:
        linked = flow.linked.flows.get(step.flow)
        labels = {name: self._read.mark(value, state.names) for name, value in step.with_.items()}
        self._may_fail(CLEAN.also(*labels.values()), state)
        if linked is None:
            self._bind(step, flow, state, CLEAN.also(*labels.values()).maybe())
            return
        given = self.symbols.object({name: self._read.value(value, state.names) for name, value in step.with_.items()})
        gates = tuple(dict.fromkeys((*flow.gates, *linked.constitutions)))
        inner = Flow(linked, gates, f"{flow.trail}{step.path}>", flow.place(step, "flow"))
        end, output, mark = self._flow(inner, state, given, labels, state.names.control)
        state.become(end)
        self._bind(step, flow, state, mark, output)

    def _try(self, step: Try, flow: Flow, state: State) -> None:
        place = flow.trail + step.path
        self._trying.append(Trying(state.copy(), place))
        self._block(step.body, flow, state)
        trying = self._trying.pop()
        caught = trying.state
        # What a tool or model says when it fails comes from outside.
        caught.names.bind("error", self.symbols.unknown("error", place), trying.labels.also(UNTRUSTED_MARK))
        self._guarded(step.catch, trying.labels, flow, caught, leaves=may_return(step))
        self._decided(step, caught, trying.labels)
        self._may_stop(caught)
        state.become(join(state, caught, self.symbols, place))

    def _set(self, step: Set, flow: Flow, state: State) -> None:
        for name, value in step.values.items():
            mark = self._read.mark(value, state.names)
            self._may_fail(mark, state)
            state.names.bind(name, self._read.value(value, state.names), mark)

    def _return(self, step: Return, flow: Flow, state: State) -> None:
        mark = self._read.mark(step.value, state.names).also(state.names.control)
        flow.returned.append((state.copy(), self._read.value(step.value, state.names), mark))
        state.dead = True


_STEPS: Mapping[type, Callable[[Walk, Any, Flow, State], None]] = {
    Ask: Walk._ask,
    Call: Walk._call,
    If: Walk._if,
    IfSemantic: Walk._judged,
    Switch: Walk._switch,
    SwitchSemantic: Walk._judged,
    ForEach: Walk._for_each,
    While: Walk._while,
    Parallel: Walk._parallel,
    SubFlow: Walk._sub_flow,
    Wait: Walk._wait,
    Try: Walk._try,
    Set: Walk._set,
    Return: Walk._return,
}
