"""Following the code of a document through the APIs it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ..api.calls import Calls
from ..api.expressions import Attribute, Await, Call, Constant, Either, Expression, Group, Item, Name, dotted
from ..api.shapes import Parameter
from ..api.values import (
    Answer,
    BuiltinValue,
    ClassValue,
    Container,
    Found,
    FunctionValue,
    InstanceValue,
    Missing,
    ModuleValue,
    Nothing,
    SpecialValue,
    Value,
    one_of,
)
from .fences import Bind, Block, Define, DefineClass, FromImport, Import, Look, Statement

What = Literal["attribute", "name", "module", "parameter", "deprecated", "absent"]


_PLACEHOLDER = re.compile(
    r"(?:my|your|some|MY|YOUR|SOME)_\w+|(?:[Mm]y|[Yy]our|[Ss]ome)[A-Z]\w*|[Ff]oo|[Bb]ar|[Bb]az|Class|ClassName|func|method"
)
"""Names that stand for whatever the reader has."""


class Drift(msgspec.Struct, frozen=True):
    """Something that a document names and the API has not. `module` is where it was looked for; `written` how the
    document writes it, `of` what it should belong to; `names` are those that exist there."""

    what: What
    at: int
    name: str
    written: str
    module: str
    of: Value = None
    names: tuple[str, ...] = ()
    note: str = ""
    sure: bool = True


Scope = dict[str, Value]


@dataclass
class Follower:
    """Runs the program of a fence on values that are only types. `drifts` grows; `looked` counts what was decided."""

    calls: Calls
    drifts: list[Drift] = field(default_factory=list)
    looked: list[int] = field(default_factory=list)
    """The places of what was looked up and found."""
    _quiet: int = 0

    def run(self, statements: Iterable[Statement], scope: Scope) -> None:
        """Follow statements; `scope` gets what they bind."""
        for statement in statements:
            self._statement(statement, scope)

    def _statement(self, statement: Statement, scope: Scope) -> None:
        match statement:
            case Import():
                self._import(statement, scope)
            case FromImport():
                self._from(statement, scope)
            case Bind():
                self._bind(statement, scope)
            case Look(value=value):
                self._look(value, scope)
            case Block(body=body, quiet=quiet):
                inner = dict(scope)
                self._quiet += quiet
                self.run(body, inner)
                self._quiet -= quiet
                for name, after in inner.items():
                    if name not in scope:
                        scope[name] = after
                    elif scope[name] is not after:
                        scope[name] = one_of([scope[name], after])
            case Define(function=function, body=body):
                scope[function.name] = FunctionValue("", (function,)) if _plain(function.decorators) else None
                self.run(body, self._parameters(function.parameters, scope, None))
            case DefineClass(shape=shape, body=body):
                local = ClassValue("", shape.name, shape, local=True)
                scope[shape.name] = local
                inside = dict(scope)
                for each in body:
                    if isinstance(each, Define):
                        self.run(each.body, self._parameters(each.function.parameters, scope, InstanceValue(local)))
                    else:
                        self._statement(each, inside)

    def _parameters(self, parameters: tuple[Parameter, ...], scope: Scope, me: Value) -> Scope:
        inner = dict(scope)
        for index, each in enumerate(parameters):
            inner[each.name] = me if index == 0 and me is not None else self.annotated(each.annotation, scope)
            if each.kind in ("*args", "**kwargs"):
                inner[each.name] = None
        return inner

    def _import(self, statement: Import, scope: Scope) -> None:
        known = self._module(statement.module, statement.at)
        name = statement.module if statement.bound != statement.module.partition(".")[0] else statement.bound
        scope[statement.bound] = ModuleValue(name) if known else None

    def _from(self, statement: FromImport, scope: Scope) -> None:
        if not self._module(statement.module, statement.module_at):
            if statement.bound != "*":
                scope[statement.bound] = None
            return
        if statement.name == "*":
            for name in self.calls.types.index.names(statement.module):
                answer = self.calls.types.in_module(statement.module, name)
                scope[name] = answer.value if isinstance(answer, Found) else None
            return
        answer = self.calls.types.in_module(statement.module, statement.name)
        written = f"{statement.module}.{statement.name}"
        self._note(answer, "name", statement.at, statement.name, written, ModuleValue(statement.module))
        scope[statement.bound] = answer.value if isinstance(answer, Found) else None

    def _module(self, name: str, at: int) -> bool:
        """Whether a module is there, with a note of the first part that is not."""
        index = self.calls.types.index
        if index.finder.find(name) is not None:
            shape = index.module(name)
            if shape is not None and shape.removed is not None:
                self._add(
                    Drift("module", at, name, name, name, ModuleValue(name), note=shape.removed or "it only raises")
                )
                return False
            self.looked.append(at)
            return True
        top, *rest = name.split(".")
        if index.finder.is_standard(top):
            return False
        if index.finder.find(top) is None:
            self._add(Drift("absent", at, top, name, top))
            return False
        parent = top
        for part in rest:
            if index.finder.find(f"{parent}.{part}") is None:
                if index.is_shared(parent):
                    self._add(Drift("absent", at + len(parent) + 1, part, name, f"{parent}.{part}"))
                    return False
                if isinstance(self.calls.types.in_module(parent, part), Missing):
                    names = tuple(index.finder.submodules(parent))
                    offset = at + len(parent) + 1
                    self._add(Drift("module", offset, part, f"{parent}.{part}", parent, ModuleValue(parent), names))
                return False
            parent = f"{parent}.{part}"
        return False

    def _bind(self, statement: Bind, scope: Scope) -> None:
        if statement.how == ":":
            value = self.annotated(statement.value, scope)
            known = scope.get(statement.names[0]) if statement.names else None
            for name in statement.names:
                scope[name] = value if value is not None else known
            return
        value = self.value(statement.value, scope)
        if statement.how == "for":
            value = self.calls.iterated(value, is_async=statement.is_async)
        elif statement.how == "with":
            value = self.calls.entered(value, is_async=statement.is_async)
        if len(statement.names) == 1:
            scope[statement.names[0]] = value
            return
        parts = value.arguments if isinstance(value, Container) and value.type == "Tuple" else ()
        for index, name in enumerate(statement.names):
            scope[name] = parts[index] if len(parts) == len(statement.names) else None

    def annotated(self, annotation: Expression, scope: Scope) -> Value:
        """What an annotation in a document promises."""
        match annotation:
            case Name() | Attribute():
                value = self._silently(annotation, scope)
                if isinstance(value, ClassValue):
                    return InstanceValue(value)
                return Container(value.name, ()) if isinstance(value, BuiltinValue) else None
            case Item(of=of, index=index):
                value = self._silently(of, scope)
                inner = index.of if isinstance(index, Group) else (index,)
                match value:
                    case ClassValue():
                        return InstanceValue(value, tuple(self.annotated(each, scope) for each in inner))
                    case SpecialValue(name="Optional" | "Annotated"):
                        return self.annotated(inner[0], scope) if inner else None
                    case SpecialValue(name=name):
                        arguments = tuple(self.annotated(each, scope) for each in inner)
                        return Container(name, arguments) if name != "Union" else one_of(list(arguments))
                    case BuiltinValue(name=name):
                        return Container(name.capitalize(), tuple(self.annotated(each, scope) for each in inner))
            case Either(of=several):
                return one_of([self.annotated(each, scope) for each in several])
            case Constant(kind="None"):
                return Nothing()
        return None

    def _silently(self, expression: Expression, scope: Scope) -> Value:
        before, self._quiet = self._quiet, 1
        value = self.value(expression, scope)
        self._quiet = before
        return value

    def value(self, expression: Expression, scope: Scope) -> Value:
        """What an expression gives, with a note of each name in it that is missing."""
        match expression:
            case Name(id=name):
                return scope.get(name)
            case Attribute():
                return self._attribute(expression, scope)
            case Call():
                return self.calls.result(self._called(expression, scope))
            case Item(of=of, index=index):
                value = self.value(of, scope)
                self._look(index, scope)
                return self.calls.item(value)
            case Await(of=of):
                return self.calls.awaited(self.value(of, scope))
            case Either(of=several):
                return one_of([self.value(each, scope) for each in several])
            case Group(kind=kind, of=several):
                values = [self.value(each, scope) for each in several]
                if kind == "list":
                    return Container("List", (one_of(values) if values else None,))
                return Container("Tuple", tuple(values)) if kind == "tuple" else None
            case Constant(kind="None"):
                return Nothing()
            case Constant(kind=kind):
                return Container(kind, ())
        return None

    def _look(self, expression: Expression, scope: Scope) -> None:
        """Like `value`, where what an expression gives is not needed: the result of a call is not worked out."""
        match expression:
            case Call():
                self._called(expression, scope)
            case Group(of=several) | Either(of=several):
                for each in several:
                    self._look(each, scope)
            case Await(of=of):
                self._look(of, scope)
            case _:
                self.value(expression, scope)

    def _attribute(self, expression: Attribute, scope: Scope) -> Value:
        base = self.value(expression.of, scope)
        if base is None or (not expression.read):
            return None
        answer = self._member(base, expression.name, scope)
        self._note(answer, "attribute", expression.at, expression.name, _written(expression), base)
        return answer.value if isinstance(answer, Found) else None

    def _member(self, base: Value, name: str, scope: Scope) -> Answer:
        local = base.of if isinstance(base, InstanceValue) else base
        if isinstance(local, ClassValue) and local.local:
            return self._local_member(local, base, name, scope)
        return self.calls.classes.member(base, name)

    def _local_member(self, of: ClassValue, base: Value, name: str, scope: Scope) -> Answer:
        """A member of a class that the document defines: its own are its own business."""
        if name in of.shape.members or name in of.shape.attributes:
            for binding in of.shape.members.get(name, ()):
                annotation = getattr(binding, "annotation", None)
                if annotation is not None:
                    return Found(self.annotated(annotation, scope))
            return Found()
        for parent in of.shape.bases:
            above = self._silently(parent, scope)
            if isinstance(above, ClassValue) and above is not of:
                found = self._member(InstanceValue(above) if isinstance(base, InstanceValue) else above, name, scope)
                if isinstance(found, Found):
                    return Found(found.value)
        return None

    def _called(self, expression: Call, scope: Scope) -> Value:
        """What a call calls, with a note of each keyword that it does not take."""
        function = self.value(expression.of, scope)
        for argument in expression.arguments:
            self._look(argument, scope)
        signature = self.calls.signature(function) if expression.keywords and function is not None else None
        for keyword in expression.keywords:
            self._look(keyword.value, scope)
            if signature is None or keyword.name == "**" or not _outside(function):
                continue
            if keyword.name in signature.keywords:
                self.looked.append(keyword.at)
            else:
                written, sure = dotted(expression.of), not signature.lenient
                home, names = _home(function), signature.keywords
                self._add(Drift("parameter", keyword.at, keyword.name, written, home, function, names, sure=sure))
        return function

    def _note(self, answer: Answer, what: What, at: int, name: str, written: str, base: Value) -> None:
        if isinstance(answer, Found):
            self.looked.append(at)
            if answer.deprecated is not None and _outside(base):
                self._add(Drift("deprecated", at, name, written, _home(base), base, note=answer.deprecated))
        elif isinstance(answer, Missing) and not self.calls.types.index.finder.is_standard(_home(base)):
            self._add(Drift(what, at, name, written, _home(base), base, answer.names, sure=answer.sure))

    def _add(self, drift: Drift) -> None:
        if not self._quiet and not _PLACEHOLDER.fullmatch(drift.name):
            self.drifts.append(drift)


def _outside(value: Value) -> bool:
    """Whether something is of an API, and not defined in the document."""
    return bool(_home(value))


def _home(value: Value) -> str:
    """The module that a value is from."""
    match value:
        case ModuleValue(name=name):
            return name
        case ClassValue(module=module) | FunctionValue(module=module):
            return module
        case InstanceValue(of=of):
            return of.module
    return next(_homes(value), "")


def _homes(value: Value) -> Iterator[str]:
    for each in getattr(value, "of", ()) if not isinstance(value, InstanceValue) else ():
        if home := _home(each):
            yield home


def _plain(decorators: tuple[Expression, ...]) -> bool:
    return not decorators


def _written(expression: Expression) -> str:
    """The expression as a document would write it, calls without their arguments."""
    match expression:
        case Name(id=name):
            return name
        case Attribute(of=of, name=name):
            return f"{_written(of)}.{name}"
        case Call(of=of):
            return f"{_written(of)}()"
        case Await(of=of):
            return f"(await {_written(of)})"
        case Item(of=of):
            return f"{_written(of)}[…]"
    return "…"
