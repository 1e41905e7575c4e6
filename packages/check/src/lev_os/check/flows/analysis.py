"""All that is worked out about one flow, in one pass over its steps in the order in which they run.

Before each step stands what every name can be there; branches are joined, a loop's names are forgotten before it. So
the cost is that of the steps and of what they bind, whatever their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lev_os.core.errors import LevError
from lev_os.core.flowmind import cel
from lev_os.core.flowmind.expressions import ExpressionError
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
    Value,
    Wait,
    While,
)
from lev_os.core.flowmind.walk import walk
from lev_os.core.packaging import find

from . import types
from .cases import covers
from .counting import Cost, count
from .expressions import Complaint, Reading
from .narrowing import among, assume, assume_in, neither
from .reading import Reads, handed_over, reads
from .scopes import UNBOUND, Names
from .types import ANY, BOOL, INT, STRING, Type, from_schema, join, record
from .uses import bound_in, defined

if TYPE_CHECKING:
    from lev_os.core import Package
    from lev_os.core.flowmind.link import LinkedFlow

    from ..project import FlowSubject

_VERDICT = record({
    "holds": BOOL.or_null(),
    "confidence": Type(frozenset({"int", "double", "null"})),
    "evidence": ANY,
    "decided_by": ANY,
})  # fmt: skip
_ERROR = record({"kind": STRING, "message": STRING, "step": STRING.or_null()})
UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Heard:
    """A complaint, and the expression and step that it is about."""

    step: Step
    expr: Expr
    complaint: Complaint


@dataclass(frozen=True, slots=True)
class Given:
    """A value that goes where a schema waits for it: an argument or an output field `name`; None: the whole output."""

    step: Step
    name: str | None
    value: Value
    found: Type
    wanted: Type


@dataclass(frozen=True, slots=True)
class Unbound:
    """A name that nothing has bound where it is read, though some step does elsewhere."""

    step: Step
    expr: Expr
    name: str


@dataclass
class Analysis:
    """What is known of a flow without running it."""

    linked: LinkedFlow
    complaints: list[Heard] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    unbound: list[Unbound] = field(default_factory=list)
    switched: list[tuple[Switch, Type]] = field(default_factory=list)
    never: list[tuple[Step, str]] = field(default_factory=list)
    """Steps with a test that is written out, and the key of the branch that is never taken because of it."""
    unreachable: list[tuple[Step, ...]] = field(default_factory=list)
    """Steps that follow one after which no way goes on."""
    read_as: dict[tuple[int, int], Type] = field(default_factory=dict)
    """By the line and column of an expression, what it gives."""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step, a step before those inside it."""
        return tuple(walk(self.linked.tree.steps))

    @cached_property
    def reads(self) -> Reads:
        """What is read anywhere."""
        return reads(self.linked)

    @cached_property
    def cost(self) -> Cost:
        """How often a run asks models and calls tools."""
        return count(self.linked)

    @cached_property
    def handed_over(self) -> frozenset[str]:
        """The paths of steps whose results are read as a part of the loop or branch that they are in."""
        return handed_over(self.linked, self.reads)


def analyse(subject: FlowSubject) -> Analysis:
    """Work it out."""
    return examine(subject.linked, subject.flow.package)


def examine(linked: LinkedFlow, package: Package | None = None) -> Analysis:
    """The analysis of a linked flow of a package; what it refers to and could not be found can be anything."""
    walker = _Walker(linked, Analysis(linked), package)
    tree = linked.tree
    root = Names(defined=defined(tree.steps))
    root.bind("input", from_schema(tree.input_schema))
    walker.block(tree.steps, root)
    return walker.analysis


