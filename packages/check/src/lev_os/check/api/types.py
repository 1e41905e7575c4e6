"""What the expressions in the source of installed modules refer to, and what annotations promise."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

from .expressions import Attribute, Call, Constant, Either, Expression, Group, Item, Name, dotted
from .index import Bound, Index
from .shapes import Alias, Binding, Class, Function, Parameter, Variable
from .values import (
    AliasedType,
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

_SPECIAL_MODULES = {"typing": "typing", "typing_extensions": "typing", "collections.abc": "typing"}
_FIRST = frozenset({"Annotated", "ClassVar", "Final", "Required", "NotRequired", "ReadOnly", "InitVar"})
_ITERABLES = (
    "Iterable Iterator Generator Sequence MutableSequence Collection Set AbstractSet MutableSet FrozenSet List Deque "
    "Reversible KeysView ValuesView AsyncIterable AsyncIterator AsyncGenerator Awaitable Coroutine Mapping "
    "MutableMapping Dict DefaultDict OrderedDict Tuple ContextManager AsyncContextManager"
)
_CONTAINERS = frozenset(_ITERABLES.split())
_BUILTIN_CONTAINERS = {"list": "List", "set": "Set", "frozenset": "Set", "dict": "Dict", "tuple": "Tuple"}
_CONTEXT_MANAGERS = {"AbstractContextManager": "ContextManager", "AbstractAsyncContextManager": "AsyncContextManager"}
_DEEPEST = 60


@dataclass
class Types:
    """Evaluates by name, without running anything; what leads in a circle is unknown."""

    index: Index
    _values: dict[tuple[str, str], Value] = field(default_factory=dict)
    _pending: list[tuple[str, str]] = field(default_factory=list)

    def in_module(self, module: str, name: str) -> Answer:
        """A name of a module."""
        if module in _SPECIAL_MODULES:
            return Found(SpecialValue(name))
        bound = self.index.bound(module, name)
        if isinstance(bound, bool):
            if bound or self.index.is_shared(module):
                return None
            shape = self.index.module(module)
            sure = shape is None or not shape.hidden
            return Missing(tuple(self.index.names(module)), sure)
        if not bound.bindings:
            return Found(ModuleValue(bound.home))
        return Found(self._value(name, bound), deprecated(bound.bindings))

    def _value(self, name: str, bound: Bound) -> Value:
        key = (bound.home, name)
        if key in self._values:
            return self._values[key]
        if key in self._pending or len(self._pending) > _DEEPEST:
            return None
        self._pending.append(key)
        try:
            value = self.of_bindings(bound.bindings, bound.home)
        finally:
            self._pending.pop()
        if not self._pending:  # what was found inside a circle may be less than the whole
            self._values[key] = value
        return value

    def of_bindings(self, bindings: tuple[Binding, ...], home: str, owner: ClassValue | None = None) -> Value:
        """What a name is that is bound to these, in the module `home` or in the body of `owner`."""
        if all(isinstance(each, Function) for each in bindings):
            return FunctionValue(home, tuple(each for each in bindings if isinstance(each, Function)), owner)
        if len(bindings) > 1:
            bindings = tuple(each for each in bindings if not _is_none(each)) or bindings
        return one_of([self._of_binding(each, home, owner) for each in bindings])

    def _of_binding(self, binding: Binding, home: str, owner: ClassValue | None) -> Value:
        match binding:
            case Class(name=name):
                if home == "contextlib" and name in _CONTEXT_MANAGERS:
                    return SpecialValue(_CONTEXT_MANAGERS[name])
                return ClassValue(home, f"{owner.name}.{name}" if owner else name, binding)
            case Alias(module=module, name=""):
                return ModuleValue(module) if self.index.finder.find(module) is not None else None
            case Alias(module=module, name=name):
                answer = self.in_module(module, name)
                return answer.value if isinstance(answer, Found) else None
            case Function():
                return FunctionValue(home, (binding,), owner)
            case Variable(annotation=None, value=value):
                return self._assigned(value, home, owner)
            case Variable(annotation=annotation, value=value):
                if dotted(annotation).rpartition(".")[2] == "TypeAlias":
                    return self._assigned(value, home, owner)
                return self.instance(annotation, home, owner)

    def _assigned(self, value: Expression, home: str, owner: ClassValue | None) -> Value:
        match value:
            case Name() | Attribute():
                return self.evaluate(value, home, owner)
            case Call(of=of):
                made = self.evaluate(of, home, owner)
                return InstanceValue(made) if isinstance(made, ClassValue) else None
            case Item() | Either():
                return AliasedType(value, home)
        return None

    def evaluate(self, expression: Expression, home: str, owner: ClassValue | None = None) -> Value:
        """What an expression in the source of a module refers to."""
        match expression:
            case Name(id=name):
                if (
                    owner is not None
                    and name in owner.shape.members
                    and not isinstance(owner.shape.members[name][0], Variable)
                ):
                    return self.of_bindings(owner.shape.members[name], home, owner)
                answer = self.in_module(home, name)
                if isinstance(answer, Found):
                    return answer.value
                return BuiltinValue(name) if isinstance(getattr(builtins, name, None), type) else None
            case Attribute(of=of, name=name):
                base = self.evaluate(of, home, owner)
                if isinstance(base, ModuleValue):
                    answer = self.in_module(base.name, name)
                    return answer.value if isinstance(answer, Found) else None
                if isinstance(base, ClassValue) and name in base.shape.members:
                    return self.of_bindings(base.shape.members[name], base.module, base)
            case Item(of=of):
                return self.evaluate(of, home, owner)
        return None

    def instance(self, annotation: Expression, home: str, owner: ClassValue | None = None, me: Value = None) -> Value:
        """What a thing is that is annotated so; `me` is what `Self` means there."""
        match annotation:
            case Constant(kind="None"):
                return Nothing()
            case Either(of=several):
                return one_of([self.instance(each, home, owner, me) for each in several])
            case Item(of=of, index=index):
                inner = index.of if isinstance(index, Group) else (index,)
                return self._generic(self.evaluate(of, home, owner), inner, home, owner, me)
            case Name() | Attribute():
                return self._named(self.evaluate(annotation, home, owner), me)
        return None

    def _named(self, value: Value, me: Value) -> Value:
        match value:
            case ClassValue():
                return InstanceValue(value)
            case BuiltinValue(name=name):
                return Container(_BUILTIN_CONTAINERS.get(name, name), ())
            case AliasedType(expression=expression, home=home):
                return self.instance(expression, home)
            case SpecialValue(name="Self"):
                return me
            case SpecialValue(name=name) if name in _CONTAINERS:
                return Container(name, ())
        return None

    def _generic(
        self, value: Value, inner: tuple[Expression, ...], home: str, owner: ClassValue | None, me: Value
    ) -> Value:
        def arguments() -> tuple[Value, ...]:
            return tuple(self.instance(each, home, owner, me) for each in inner)

        match value:
            case SpecialValue(name="Optional"):
                return one_of([*arguments(), Nothing()])
            case SpecialValue(name="Union"):
                return one_of(list(arguments()))
            case SpecialValue(name=name) if name in _FIRST:
                return self.instance(inner[0], home, owner, me) if inner else None
            case SpecialValue(name="Type") | BuiltinValue(name="type"):
                return self.evaluate(inner[0], home, owner) if inner else None
            case SpecialValue(name=name) if name in _CONTAINERS:
                return Container(name, arguments())
            case BuiltinValue(name=name) if name in _BUILTIN_CONTAINERS:
                return Container(_BUILTIN_CONTAINERS[name], arguments())
            case ClassValue():
                return InstanceValue(value, arguments())
            case AliasedType():
                return self._named(value, me)
        return None

    def parameter(self, parameters: tuple[Parameter, ...], name: str, home: str, owner: ClassValue) -> Value:
        """What a parameter of this name is annotated with."""
        for each in parameters:
            if each.name == name:
                return self.instance(each.annotation, home, owner)
        return None


def deprecated(bindings: tuple[Binding, ...]) -> str | None:
    """The message of a name that is deprecated whichever way it is bound; of overloads, only the last counts."""
    messages = [each.deprecated if isinstance(each, Function | Class) else None for each in bindings]
    return messages[-1] if messages and all(message is not None for message in messages) else None


def _is_none(binding: Binding) -> bool:
    return isinstance(binding, Variable) and isinstance(binding.value, Constant) and binding.value.kind == "None"
