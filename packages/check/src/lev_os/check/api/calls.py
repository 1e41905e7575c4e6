"""Calls: which keywords a function or a class takes, and what comes back."""

from __future__ import annotations

import msgspec

from .classes import Ancestry, Classes
from .expressions import Call, Constant, dotted
from .shapes import Class, Function, Variable
from .values import (
    ClassValue,
    Container,
    Found,
    FunctionValue,
    InstanceValue,
    Nothing,
    Value,
    one_of,
)

_TRANSPARENT = frozenset(
    {
        "overload", "staticmethod", "classmethod", "abstractmethod", "final", "override", "deprecated",
        "cache", "lru_cache", "contextmanager", "asynccontextmanager", "no_type_check", "wraps",
    }
)  # fmt: skip
_MANAGERS = {"contextmanager": "ContextManager", "asynccontextmanager": "AsyncContextManager"}
_ASYNC_GENERATORS = frozenset({"AsyncIterator", "AsyncGenerator", "AsyncIterable"})
_KEYED = frozenset({"Dict", "Mapping", "MutableMapping", "DefaultDict", "OrderedDict"})


class Signature(msgspec.Struct, frozen=True):
    """What keywords a call takes. `open`: others too, or that cannot be told. `lenient`: others are ignored, not
    refused."""

    keywords: tuple[str, ...]
    lenient: bool = False


