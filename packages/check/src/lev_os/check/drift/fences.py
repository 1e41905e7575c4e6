"""Python in documents: fences with prompts, dots and holes in them, as a small program of what they name."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from itertools import accumulate, pairwise

import msgspec

from ..api.expressions import Expression, Place, read_annotation, read_expression
from ..api.shapes import Class, Function
from ..api.summary import absolute, read_class, read_function
from ..python_code import parse


class Import(msgspec.Struct, frozen=True, array_like=True, tag="import"):
    """`import module as bound`; without `as`, `bound` is the first part."""

    module: str
    bound: str
    at: int


class FromImport(msgspec.Struct, frozen=True, array_like=True, tag="from"):
    """`from module import name as bound`."""

    module: str
    name: str
    bound: str
    module_at: int
    at: int


class Bind(msgspec.Struct, frozen=True, array_like=True, tag="bind"):
    """`names` get the value of an expression: by `=`, as an item of it (`for`), by entering it (`with`), or as what an
    annotation says (`:`). Several names take it apart."""

    names: tuple[str, ...]
    value: Expression
    how: str = "="
    is_async: bool = False


class Look(msgspec.Struct, frozen=True, array_like=True, tag="look"):
    """An expression whose value nothing is done with."""

    value: Expression


class Block(msgspec.Struct, frozen=True, array_like=True, tag="block"):
    """Statements that may not run. `quiet`: what they name is allowed to be missing (`except ImportError`)."""

    body: tuple[Statement, ...]
    quiet: bool = False


class Define(msgspec.Struct, frozen=True, array_like=True, tag="def"):
    function: Function
    body: tuple[Statement, ...]


class DefineClass(msgspec.Struct, frozen=True, array_like=True, tag="class"):
    shape: Class
    body: tuple[Statement, ...]


Statement = Import | FromImport | Bind | Look | Block | Define | DefineClass
_PROMPT = re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: |$)")
_QUIET = frozenset({"ImportError", "ModuleNotFoundError", "AttributeError", "TypeError", "Exception"})
_ASKS = frozenset({"isinstance", "issubclass", "hasattr"})
_EXPECTED = re.compile(r"raises|suppress|warns|assertRaises")


def read_fence(text: str, places: list[int]) -> tuple[Statement, ...]:
    """The program in a fence. `places`: for each line of `text`, the character of the file that it begins at.

    What does not parse is left out: of a fence with an error, the statements around it are kept.
    """
    lines, places = _cleaned(text.split("\n"), places)
    found: list[Statement] = []
    asks = any(f"{name}(" in text for name in _ASKS)
    for first, tree in _parsed(lines):
        reader = _Reader(lines, places, first, asks=asks)
        with suppress(RecursionError):  # arms without end: what nobody writes by hand
            found += reader.statements(tree.body)
    return tuple(found)


def _cleaned(lines: list[str], places: list[int]) -> tuple[list[str], list[int]]:
    """Without prompts (the output of a session becomes empty lines) and without common indentation."""
    marks = [_PROMPT.match(line) for line in lines]
    if any(mark and ">>>" in mark[0] for mark in marks):
        cut = [mark.end() if mark else len(line) for line, mark in zip(lines, marks, strict=True)]
    else:
        margins = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
        margin = min(margins, default=0)
        cut = [min(margin, len(line)) for line in lines]
    short = [line[width:] for line, width in zip(lines, cut, strict=True)]
    return short, [place + width for place, width in zip(places, cut, strict=False)]


def _parsed(lines: list[str]) -> list[tuple[int, ast.Module]]:
    """The trees of the parts that parse, with the number of lines before each."""
    whole = _tree(lines)
    if whole is not None:
        return [(0, whole)]
    found: list[tuple[int, ast.Module]] = []
    for first, end in _chunks(lines):
        tree = _tree(lines[first:end])
        if tree is not None:
            found.append((first, tree))
    return found


def _tree(lines: list[str]) -> ast.Module | None:
    tree = parse("\n".join(lines))
    return tree if isinstance(tree, ast.Module) else None


def _chunks(lines: list[str]) -> list[tuple[int, int]]:
    """Runs of lines that begin in the first column: statements, if nothing in them spans lines in an odd way."""
    starts = [
        number
        for number, line in enumerate(lines)
        if line and line[0] not in " \t)]}#" and not line.startswith(("else", "elif", "except", "finally", "case "))
    ]
    joined = [start for index, start in enumerate(starts) if index == 0 or not lines[starts[index - 1]].startswith("@")]
    return [(start, end) for start, end in pairwise([*joined, len(lines)])]


class _Reader:
    """Turns a syntax tree into statements with places in the file."""

    def __init__(self, lines: list[str], places: list[int], first: int, *, asks: bool) -> None:
        self.lines = lines
        self.places = places
        self.first = first
        self.asks = asks
        self._counted: dict[int, list[int]] = {}

    def place(self, line: int, column: int) -> int:
        index = line - 1 + self.first
        if index >= len(self.places):
            return self.places[-1] if self.places else 0
        text = self.lines[index]
        if not text.isascii():
            column = self._characters(index)[column]
        return self.places[index] + column

    def _characters(self, index: int) -> list[int]:
        """For each byte of a line, how many characters are before it."""
        if index not in self._counted:
            starts = ((byte & 0xC0) != 0x80 for byte in self.lines[index].encode())
            self._counted[index] = list(accumulate(starts, initial=0))
        return self._counted[index]

    def statements(self, nodes: list[ast.stmt]) -> list[Statement]:
        return [statement for node in nodes for statement in self.statement(node)]

    def statement(self, node: ast.stmt) -> list[Statement]:
        read, place = self._expression, self.place
        match node:
            case ast.Import():
                return [self._import(alias) for alias in node.names]
            case ast.ImportFrom():
                return self._from(node)
            case ast.Assign():
                value = read(node.value)
                binds: list[Statement] = [Bind(_names(each), value) for each in node.targets if _names(each)]
                others = [Look(read(each)) for each in node.targets if not _names(each)]
                return self._guarded(node, [*(binds or [Look(value)]), *others])
            case ast.AnnAssign():
                bound: list[Statement] = [Look(read(node.value))] if node.value else []
                name = _names(node.target)
                return [*bound, Bind(name, read_annotation(node.annotation, place), ":"), Look(read(node.annotation))]
            case ast.AugAssign():
                return [Look(read(node.target)), Look(read(node.value)), Bind(_names(node.target), None)]
            case ast.For() | ast.AsyncFor():
                is_async = isinstance(node, ast.AsyncFor)
                value = read(node.iter)
                bind = Bind(_names(node.target), value, "for", is_async)
                body = self.statements([*node.body, *node.orelse])
                return [Block((bind, *body))]
            case ast.With() | ast.AsyncWith():
                return self._with(node)
            case ast.If() | ast.While():
                return self._branches(node)
            case ast.Assert():
                return [Block((*self._unsure(node.test), Look(read(node.test)))), *self._narrowed(node.test)]
            case ast.Try() | ast.TryStar():
                return self._try(node)
            case ast.Match():
                return self._match(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                looks = [Look(read(each)) for each in (*node.decorator_list, *_defaults(node), *_annotations(node))]
                function = read_function(node, place)
                return [*looks, Define(function, tuple(self.statements(node.body)))]
            case ast.ClassDef():
                looks = [Look(read(each)) for each in (*node.decorator_list, *node.bases)]
                shape = read_class(node, "", place)
                return [*looks, DefineClass(shape, tuple(self.statements(node.body)))]
            case ast.Expr() | ast.Return():
                return self._guarded(node, [Look(read(node.value))])
            case _:
                return [Look(read(child)) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]

    def _branches(self, node: ast.If | ast.While) -> list[Statement]:
        """What a test tells of a name holds in its branch; after it, less is known of the name than before."""
        unsure = self._unsure(node.test)
        test = Look(self._expression(node.test))
        narrowed = self._narrowed(node.test)
        body = Block((*unsure, *narrowed, *self.statements(node.body)))
        other = [Block((*unsure, *self.statements(node.orelse)))] if node.orelse else []
        return [Block((*unsure, test)), body, *other, *unsure] if unsure else [test, body, *other]

    def _narrowed(self, test: ast.expr) -> list[Statement]:
        """`isinstance(name, Type)`, alone."""
        match test:
            case ast.Call(
                func=ast.Name(id="isinstance"), args=[ast.Name(id=name), ast.Name() | ast.Attribute() as kind]
            ):
                return [Bind((name,), read_annotation(kind, self.place), ":")]
        return []

    def _unsure(self, node: ast.AST) -> list[Statement]:
        """The names that `isinstance`, `hasattr` and their like ask about: they may be more than is known of them."""
        if not self.asks:
            return []
        asked = {
            inner.args[0].id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Name)
            and inner.func.id in _ASKS
            and inner.args
            and isinstance(inner.args[0], ast.Name)
        }
        return [Bind((name,), None) for name in sorted(asked)]

    def _guarded(self, node: ast.stmt, statements: list[Statement]) -> list[Statement]:
        unsure = self._unsure(node)
        return [Block((*unsure, *statements))] if unsure else statements

    def _match(self, node: ast.Match) -> list[Statement]:
        cases: list[Statement] = []
        subject = [Bind((node.subject.id,), None)] if isinstance(node.subject, ast.Name) else []
        for case in node.cases:
            captured = tuple(
                each.name for each in ast.walk(case.pattern) if isinstance(each, ast.MatchAs) and each.name
            )
            unknown = (*subject, *(Bind((name,), None) for name in captured))
            cases.append(Block((*unknown, *self.statements(case.body))))
        return [Look(self._expression(node.subject)), *cases, *subject]

    def _expression(self, node: ast.expr | None) -> Expression:
        return read_expression(node, self.place)

    def _import(self, alias: ast.alias) -> Statement:
        bound = alias.asname or alias.name.partition(".")[0]
        return Import(alias.name, bound, self.place(alias.lineno, alias.col_offset))

    def _from(self, node: ast.ImportFrom) -> list[Statement]:
        if node.level:
            return [Bind((alias.asname or alias.name,), None) for alias in node.names]
        module = absolute(node.module or "", 0, "")
        at = self.place(node.lineno, node.col_offset + len("from "))
        return [
            FromImport(module, alias.name, alias.asname or alias.name, at, self.place(alias.lineno, alias.col_offset))
            for alias in node.names
        ]

    def _with(self, node: ast.With | ast.AsyncWith) -> list[Statement]:
        is_async = isinstance(node, ast.AsyncWith)
        entered: list[Statement] = []
        for item in node.items:
            value = self._expression(item.context_expr)
            if item.optional_vars is None:
                entered.append(Look(value))
            else:
                entered.append(Bind(_names(item.optional_vars), value, "with", is_async))
        body = self.statements(node.body)
        if any(_EXPECTED.search(ast.unparse(item.context_expr)) for item in node.items):
            return [*entered, Block(tuple(body), quiet=True)]
        return [*entered, *body]

    def _try(self, node: ast.Try | ast.TryStar) -> list[Statement]:
        caught = {
            name.id
            for handler in node.handlers
            for name in ast.walk(handler.type or ast.Name("Exception"))
            if isinstance(name, ast.Name)
        }
        quiet = bool(caught & (_QUIET - {"Exception"}))
        body: tuple[Statement, ...] = tuple(self.statements([*node.body, *node.orelse]))
        parts: list[Statement] = [Block(body, quiet=True)] if quiet else list(body)
        for handler in node.handlers:
            inner: list[Statement] = [Look(self._expression(handler.type))]
            if handler.name:
                inner.append(Bind((handler.name,), _instance_of(handler.type, self.place), ":"))
            parts.append(Block((*inner, *self.statements(handler.body)), quiet=quiet))
        return parts + self.statements(node.finalbody)


def _instance_of(node: ast.expr | None, place: Place) -> Expression:
    return read_annotation(node, place) if isinstance(node, ast.Name | ast.Attribute) else None


def _names(target: ast.expr) -> tuple[str, ...]:
    """The plain names that an assignment binds; nothing for attributes and items."""
    match target:
        case ast.Name(id=name):
            return (name,)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            return tuple(name for each in targets for name in _names(each) or ("",))
        case ast.Starred(value=inner):
            return _names(inner)
    return ()


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    return [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    found = [each.annotation for each in every if each is not None and each.annotation is not None]
    return [*found, node.returns] if node.returns is not None else found
