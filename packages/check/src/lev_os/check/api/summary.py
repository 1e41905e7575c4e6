"""From a module's source to the shape of its API."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

from .expressions import Name, Place, read_annotation, read_expression
from .lazy import exported, hides_getattr, lazily_bound, literal_strings
from .shapes import Alias, Binding, Class, Function, Module, Parameter, Variable

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_CLAUSES = ast.ExceptHandler | ast.match_case
_DEPRECATED = re.compile(r"^\.\. deprecated::[ \t]*(.*)|\A\W{0,4}(Deprecated\b.*)", re.MULTILINE)
_DYNAMIC_NAMES = frozenset({"__getattr__", "__getattribute__"})


def summarise(source: str, name: str, path: str = "", *, is_package: bool = False) -> Module:
    """Read a module; raises `SyntaxError`, `ValueError` or `RecursionError` for what Python cannot parse."""
    tree = ast.parse(source)
    package = name if is_package else name.rpartition(".")[0]
    reader = _Body(package, stub=path.endswith(".pyi"))
    reader.read(tree.body)
    exports = exported(tree)
    lazy, opaque = lazily_bound(tree, exports)
    return Module(
        name,
        path,
        is_package,
        {key: tuple(bindings) for key, bindings in reader.members.items()},
        tuple(reader.stars),
        exports,
        lazy,
        opaque or reader.dynamic,
        hides_getattr(tree),
        _removed(tree),
    )


def _removed(tree: ast.Module) -> str | None:
    if not any(isinstance(node, ast.Raise) for node in tree.body):
        return None
    return (ast.get_docstring(tree) or "").partition("\n")[0]


class _Body:
    """Collects what the statements of a module or of a class bind."""

    def __init__(self, package: str, *, stub: bool = False, in_class: bool = False) -> None:
        self.package = package
        self.stub = stub
        self.in_class = in_class
        self.members: dict[str, list[Binding]] = {}
        self.attributes: dict[str, Variable] = {}
        self.fields: list[str] = []
        self.stars: list[str] = []
        self.dynamic = False

    def read(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _bind(self, name: str, binding: Binding) -> None:
        self.members.setdefault(name, []).append(binding)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._bind(node.name, read_class(node, self.package, stub=self.stub))
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    self._bind(alias.asname or top, Alias(alias.name if alias.asname else top))
            case ast.ImportFrom():
                self._from(node)
            case ast.Assign():
                value = read_expression(node.value)
                for target in node.targets:
                    self._target(target, Variable(value=value))
            case ast.AnnAssign(target=ast.Name(id=name)):
                self._bind(name, Variable(read_annotation(node.annotation), read_expression(node.value)))
                self.fields.append(name)
            case ast.AugAssign(target=ast.Name(id=name)) if name not in self.members:
                self._bind(name, Variable())
            case ast.If():
                self._if(node)
            case ast.Expr(value=ast.Call() as call):
                self.dynamic |= _adds_names(call)
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        """Statements that hold others: whatever they bind counts."""
        match node:
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._target(item.optional_vars, Variable())
            case ast.For():
                self._target(node.target, Variable())
            case ast.Match():
                for case in node.cases:
                    self.read(case.body)
            case ast.Try() | ast.TryStar() | ast.While():
                pass
            case _ if type(node).__name__ == "TypeAlias":  # Python 3.12 and later
                parts = vars(node)
                self._bind(parts["name"].id, Variable(Name("TypeAlias"), read_annotation(parts["value"])))
        for part in ("body", "orelse", "finalbody"):
            self.read(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            self.read(handler.body)

    def _if(self, node: ast.If) -> None:
        """Both branches count, except those that a type checker is told not to see, or only it."""
        test = ast.unparse(node.test) if isinstance(node.test, ast.Name | ast.Attribute | ast.UnaryOp) else ""
        hidden = test in ("not TYPE_CHECKING", "not typing.TYPE_CHECKING")
        shown = test in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        before = {name: len(bindings) for name, bindings in self.members.items()}
        self.read(node.body)
        if hidden:  # kept where nothing else says what the name is, but no `__getattr__` that checkers do not see
            for name in _DYNAMIC_NAMES & set(self.members):
                del self.members[name][before.get(name, 0) :]
                if not self.members[name]:
                    del self.members[name]
        known = set(self.members)
        if shown:
            extra = _Body(self.package, stub=self.stub, in_class=self.in_class)
            extra.read(node.orelse)
            for name, bindings in extra.members.items():
                if name not in known:
                    self.members[name] = bindings
            self.stars += extra.stars
        else:
            self.read(node.orelse)

    def _from(self, node: ast.ImportFrom) -> None:
        module = absolute(node.module or "", node.level, self.package)
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self._bind(alias.asname or alias.name, Alias(module, alias.name))

    def _target(self, target: ast.expr | None, variable: Variable) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(name, variable)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for each in targets:
                    self._target(each, Variable())
            case ast.Starred(value=inner):
                self._target(inner, Variable())
            case ast.Subscript(value=ast.Call(func=ast.Name(id="globals" | "vars" | "locals"))):
                self.dynamic = True
            case ast.Subscript(value=ast.Attribute(attr="modules")):
                self.dynamic = True

    def _function(self, node: Definition) -> None:
        if any(isinstance(each, ast.Attribute) and each.attr in ("setter", "deleter") for each in node.decorator_list):
            return
        function = read_function(node)
        self._bind(node.name, function)
        if self.in_class and node.args.args and not self.stub:
            self._attributes(node, function)

    def _attributes(self, node: Definition, function: Function) -> None:
        """What a method sets on its first parameter."""
        first = node.args.args[0].arg
        loops: dict[str, list[str]] = {}
        for inner in _own_statements(node.body):
            match inner:
                case ast.Assign(targets=targets):
                    for target in targets:
                        for each in target.elts if isinstance(target, ast.Tuple) else (target,):
                            value = read_expression(inner.value) if each is target else None
                            self._attribute(each, first, Variable(value=value, parameters=function.parameters))
                case ast.AnnAssign(target=target):
                    annotation = read_annotation(inner.annotation)
                    self._attribute(target, first, Variable(annotation, parameters=function.parameters))
                case ast.AugAssign(target=target):
                    self._attribute(target, first, Variable())
                case ast.For(target=target) | ast.AsyncFor(target=target):
                    self._attribute(target, first, Variable())
                    strings = literal_strings(inner.iter)
                    if isinstance(target, ast.Name) and strings is not None:
                        loops[target.id] = strings
                case ast.With(items=items) | ast.AsyncWith(items=items):
                    for item in items:
                        self._attribute(item.optional_vars, first, Variable())
                case ast.Expr(value=ast.Call() as call):
                    self._call(call, first, loops)

    def _call(self, call: ast.Call, first: str, loops: dict[str, list[str]]) -> None:
        """`setattr(self, name, …)` and `self.__dict__.update(…)`."""
        match call:
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=owner), name, _]) if owner == first:
                names = loops.get(name.id) if isinstance(name, ast.Name) else literal_strings(ast.List([name]))
                if names is None:
                    self.dynamic = True
                for each in names or ():
                    self.attributes.setdefault(each, Variable())
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner), attr="__dict__"), attr="update")
            ):
                self.dynamic |= owner == first
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="vars")), attr="update")):
                self.dynamic = True

    def _attribute(self, target: ast.expr | None, first: str, variable: Variable) -> None:
        match target:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == first:
                pass
            case _:
                return
        before = self.attributes.get(name)
        if before is None or (before.annotation is None and variable.annotation is not None):
            self.attributes[name] = variable
        elif before.annotation is None and variable.annotation is None:
            self.attributes[name] = Variable()  # set twice: what it is depends


def absolute(module: str, level: int, package: str) -> str:
    """The absolute name of a relative import in `package`."""
    if not level:
        return module
    base = package.split(".")
    base = base[: len(base) - (level - 1)]
    return ".".join([*base, module] if module else base)


def read_class(node: ast.ClassDef, package: str, place: Place | None = None, *, stub: bool = False) -> Class:
    """The shape of a class statement."""
    body = _Body(package, stub=stub, in_class=True)
    body.read(node.body)
    read = (lambda each: read_expression(each, place)) if place else read_expression
    return Class(
        node.name,
        tuple(read(base) for base in node.bases),
        tuple((key.arg or "**", read_expression(key.value)) for key in node.keywords),
        tuple(read_expression(each) for each in node.decorator_list),
        {name: tuple(bindings) for name, bindings in body.members.items()},
        body.attributes,
        tuple(body.fields),
        body.dynamic,
        _deprecated(node),
    )


def read_function(node: Definition, place: Place | None = None) -> Function:
    """The shape of a function statement."""
    read = (lambda each: read_annotation(each, place)) if place else read_annotation
    return Function(
        node.name,
        tuple(read_parameters(node.args)),
        read(node.returns),
        tuple(read_expression(each) for each in node.decorator_list),
        isinstance(node, ast.AsyncFunctionDef),
        _deprecated(node),
    )


def read_parameters(arguments: ast.arguments) -> Iterator[Parameter]:
    """Every parameter in the order of the signature."""
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    for index, each in enumerate(positional):
        kind = "/" if index < len(arguments.posonlyargs) else ""
        yield Parameter(each.arg, kind, index >= required, read_annotation(each.annotation))
    if arguments.vararg:
        yield Parameter(arguments.vararg.arg, "*args", True, read_annotation(arguments.vararg.annotation))
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield Parameter(each.arg, "*", default is not None, read_annotation(each.annotation))
    if arguments.kwarg:
        yield Parameter(arguments.kwarg.arg, "**kwargs", True, read_annotation(arguments.kwarg.annotation))


def _own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a function's body, those inside others too, but none of inner functions or classes."""
    for node in body:
        if isinstance(node, Definition | ast.ClassDef):
            continue
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            for inner in getattr(node, part, ()):
                yield from _own_statements(inner.body if isinstance(inner, _CLAUSES) else [inner])


def _adds_names(call: ast.Call) -> bool:
    """`globals().update(…)`, `setattr(module, …)`, `exec(…)` and their like."""
    match call.func:
        case ast.Name(id="exec" | "setattr"):
            return True
        case ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "vars" | "locals")), attr="update"):
            return True
    return False


def _deprecated(node: Definition | ast.ClassDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            name = (
                decorator.func.attr if isinstance(decorator.func, ast.Attribute) else getattr(decorator.func, "id", "")
            )
            if name == "deprecated":
                first = decorator.args[0] if decorator.args else None
                text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
                return " ".join(text.split())
    docstring = ast.get_docstring(node, clean=False)
    if docstring and "eprecated" in docstring and (found := _DEPRECATED.search(inspect.cleandoc(docstring))):
        return " ".join((found[1] or found[2] or "").split())
    return None
