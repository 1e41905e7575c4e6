"""Python expressions, as little of them as it takes to tell what a name, an attribute or a call refers to.

The same few shapes stand for annotations and values in installed packages, and for the code in documents; there each
one also knows where it stands (`at`, in characters of the file).
"""

from __future__ import annotations

import ast
from collections.abc import Callable

import msgspec

Place = Callable[[int, int], int]
"""From a line (from 1) and a column in UTF-8 bytes (from 0), as `ast` counts, to a character."""


class Name(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    id: str
    at: int = 0


class Attribute(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """`at` is where the attribute's own name begins. `read` is false where it is assigned or deleted."""

    of: Expression
    name: str
    at: int = 0
    read: bool = True


class Keyword(msgspec.Struct, frozen=True, array_like=True):
    name: str
    value: Expression
    at: int = 0


class Call(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    of: Expression
    arguments: tuple[Expression, ...] = ()
    keywords: tuple[Keyword, ...] = ()


class Item(msgspec.Struct, frozen=True, array_like=True, tag="i"):
    """`of[index]`; several indexes are a `Group`."""

    of: Expression
    index: Expression


class Either(msgspec.Struct, frozen=True, array_like=True, tag="e"):
    """One of several: `X | Y`, `a or b`, `a if c else b`."""

    of: tuple[Expression, ...]


class Await(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    of: Expression


class Constant(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """`kind` is the name of a builtin type, or `None`; `text` the value where it is a string."""

    kind: str
    text: str = ""


class Group(msgspec.Struct, frozen=True, array_like=True, tag="g"):
    """Anything else, for what is in it. `kind` is the type of the whole: `list`, `tuple`, `dict`… or nothing."""

    kind: str
    of: tuple[Expression, ...]


Expression = Name | Attribute | Call | Item | Either | Await | Constant | Group | None
_DISPLAYS = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set", ast.JoinedStr: "str"}


def _nowhere(line: int, column: int) -> int:
    return 0


def read_expression(node: ast.expr | None, place: Place = _nowhere) -> Expression:
    """The shape of a syntax tree; None for one of which nothing is known."""
    match node:
        case None:
            return None
        case ast.Name(id=name):
            return Name(name, place(node.lineno, node.col_offset))
        case ast.Attribute(value=of, attr=name):
            at = place(node.end_lineno or 1, (node.end_col_offset or 0) - len(name.encode()))
            return Attribute(read_expression(of, place), name, at, isinstance(node.ctx, ast.Load))
        case ast.Call(func=of, args=arguments, keywords=keywords):
            return Call(
                read_expression(of, place),
                tuple(read_expression(argument, place) for argument in arguments),
                tuple(
                    Keyword(key.arg or "**", read_expression(key.value, place), place(key.lineno, key.col_offset))
                    for key in keywords
                ),
            )
        case ast.Subscript(value=of, slice=index):
            return Item(read_expression(of, place), read_expression(index, place))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Either((read_expression(left, place), read_expression(right, place)))
        case ast.BoolOp(values=values):
            return Either(tuple(read_expression(value, place) for value in values))
        case ast.IfExp(body=body, orelse=other):
            return Either((read_expression(body, place), read_expression(other, place)))
        case ast.Await(value=of):
            return Await(read_expression(of, place))
        case ast.Constant(value=value):
            return Constant("None" if value is None else type(value).__name__, value if isinstance(value, str) else "")
        case ast.NamedExpr(value=value):
            return read_expression(value, place)
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return None  # names of their own; rarely more than a call on one of them
        case _:
            kind = "dict" if isinstance(node, ast.Dict) else _DISPLAYS.get(type(node), "")
            inner = tuple(
                read_expression(child.value if isinstance(child, ast.FormattedValue) else child, place)
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.expr)
            )
            return Group(kind, inner)


def read_annotation(node: ast.expr | None, place: Place = _nowhere) -> Expression:
    """Like `read_expression`, with the annotations that are written as strings read too."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return read_annotation(ast.parse(node.value.strip(), mode="eval").body)
        except (SyntaxError, ValueError):
            return None
    if isinstance(node, ast.Subscript):
        inner = node.slice
        of = read_expression(node.value, place)
        if isinstance(of, Name | Attribute) and (of.id if isinstance(of, Name) else of.name) == "Literal":
            return Item(of, None)
        if isinstance(inner, ast.Tuple):
            return Item(of, Group("tuple", tuple(read_annotation(each, place) for each in inner.elts)))
        return Item(of, read_annotation(inner, place))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Either((read_annotation(node.left, place), read_annotation(node.right, place)))
    return read_expression(node, place)


def dotted(expression: Expression) -> str:
    """`a.b.c` for names and attributes of names, and for a call of them; nothing for anything else."""
    match expression:
        case Name(id=name):
            return name
        case Attribute(of=of, name=name):
            before = dotted(of)
            return f"{before}.{name}" if before else ""
        case Call(of=of):
            return dotted(of)
        case _:
            return ""