class _Walker:
    def __init__(self, linked: LinkedFlow, analysis: Analysis, package: Package | None) -> None:
        self._linked = linked
        self._package = package
        self.analysis = analysis
        output = linked.tree.output_schema
        self._output = None if output is None else from_schema(output)
        self._wanted: dict[str, Mapping[str, Type]] = {}

    def block(self, steps: Sequence[Step], names: Names) -> None:
        """What follows where every way has returned is looked at as if one had not."""
        never, ended = names.dead, False
        for index, step in enumerate(() if never else steps):
            if names.dead:
                if not ended:
                    self.analysis.unreachable.append(tuple(steps[index:]))
                ended, names.dead = True, False
            _STEPS[type(step)](self, step, names)
        names.dead = names.dead or ended

    def _bind(self, step: Step, names: Names, type_: Type) -> None:
        if step.id is not None:
            names.bind(step.id, type_)

    # --- expressions and values

    def _read(self, step: Step, expr: Expr, names: Names, how: Callable[[Reading, cel.Node], Type]) -> Type:
        """The type of an expression, with what there is to complain of; anything for one that could not be read."""
        if expr.at.line is None:
            return ANY
        try:
            node = cel.parse(expr.source)
        except ExpressionError:
            return ANY
        reading = Reading(expr.source)
        found = how(reading, node)
        sure_null = False
        for complaint in reading.complaints:
            self.analysis.complaints.append(Heard(step, expr, complaint))
            sure_null |= complaint.kind == "null" and complaint.sure
        if not sure_null:
            for name in sorted(expr.names):
                if names.get(name) is UNBOUND:
                    self.analysis.unbound.append(Unbound(step, expr, name))
        found = ANY if found.kinds & types.MORE else found
        self.analysis.read_as[expr.at.line, expr.at.column or 1] = found
        return found

    def expression(self, step: Step, expr: Expr, names: Names) -> Type:
        return self._read(step, expr, names, lambda reading, node: reading.of(node, names))

    def truth(self, step: Step, expr: Expr, names: Names) -> None:
        self._read(step, expr, names, lambda reading, node: reading.truth(node, names))

    def value(self, step: Step, value: Value, names: Names) -> Type:
        """What a value of `with`, `set` or `return` becomes."""
        if isinstance(value, Template):
            found = [self.expression(step, part, names) for part in value.parts if isinstance(part, Expr)]
            if len(value.parts) > 1:
                return STRING
            return found[0] if found else types.constant(value.parts[0])
        if isinstance(value, dict):
            return record({str(name): self.value(step, item, names) for name, item in value.items()})
        if isinstance(value, list):
            return types.list_of(join([self.value(step, item, names) for item in value]))
        return types.constant(value)

    def _texts(self, step: Step, names: Names, *texts: Template | None) -> None:
        for text in texts:
            if text is not None:
                self.value(step, text, names)

    # --- effects

    def _ask(self, step: Ask, names: Names) -> None:
        self._texts(step, names, step.instruction, step.about)
        self._bind(step, names, STRING if step.returns is None else from_schema(step.returns))

    def _call(self, step: Call, names: Names) -> None:
        card = self._linked.tools.get(step.tool)
        self._arguments(step, step.with_, step.tool, card.input_schema if card else {}, names)
        if card is None or card.output_schema is None:
            self._bind(step, names, ANY)
        else:
            typed = self._is_typed(step.tool)
            self._bind(step, names, from_schema(card.output_schema, filled=False, whole=typed))

    def _is_typed(self, tool: str) -> bool:
        """Whether what a tool gives is told by a Python type, and not by a server that may say less than all."""
        try:
            package, subpath = find(tool, within=self._package)
        except LevError:
            return False
        return subpath not in package.server_tools

    def _sub_flow(self, step: SubFlow, names: Names) -> None:
        flow = self._linked.flows.get(step.flow)
        self._arguments(step, step.with_, step.flow, flow.tree.input_schema if flow else {}, names)
        output = flow.tree.output_schema if flow else None
        self._bind(step, names, ANY if output is None else from_schema(output, filled=False))

    def _arguments(
        self, step: Step, given: Mapping[str, Value], target: str, schema: Mapping[str, Any], names: Names
    ) -> None:
        if target not in self._wanted:
            self._wanted[target] = from_schema(schema).fields or {}
        wanted = self._wanted[target]
        for name, value in given.items():
            found = self.value(step, value, names)
            if name in wanted:
                self.analysis.given.append(Given(step, name, value, found, wanted[name]))

    def _wait(self, step: Wait, names: Names) -> None:
        self._texts(step, names, step.about)
        answer = ANY if step.returns is None else from_schema(step.returns)
        if step.timeout is None or not step.on_timeout:
            self._bind(step, names, answer)
            return
        answered, late = Names(names), Names(names)
        self._bind(step, answered, answer)
        self.block(step.on_timeout, late)
        names.merge([answered, late])

    def _judge(self, step: Step, condition: Condition, names: Names) -> None:
        self._texts(step, names, condition.statement, condition.about)

    # --- branches

    def _if(self, step: If, names: Names) -> None:
        self.truth(step, step.test, names)
        node = _parsed(step.test)
        written = node.value if isinstance(node, cel.Constant) and isinstance(node.value, bool) else None
        branches = []
        for truth, steps in ((True, step.then), (False, step.else_)):
            layer = Names(names) if node is None else assume(node, names, truth)
            if written is (not truth):
                layer.dead = True
                if steps:
                    self.analysis.never.append((step, "then" if truth else "else"))
            self.block(steps, layer)
            branches.append(layer)
        names.merge(branches)

    def _if_semantic(self, step: IfSemantic, names: Names) -> None:
        self._judge(step, step.condition, names)
        self._bind(step, names, _VERDICT)
        branches = []
        for holds, steps in ((True, step.then), (False, step.else_), (None, step.uncertain)):
            layer = Names(names)
            if step.id is not None:
                layer.learn(step.id, record({**(_VERDICT.fields or {}), "holds": types.constant(holds)}))
            self.block(steps, layer)
            branches.append(layer)
        names.merge(branches)

    def _switch(self, step: Switch, names: Names) -> None:
        found = self.expression(step, step.value, names)
        self.analysis.switched.append((step, found))
        node = _parsed(step.value)
        only_text = found.kinds == {"string"}
        branches = []
        for label, steps in step.cases.items():
            layer = Names(names)
            if node is not None and only_text:
                among(node, [label], layer)
            self.block(steps, layer)
            branches.append(layer)
        rest = Names(names)
        if node is not None:
            neither(node, step.cases, rest)
        if covers(found, step.cases):
            rest.dead = True
        self.block(step.default, rest)
        names.merge([*branches, rest])

    def _switch_semantic(self, step: SwitchSemantic, names: Names) -> None:
        self._judge(step, step.condition, names)
        self._bind(step, names, types.one_of([*step.cases, UNCERTAIN]))
        branches = []
        for label, steps in (*step.cases.items(), (UNCERTAIN, step.uncertain)):
            layer = Names(names)
            if step.id is not None:
                layer.learn(step.id, types.one_of([label]))
            self.block(steps, layer)
            branches.append(layer)
        names.merge(branches)

    def _try(self, step: Try, names: Names) -> None:
        body = Names(names)
        self.block(step.body, body)
        caught = names.interrupted(body)
        caught.dead = False
        caught.bind("error", _ERROR)
        self.block(step.catch, caught)
        names.merge([body, caught])

    # --- repetition

    def _while(self, step: While, names: Names) -> None:
        body = Names(names)
        body.forget(bound_in(step.do))
        if step.test is not None:
            self.truth(step, step.test, body)
            if (node := _parsed(step.test)) is not None:
                if isinstance(node, cel.Constant) and node.value is False:
                    body.dead = True
                    self.analysis.never.append((step, "do"))
                assume_in(node, body, True)
        elif step.condition is not None:
            self._judge(step, step.condition, body)
        self.block(step.do, body)
        names.merge([Names(names), body])
        self._bind(step, names, INT)

    def _for_each(self, step: ForEach, names: Names) -> None:
        items = self._read(step, step.items, names, lambda reading, node: _listed(reading, node, names))
        inner = Names(names)
        inner.learn(step.variable, items.items or ANY if "list" in items.kinds else ANY)
        if step.where is not None:
            self.truth(step, step.where, inner)
            if (node := _parsed(step.where)) is not None:
                assume_in(node, inner, True)
        self.block(step.do, inner)
        made = self.value(step, step.collect, inner) if step.has_collect else _locals(inner)
        self._bind(step, names, types.list_of(made))

    def _parallel(self, step: Parallel, names: Names) -> None:
        results = {}
        for name, steps in step.branches.items():
            inner = Names(names)
            self.block(steps, inner)
            results[name] = _locals(inner)
        if step.wait_for not in ("all", len(step.branches)):
            results = {name: type_.or_null() for name, type_ in results.items()}
        self._bind(step, names, record(results))

    # --- values

    def _set(self, step: Set, names: Names) -> None:
        for name, value in step.values.items():
            names.bind(name, self.value(step, value, names))

    def _return(self, step: Return, names: Names) -> None:
        found = self.value(step, step.value, names)
        if self._output is not None:
            fields = self._output.fields
            if isinstance(step.value, dict) and fields is not None and found.fields is not None:
                for name, value in step.value.items():
                    if name in fields:
                        self.analysis.given.append(Given(step, name, value, found.fields[name], fields[name]))
            else:
                self.analysis.given.append(Given(step, None, step.value, found, self._output))
        names.dead = True


