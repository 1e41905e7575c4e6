"""Classes and their instances: ancestors, and the members that come from them."""

from __future__ import annotations

import builtins
import collections.abc
from dataclasses import dataclass, field

import msgspec

from .expressions import Call, Constant, Expression, Group, Keyword, Name, dotted
from .shapes import Class, Function, Variable
from .types import Types, deprecated
from .values import (
    Answer,
    BuiltinValue,
    ClassValue,
    Found,
    FunctionValue,
    InstanceValue,
    Missing,
    ModuleValue,
    Nothing,
    OneOf,
    SpecialValue,
    Value,
    one_of,
)

_EMPTY_BASES = frozenset({"Generic", "Protocol"})
_CONTAINER_BASES = frozenset(
    {
        "Iterable", "Iterator", "Generator", "Sequence", "MutableSequence", "Collection", "Set",
        "MutableSet", "Mapping", "MutableMapping", "Awaitable", "AsyncIterable", "AsyncIterator",
        "AsyncGenerator", "Coroutine", "Hashable", "Sized", "Container", "Callable", "Reversible",
        "ContextManager", "AsyncContextManager",
    }
)  # fmt: skip
_PLAIN_DECORATORS = frozenset(
    {
        "dataclass", "final", "runtime_checkable", "total_ordering", "deprecated", "define", "frozen",
        "mutable", "attrs", "s", "unique", "dataclass_transform", "disjoint_base",
    }
)  # fmt: skip
_PROPERTIES = frozenset(
    {
        "property", "cached_property", "abstractproperty", "classproperty", "DynamicClassAttribute",
        "_magic_enum_property",
    }
)  # fmt: skip
_PLAIN_METACLASSES = frozenset({"ABCMeta", "type", "EnumMeta", "EnumType"})
_NAMED_TUPLE = frozenset({"_asdict", "_replace", "_make", "_fields", "_field_defaults", "count", "index"})
_OBJECT = frozenset(dir(object)) | {"__dict__", "__name__", "__qualname__", "__module__", "__annotations__", "mro"}


class Ancestry(msgspec.Struct, frozen=True, eq=False):
    """A class and what it inherits from, nearest first. `open`: a base, a decorator or `__getattr__` may add names."""

    classes: tuple[ClassValue, ...]
    builtin: tuple[str, ...] = ()
    open: bool = False
    open_class: bool = False
    """A metaclass may add names to the class itself."""
    transformed: bool = False
    """It is a dataclass, or like one (PEP 681): its annotated names are its parameters."""
    enum: bool = False


