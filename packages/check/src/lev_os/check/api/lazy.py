"""Names that a module makes when they are asked for (PEP 562), where literal tables say which."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SAFE_CALLS = frozenset({"getattr", "hasattr", "AttributeError", "import_module", "__import__", "repr", "str", "get"})


def exported(tree: ast.Module) -> tuple[str, ...] | None:
    """A literal `__all__`, `+=` and all; None without one, or with one that is computed."""
    names: list[str] | None = None
    for node in tree.body:
        value: ast.expr | None = None
        if (isinstance(node, ast.Assign) and any(_is(target, "__all__") for target in node.targets)) or (
            isinstance(node, ast.AnnAssign) and _is(node.target, "__all__")
        ):
            names, value = [], node.value
        elif isinstance(node, ast.AugAssign) and _is(node.target, "__all__") and names is not None:
            value = node.value
        else:
            continue
        strings = literal_strings(value)
        if strings is None:
            return None
        names += strings
    return None if names is None else tuple(names)


def lazily_bound(tree: ast.Module, exports: tuple[str, ...] | None) -> tuple[tuple[str, ...], bool]:
    """The names that the module's `__getattr__` answers, and whether it may answer others too."""
    function = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"), None
    )
    if function is None:
        return (), any(_binds_getattr(node) for node in tree.body)
    if not function.args.args:
        return (), True
    tables = _tables([*tree.body, *function.body])
    if exports is not None:
        tables["__all__"] = exports
    names, understood = _answers(function, function.args.args[0].arg, tables)
    return (tuple(sorted(names)), False) if understood else ((), True)


def _binds_getattr(node: ast.stmt) -> bool:
    """`__getattr__ = …`, alone or in a tuple, and one that a branch defines; not one kept from type checkers."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return False
    return any(
        (isinstance(inner, ast.Name) and inner.id == "__getattr__" and isinstance(inner.ctx, ast.Store))
        or (isinstance(inner, ast.FunctionDef) and inner.name == "__getattr__")
        for inner in (ast.walk(node) if isinstance(node, ast.Assign | ast.If | ast.Try) else ())
    )


def hides_getattr(tree: ast.Module) -> bool:
    """Whether a `__getattr__` is kept from type checkers: it answers what should not be asked for."""
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test).endswith("not TYPE_CHECKING")
        and "__getattr__" in ast.unparse(node)
        for node in tree.body
    )


def _answers(function: ast.FunctionDef, parameter: str, tables: dict[str, tuple[str, ...]]) -> tuple[set[str], bool]:
    names: set[str] = set()
    raises = False
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(function):
        raises |= isinstance(node, ast.Raise)
        if not (isinstance(node, ast.Name) and node.id == parameter and isinstance(node.ctx, ast.Load)):
            continue
        found = _use(node, parents, tables)
        if found is None:
            return set(), False
        names |= found
    return names, raises and bool(names)


def _use(node: ast.Name, parents: dict[ast.AST, ast.AST], tables: dict[str, tuple[str, ...]]) -> set[str] | None:
    """The names that one use of the parameter tells of; None when it may let any name through."""
    parent = parents[node]
    match parent:
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn()], comparators=[other]) if (
            left is node
        ):
            strings = literal_strings(other) if not isinstance(other, ast.Constant) else _one(other)
            return set(strings) if strings is not None else _table(other, tables)
        case ast.Subscript(value=table, slice=index) if index is node:
            if isinstance(table, ast.Call):  # `globals()[name] = …`
                return set()
            return _table(table, tables)
        case ast.Call(func=ast.Attribute(value=table, attr="get" | "pop")) if node in parent.args:
            return _table(table, tables)
        case ast.Call(func=function) if node in parent.args:
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            return set() if called in _SAFE_CALLS else None
        case ast.FormattedValue() | ast.BinOp() | ast.keyword():
            return set()
    return None


def _table(node: ast.expr, tables: dict[str, tuple[str, ...]]) -> set[str] | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys":
        node = node.func.value
    if isinstance(node, ast.Name) and node.id in tables:
        return set(tables[node.id])
    return None


def _tables(body: list[ast.stmt]) -> dict[str, tuple[str, ...]]:
    """Literal dictionaries (their keys) and collections of strings, by name."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _assignments(body):
        strings = literal_strings(value)
        if strings is not None:
            found[name] = tuple(strings)
    return found


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def literal_strings(node: ast.expr | None) -> list[str] | None:
    """The strings of a literal list, tuple, set or of the keys of a literal dictionary; None for anything else."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            pass
        case ast.Dict(keys=keys) if all(key is not None for key in keys):
            items = [key for key in keys if key is not None]
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[inner], keywords=[]):
            return literal_strings(inner)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            before, after = literal_strings(left), literal_strings(right)
            return None if before is None or after is None else before + after
        case _:
            return None
    strings = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return strings if len(strings) == len(items) else None


def _one(node: ast.Constant) -> list[str]:
    return [node.value] if isinstance(node.value, str) else []


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