def _listed(reading: Reading, node: cel.Node, names: Names) -> Type:
    found = reading.of(node, names)
    reading.wants(node, found, {"list"}, "`for_each` needs a list")
    return found


def _locals(inner: Names) -> Type:
    """What a body of `for_each` or `parallel` gives: the names that it has bound, if it came by them."""
    found = {name: inner.get(name) for name in inner.bound()}
    # `error` may be the one of a `catch` around the body; every other name can only have been bound inside.
    return record(found, optional=[name for name, type_ in found.items() if "null" in type_.kinds or name == "error"])


def _parsed(expr: Expr) -> cel.Node | None:
    if expr.at.line is None:
        return None
    try:
        return cel.parse(expr.source)
    except ExpressionError:
        return None


_STEPS: Mapping[type, Callable[[_Walker, Any, Names], None]] = {
    Ask: _Walker._ask,
    Call: _Walker._call,
    If: _Walker._if,
    IfSemantic: _Walker._if_semantic,
    Switch: _Walker._switch,
    SwitchSemantic: _Walker._switch_semantic,
    ForEach: _Walker._for_each,
    While: _Walker._while,
    Parallel: _Walker._parallel,
    SubFlow: _Walker._sub_flow,
    Wait: _Walker._wait,
    Try: _Walker._try,
    Set: _Walker._set,
    Return: _Walker._return,
}