@dataclass
class Classes:
    """Looks members up."""

    types: Types
    _ancestry: dict[int, Ancestry] = field(default_factory=dict)

    def ancestry(self, value: ClassValue) -> Ancestry:
        """The class's ancestors, its own bases first, each once."""
        key = id(value.shape)
        if key not in self._ancestry:
            self._ancestry[key] = Ancestry((value,), open=True, open_class=True)  # for one that inherits from itself
            self._ancestry[key] = self._read(value)
        return self._ancestry[key]

    def _read(self, value: ClassValue) -> Ancestry:
        shape, classes = value.shape, [value]
        builtin: list[str] = []
        opens = shape.dynamic or bool({"__getattr__", "__getattribute__"} & set(shape.members))
        opens |= any(dotted(each).rpartition(".")[2] not in _PLAIN_DECORATORS for each in shape.decorators)
        opens |= _allows_extra(shape)
        open_class = opens
        transformed = any(self._transforms(each, value) for each in shape.decorators)
        enum = value.module == "enum" and value.name in ("Enum", "Flag")
        for base in shape.bases:
            found = None if value.local else self.types.evaluate(base, value.module)
            match found:
                case ClassValue():
                    above = self.ancestry(found)
                    classes += above.classes
                    builtin += above.builtin
                    opens |= above.open
                    open_class |= above.open_class
                    transformed |= above.transformed
                    enum |= above.enum
                case BuiltinValue(name=name):
                    builtin.append(name)
                case SpecialValue(name=name) if name in _EMPTY_BASES:
                    pass
                case SpecialValue(name="NamedTuple"):
                    builtin += ["tuple", "NamedTuple"]
                    transformed = True
                case SpecialValue(name="TypedDict"):
                    builtin.append("dict")
                    transformed = True
                case SpecialValue(name=name) if name in _CONTAINER_BASES:
                    builtin.append(name)
                case _:
                    opens = open_class = True
        for name, expression in shape.keywords:
            if name == "metaclass":
                metaclass = self.types.evaluate(expression, value.module)
                transformed |= isinstance(metaclass, ClassValue) and _is_transform(metaclass.shape)
                known = (
                    isinstance(metaclass, BuiltinValue) or dotted(expression).rpartition(".")[2] in _PLAIN_METACLASSES
                )
                if not known:
                    open_class |= not isinstance(metaclass, ClassValue) or self.ancestry(metaclass).open
        transformed |= _is_transform(shape) and bool(shape.bases)
        ordered = tuple({id(each.shape): each for each in classes}.values())
        return Ancestry(ordered, tuple(dict.fromkeys(builtin)), opens, open_class, transformed, enum)

    def _transforms(self, decorator: Expression, value: ClassValue) -> bool:
        if dotted(decorator).rpartition(".")[2] == "dataclass":
            return True
        found = self.types.evaluate(decorator.of if isinstance(decorator, Call) else decorator, value.module)
        return isinstance(found, FunctionValue) and any(
            dotted(each).rpartition(".")[2] == "dataclass_transform"
            for shape in found.shapes
            for each in shape.decorators
        )

    def member(self, value: Value, name: str) -> Answer:
        """An attribute of anything."""
        match value:
            case ModuleValue(name=module):
                return self.types.in_module(module, name)
            case ClassValue():
                return self._of_class(value, name, None)
            case InstanceValue(of=of):
                return self._of_class(of, name, value)
            case OneOf(of=several):
                return self._of_several([each for each in several if not isinstance(each, Nothing)], name)
        return None

    def _of_several(self, values: list[Value], name: str) -> Answer:
        answers = [self.member(each, name) for each in values]
        if any(answer is None for answer in answers) or not answers:
            return None
        found = [answer for answer in answers if isinstance(answer, Found)]
        if found:
            return Found(one_of([answer.value for answer in found]))
        return next(answer for answer in answers if isinstance(answer, Missing))

    def _of_class(self, of: ClassValue, name: str, instance: InstanceValue | None) -> Answer:
        """Instance attributes count for the class too: documents write `Client.timeout` for both."""
        ancestry = self.ancestry(of)
        for each in ancestry.classes:
            members = each.shape.members
            if name in members:
                bindings = members[name]
                return Found(self._bound(bindings, each, instance or of, enum=ancestry.enum), deprecated(bindings))
            if name in each.shape.attributes:
                return Found(self._attribute(each.shape.attributes[name], each))
        if any(name in _names_of(builtin) for builtin in ancestry.builtin) or name in _OBJECT:
            return Found()
        if ancestry.open or (instance is None and ancestry.open_class):
            return None
        if name.startswith("__"):
            return None
        if instance is None and self._on_metaclass(ancestry, name):
            return Found()
        return Missing(tuple(self.names(of)))

    def _on_metaclass(self, ancestry: Ancestry, name: str) -> bool:
        for each in ancestry.classes:
            for key, expression in each.shape.keywords:
                if key == "metaclass":
                    metaclass = self.types.evaluate(expression, each.module)
                    if isinstance(metaclass, ClassValue) and isinstance(self._of_class(metaclass, name, None), Found):
                        return True
        return False

    def names(self, of: ClassValue) -> list[str]:
        """The public members of a class, inherited ones too."""
        names = [name for each in self.ancestry(of).classes for name in (*each.shape.members, *each.shape.attributes)]
        return [name for name in dict.fromkeys(names) if not name.startswith("_")]

    def _bound(
        self, bindings: tuple[object, ...], owner: ClassValue, on: ClassValue | InstanceValue, *, enum: bool
    ) -> Value:
        functions = tuple(each for each in bindings if isinstance(each, Function))
        me = on if isinstance(on, InstanceValue) else InstanceValue(on)
        if functions and len(functions) == len(bindings):
            marks = {dotted(each).rpartition(".")[2] for each in functions[-1].decorators}
            if marks & _PROPERTIES:
                return self.types.instance(functions[-1].returns, owner.module, owner, me)
            bound = "staticmethod" not in marks and (isinstance(on, InstanceValue) or "classmethod" in marks)
            return FunctionValue(owner.module, functions, owner, bound, me)
        if len(bindings) == 1 and isinstance(bindings[0], Variable):
            variable = bindings[0]
            if enum and variable.annotation is None:
                return me
            if variable.annotation is not None:
                return self.types.instance(variable.annotation, owner.module, owner, me)
            if variable.value is None:
                return None
        return self.types.of_bindings(bindings, owner.module, owner)  # type: ignore[arg-type]

    def _attribute(self, variable: Variable, owner: ClassValue) -> Value:
        if variable.annotation is not None:
            return self.types.instance(variable.annotation, owner.module, owner)
        match variable.value:
            case Name(id=name) if any(each.name == name for each in variable.parameters):
                return self.types.parameter(variable.parameters, name, owner.module, owner)
            case Call(of=of):
                made = self.types.evaluate(of, owner.module)
                return InstanceValue(made) if isinstance(made, ClassValue) else None
        return None


def _names_of(name: str) -> frozenset[str]:
    """What a class of Python itself has: one of `builtins` or `collections.abc`, or a named tuple."""
    found = getattr(builtins, name, None) or getattr(collections.abc, name, None)
    return frozenset(dir(found)) | _NAMED_TUPLE if found is not None else _NAMED_TUPLE


def _is_transform(shape: Class) -> bool:
    return any(dotted(each).rpartition(".")[2] == "dataclass_transform" for each in shape.decorators)


def _allows_extra(shape: Class) -> bool:
    """Pydantic's `extra="allow"`, in the class statement, in `model_config` or in the class `Config`."""
    for name, expression in shape.keywords:
        if name == "extra" and isinstance(expression, Constant) and expression.text == "allow":
            return True
    for binding in (*shape.members.get("model_config", ()), *shape.members.get("Config", ())):
        if isinstance(binding, Class):
            return "extra" in binding.members
        if isinstance(binding, Variable) and binding.value is not None:
            keywords: tuple[Keyword, ...] = binding.value.keywords if isinstance(binding.value, Call) else ()
            if isinstance(binding.value, Group) or any(
                key.name == "extra" and not (isinstance(key.value, Constant) and key.value.text in ("forbid", "ignore"))
                for key in keywords
            ):
                return True
    return False
