"""CEL expressions as trees, for whoever looks at one without evaluating it. Offsets are characters of its source.

What is evaluated is compiled by the engine (`expressions`); the grammar here is the language definition's
(https://github.com/cel-expr/cel-spec, `doc/langdef.md`), without messages, bytes and a leading dot.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ._cel_scan import MACROS, RESERVED, ScanError, Token, tokenize
from .expressions import ExpressionError

_MAX_NESTING = 60
_MAX_DEPTH = 150
"""Of the tree; whoever walks it does so by recursion."""
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Node:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal; `kind` tells `1` from `1u` and `1.0`."""

    value: str | int | float | bool | None
    kind: Literal["null", "bool", "int", "uint", "double", "string", "bytes"]


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`of.field`; `at` is where the field's name begins."""

    of: Node
    field: str
    at: int


@dataclass(frozen=True, slots=True)
class Index(Node):
    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Invoke(Node):
    """A call: of a function (`of` is None), or of a method on a value; `at` is where its name begins."""

    function: str
    of: Node | None
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """`of.macro(variable, *arguments)`."""

    macro: str
    of: Node
    variable: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    entries: tuple[tuple[Node, Node], ...]


@lru_cache(maxsize=8192)
def parse(source: str) -> Node:
    """The tree of an expression; raises `ExpressionError`, also for one of more than 150 levels."""
    if _PATH.fullmatch(source) and not RESERVED.intersection(names := source.split(".")):
        return _path(names)
    try:
        parser = _Parser(tokenize(source), len(source))
        node = parser.expression()
    except ScanError as error:
        raise ExpressionError(error.message, help=error.help, offset=error.offset) from None
    if parser.left():
        raise ExpressionError(f"unexpected `{parser.peek()}`", offset=parser.offset())
    if _too_deep(node):
        raise ExpressionError("nested too deeply", offset=0)
    return node


def _path(names: list[str]) -> Node:
    """A bare dotted path, which most expressions are."""
    end = len(names[0])
    node: Node = Name(0, end, names[0])
    for name in names[1:]:
        node = Select(0, end + 1 + len(name), node, name, end + 1)
        end = node.end
    return node


_LEVELS = {
    operator: level
    for level, operators in enumerate(("||", "&&", "== != < <= > >= in", "+ -", "* / %"))
    for operator in operators.split()
}


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    match node:
        case Select(of=of) | Unary(of=of):
            return (of,)
        case Index(of=of, key=key):
            return (of, key)
        case Invoke(of=of, arguments=arguments):
            return arguments if of is None else (of, *arguments)
        case Comprehension(of=of, arguments=arguments):
            return (of, *arguments)
        case Binary(left=left, right=right):
            return (left, right)
        case Choice(test=test, yes=yes, no=no):
            return (test, yes, no)
        case ListOf(items=items):
            return items
        case MapOf(entries=entries):
            return tuple(part for entry in entries for part in entry)
    return ()


def _too_deep(node: Node) -> bool:
    level: tuple[Node, ...] = (node,)
    for _ in range(_MAX_DEPTH):
        level = tuple(part for each in level for part in parts(each))
        if not level:
            return False
    return True


class _Parser:
    """Recursive descent, one method a level of the grammar."""

    def __init__(self, tokens: list[Token], length: int) -> None:
        self._tokens = tokens
        self._length = length
        self._at = 0
        self._depth = 0

    def left(self) -> bool:
        return self._at < len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def offset(self) -> int:
        return self._tokens[self._at].start if self._at < len(self._tokens) else self._length

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise ExpressionError("the expression ends too early", offset=self._length)
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _end(self) -> int:
        token = self._tokens[self._at - 1]
        return token.start + len(token.text)

    def _accept(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise ExpressionError(f"`{text}` is missing", offset=self.offset())

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise ExpressionError("nested too deeply", offset=self.offset())
        test = self._binary(0)
        if self._accept("?"):
            yes = self._binary(0)
            self._expect(":")
            no = self.expression()
            test = Choice(test.start, no.end, test, yes, no)
        self._depth -= 1
        return test

    def _binary(self, least: int) -> Node:
        """Operators that bind at least so tightly, by precedence climbing."""
        node = self._unary()
        while (level := _LEVELS.get(self.peek(), -1)) >= least:
            operator = self._next().text
            right = self._binary(level + 1)
            node = Binary(node.start, right.end, operator, node, right)
        return node

    def _unary(self) -> Node:
        """Signs before a value; two of a kind cancel out, whatever the value is."""
        signs = []
        while self.peek() in ("!", "-"):
            signs.append(self._next())
        node = self._member()
        if signs and signs[-1].text == "-" and isinstance(node, Constant) and node.kind in ("int", "double"):
            assert isinstance(node.value, int | float), "its kind says so"
            node = Constant(signs.pop().start, node.end, -node.value, node.kind)
        return node if len(signs) % 2 == 0 else Unary(signs[0].start, node.end, signs[0].text, node)

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._accept("."):
                token = self._next()
                if self._accept("("):
                    node = self._method(node, token)
                else:
                    node = Select(node.start, self._end(), node, token.text, token.start)
            elif self._accept("["):
                key = self.expression()
                self._expect("]")
                node = Index(node.start, self._end(), node, key)
            else:
                return node

    def _method(self, of: Node, name: Token) -> Node:
        arguments = self._list(")")
        if name.text in MACROS and arguments and isinstance(arguments[0], Name):
            return Comprehension(of.start, self._end(), name.text, of, arguments[0].name, arguments[1:])
        return Invoke(of.start, self._end(), name.text, of, arguments, name.start)

    def _list(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept(closing):
            items.append(self.expression())
            if not self._accept(","):
                self._expect(closing)
                break
        return tuple(items)

    def _primary(self) -> Node:
        token = self._next()
        start, text = token.start, token.text
        if token.kind == "number":
            return _number(token)
        if token.kind == "string":
            return _string(token)
        if token.kind == "name":
            if text in ("true", "false"):
                return Constant(start, self._end(), text == "true", "bool")
            if text == "null":
                return Constant(start, self._end(), None, "null")
            if text in RESERVED:
                raise ExpressionError(f"unexpected `{text}`", offset=start)
            if self._accept("("):
                arguments = self._list(")")
                return Invoke(start, self._end(), text, None, arguments, start)
            return Name(start, self._end(), text)
        if text == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if text == "[":
            items = self._list("]")
            return ListOf(start, self._end(), items)
        if text == "{":
            return self._map(start)
        raise ExpressionError(f"unexpected `{text}`", offset=start)

    def _map(self, start: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression()))
            if not self._accept(","):
                self._expect("}")
                break
        return MapOf(start, self._end(), tuple(entries))


def _number(token: Token) -> Constant:
    text, end = token.text, token.start + len(token.text)
    if text[-1] in "uU":
        return Constant(token.start, end, int(text[:-1], 0), "uint")
    if text[:2].lower() == "0x":
        return Constant(token.start, end, int(text, 16), "int")
    if any(mark in text for mark in ".eE"):
        return Constant(token.start, end, float(text), "double")
    return Constant(token.start, end, int(text), "int")


def _string(token: Token) -> Constant:
    """The text of a string; CEL's escapes are Python's, apart from a few that nobody writes."""
    text, end = token.text, token.start + len(token.text)
    prefix = text[: min(text.find(quote) for quote in "\"'" if quote in text)].lower()
    if "b" in prefix:
        return Constant(token.start, end, text, "bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of escapes that it does not know
        try:
            value = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            value = text
    return Constant(token.start, end, str(value), "string")