class Calls:
    """Follows calls."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.types = classes.types

    def signature(self, value: Value) -> Signature | None:
        """The keywords that calling a value takes; None when it takes any, or that cannot be told."""
        match value:
            case FunctionValue(shapes=shapes, bound=bound):
                return _of_functions(shapes, bound=bound)
            case ClassValue():
                return self._constructor(value)
            case InstanceValue():
                called = self.classes.member(value, "__call__")
                if isinstance(called, Found) and isinstance(called.value, FunctionValue):
                    return self.signature(called.value)
        return None

    def _constructor(self, value: ClassValue) -> Signature | None:
        ancestry = self.classes.ancestry(value)
        if value.local or ancestry.enum or self._called_by_metaclass(ancestry):
            return None
        for each in ancestry.classes:
            if "__init__" in each.shape.members and not _is_root(each.shape, ancestry):
                if each is not value and ancestry.open:
                    return None
                functions = tuple(one for one in each.shape.members["__init__"] if isinstance(one, Function))
                return _of_functions(functions, bound=True) if functions else None
            made = _generates(each.shape)
            if made is False:
                return None
            if ancestry.transformed and (made or _is_root(each.shape, ancestry)):
                return None if ancestry.open else _of_fields(ancestry)
            if "__new__" in each.shape.members:
                return None
        if ancestry.transformed and not ancestry.open:
            return _of_fields(ancestry)
        return None if ancestry.open or ancestry.builtin else Signature(())

    def _called_by_metaclass(self, ancestry: Ancestry) -> bool:
        for each in ancestry.classes:
            for name, expression in each.shape.keywords:
                if name == "metaclass":
                    metaclass = self.types.evaluate(expression, each.module)
                    if not isinstance(metaclass, ClassValue):
                        return dotted(expression).rpartition(".")[2] != "ABCMeta"
                    if isinstance(self.classes.member(metaclass, "__call__"), Found):
                        return any("__call__" in one.shape.members for one in self.classes.ancestry(metaclass).classes)
        return False

    def result(self, value: Value) -> Value:
        """What calling a value gives."""
        match value:
            case FunctionValue(shapes=shapes):
                offered = tuple(each for each in shapes if _marks(each) & {"overload"}) or shapes
                return one_of([self._returned(each, value) for each in offered])
            case ClassValue(shape=shape):
                return None if _makes_another(shape) else InstanceValue(value)
            case InstanceValue():
                return self._call_member(value, "__call__")
        return None

    def _returned(self, shape: Function, value: FunctionValue) -> Value:
        marks = _marks(shape)
        if not marks <= _TRANSPARENT or shape.returns is None:
            return None
        me = value.within
        first = shape.parameters[0].annotation if shape.parameters and value.owner else None
        if first is not None and dotted(first) and dotted(first) == dotted(shape.returns):
            returned = me
        else:
            returned = self.types.instance(shape.returns, value.module, value.owner, me)
        for mark, manager in _MANAGERS.items():
            if mark in marks:
                return Container(manager, returned.arguments[:1]) if isinstance(returned, Container) else None
        if shape.is_async and not (isinstance(returned, Container) and returned.type in _ASYNC_GENERATORS):
            return Container("Coroutine", (returned,))
        return returned

    def _call_member(self, value: Value, name: str) -> Value:
        found = self.classes.member(value, name)
        return self.result(found.value) if isinstance(found, Found) else None

    def awaited(self, value: Value) -> Value:
        """What `await value` gives."""
        match value:
            case Container(type="Coroutine" | "Awaitable", arguments=arguments) if arguments:
                return arguments[-1]
            case InstanceValue():
                generator = self._call_member(value, "__await__")
                if isinstance(generator, Container) and len(generator.arguments) == 3:
                    return generator.arguments[2]
        return None

    def entered(self, value: Value, *, is_async: bool) -> Value:
        """What `with value as x` binds."""
        if isinstance(value, Container):
            wanted = "AsyncContextManager" if is_async else "ContextManager"
            return value.arguments[0] if value.type == wanted and value.arguments else None
        if is_async:
            return self.awaited(self._call_member(value, "__aenter__"))
        return self._call_member(value, "__enter__")

    def iterated(self, value: Value, *, is_async: bool) -> Value:
        """What `for x in value` binds."""
        match value:
            case Container(type="Tuple", arguments=arguments):
                return arguments[0] if len(arguments) == 2 and arguments[1] is None else None
            case Container(arguments=arguments, type=kind) if kind not in ("Coroutine", "Awaitable"):
                return arguments[0] if arguments else None
            case InstanceValue():
                if is_async:
                    following = self.awaited(self._call_member(value, "__anext__"))
                    return following or self._first(self._call_member(value, "__aiter__"))
                return self._call_member(value, "__next__") or self._first(self._call_member(value, "__iter__"))
        return None

    def _first(self, value: Value) -> Value:
        return value.arguments[0] if isinstance(value, Container) and value.arguments else None

    def item(self, value: Value) -> Value:
        """What `value[…]` gives; a class stays itself."""
        match value:
            case ClassValue():
                return value
            case Container(type=kind, arguments=arguments) if kind in _KEYED:
                return arguments[1] if len(arguments) == 2 else None
            case Container(type="List" | "Sequence" | "MutableSequence", arguments=(only,)):
                return None if isinstance(only, Nothing) else only
            case InstanceValue():
                return self._call_member(value, "__getitem__")
        return None


def _of_functions(shapes: tuple[Function, ...], *, bound: bool) -> Signature | None:
    keywords: list[str] = []
    for shape in shapes:
        if not _marks(shape) <= _TRANSPARENT:
            return None
        for index, each in enumerate(shape.parameters):
            if each.kind == "**kwargs":
                return None
            if each.kind in ("", "*") and not (bound and index == 0):
                keywords.append(each.name)
    return Signature(tuple(dict.fromkeys(keywords)))


def _of_fields(ancestry: Ancestry) -> Signature | None:
    """The parameters that a dataclass, a Pydantic model or a named tuple has from its annotated names."""
    keywords: list[str] = []
    for each in ancestry.classes:
        shape = each.shape
        for name in (*shape.fields, *shape.members):
            keywords += (name, name.lstrip("_"))
            for binding in shape.members.get(name, ()):
                if isinstance(binding, Variable) and isinstance(binding.value, Call):
                    for key in binding.value.keywords:
                        if key.name in ("alias", "validation_alias", "init_alias", "**"):
                            if not isinstance(key.value, Constant) or not key.value.text:
                                return None
                            keywords.append(key.value.text)
                        if name == "model_config" and key.name == "alias_generator":
                            return None
        if "Config" in shape.members:
            return None
    lenient = not any("dataclass" in _marks(each.shape) or "tuple" in ancestry.builtin for each in ancestry.classes)
    return Signature(tuple(dict.fromkeys(keywords)), lenient)


def _marks(shape: Function | Class) -> set[str]:
    return {dotted(each).rpartition(".")[2] or "?" for each in shape.decorators}


def _is_root(shape: Class, ancestry: Ancestry) -> bool:
    """Whether a class only passes the making of parameters on, as Pydantic's `BaseModel` does."""
    return ancestry.transformed and any(name == "metaclass" for name, _ in shape.keywords)


def _generates(shape: Class) -> bool | None:
    """Whether a decorator of the class makes its `__init__`; False when it is told not to."""
    for each in shape.decorators:
        if isinstance(each, Call) and any(
            key.name == "init" and not (isinstance(key.value, Constant) and key.value.kind == "bool")
            for key in each.keywords
        ):
            return False
        if isinstance(each, Call) and any(key.name == "init" for key in each.keywords):
            return False
    return True if shape.decorators and _marks(shape) - {"final", "runtime_checkable", "deprecated"} else None


def _makes_another(shape: Class) -> bool:
    """Whether `__new__` says that it gives something else."""
    for binding in shape.members.get("__new__", ()):
        if isinstance(binding, Function) and binding.returns is not None:
            return dotted(binding.returns) not in ("Self", "typing.Self", shape.name)
    return False
