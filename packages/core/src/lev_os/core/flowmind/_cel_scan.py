"""A scanner for CEL: the names an expression reads, what it may not do, and its form for the engine.

The engine tells syntax errors well, but mixes bound names with free ones, has no cost limit, walks maps in a
random order and counts bytes in `size`. So its source is scanned first: names are resolved, nested
comprehensions refused, and the range of each comprehension and the argument of `size` go through our functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_LENGTH = 4_000
_MAX_NAMES = 100
_MAX_COMPREHENSIONS = 4
_MAX_NESTING = 60

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})
GROWING = frozenset({"map", "filter"})
FUNCTIONS = frozenset(
    {"has", "size", "int", "uint", "double", "string", "type", "dyn", "timestamp", "duration", "matches"}
)
METHODS = frozenset({
    "size", "contains", "startsWith", "endsWith", "matches", "getFullYear", "getMonth", "getDayOfMonth", "getDate",
    "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
})  # fmt: skip
KEYWORDS = frozenset({"true", "false", "null", "in"})
RESERVED = KEYWORDS | {
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while", "and", "or", "not", "is", "None", "True", "False",
}  # fmt: skip
"""Words that cannot name a value: CEL's own, and the Python spellings that are answered with CEL's."""

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>//[^\n]*)
  | (?P<string>(?:[rR][bB]?|[bB][rR]?)?(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
  | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>&&|\|\||[=!<>]=|\*\*|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}

_PYTHON_WORDS = {
    "and": "write `a && b`", "or": "write `a || b`", "not": "write `!a`", "None": "write `null`",
    "True": "write `true`", "False": "write `false`", "is": "write `a == b`",
    "if": "write `condition ? a : b`", "else": "write `condition ? a : b`",
}  # fmt: skip
_PYTHON_CALLS = {
    "len": "write `size(x)`", "str": "write `string(x)`", "float": "write `double(x)`",
    "any": "write `list.exists(x, …)`",
    "all": "write `list.all(x, …)`", "isinstance": "compare `type(x)`", "bool": "compare: `x != 0`, `x != ''`",
    "round": "do it in a tool", "sum": "do it in a tool", "min": "write `a < b ? a : b`",
    "max": "write `a > b ? a : b`",
}  # fmt: skip
_PYTHON_METHODS = {
    "startswith": "write `startsWith`", "endswith": "write `endsWith`", "get": "write `has(a.b) ? a.b : other`",
    "lower": "compare with `matches('(?i)…')`", "upper": "compare with `matches('(?i)…')`",
    "includes": "write `x in list` or `text.contains(x)`", "length": "write `size(x)`",
    "some": "write `exists`", "every": "write `all`",
}  # fmt: skip
_FOREIGN_OPERATORS = {
    "=": "write `==` to compare", "**": "multiply, or do it in a tool", "&": "write `&&`", "|": "write `||`",
    "@": None, "#": None, ";": None, "`": None, "$": "an expression inside `${…}` needs no `$`",
    "\\": None, "~": None, "^": None,
}  # fmt: skip


class Token(NamedTuple):
    kind: str
    text: str
    start: int


class ScanError(Exception):
    """What is wrong at which offset of the source, and the way out."""

    def __init__(self, message: str, offset: int, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.help = help


class Mapping_(NamedTuple):
    """How much one `map` may multiply: uses of its variable, and the outer paths its body reads."""

    uses: int
    outer: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """`names` are read from the scope; `paths` are the same with their fields; `source` is for the engine."""

    names: frozenset[str]
    paths: tuple[tuple[str, ...], ...]
    source: str
    rewritten: bool
    maps: tuple[Mapping_, ...] = ()


@dataclass(slots=True)
class _Frame:
    opening: int
    macro: str | None = None
    bound: str | None = None
    uses: int = 0
    outer: list[tuple[str, ...]] = field(default_factory=list)


def tokenize(source: str) -> list[Token]:
    """The tokens of an expression, white space left out; raises `ScanError`."""
    if len(source) > MAX_LENGTH:
        raise ScanError(f"the expression is longer than {MAX_LENGTH:,} characters", 0, "do this in a tool")
    tokens: list[Token] = []
    for match in _TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match.group()
        if kind == "comment":
            raise ScanError("`//` begins a comment, which an expression cannot have", match.start(), "divide with `/`")
        if kind == "operator" and text in {"'", '"'}:
            raise ScanError("this text is not closed", match.start(), "close it with the same quote")
        if kind == "operator" and text in _FOREIGN_OPERATORS:
            raise ScanError(f"`{text}` is not a CEL operator", match.start(), _FOREIGN_OPERATORS[text])
        if kind != "space":
            tokens.append(Token(kind, text, match.start()))
    if not tokens:
        raise ScanError("the expression is empty", 0, "write a CEL expression, such as `input.name`")
    return tokens


def scan(source: str) -> Scan:
    """Resolve names and bound the cost of an expression; raises `ScanError`."""
    return _Scanner(source).scan()


class _Scanner:
    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.frames: list[_Frame] = []
        self.opened_by: dict[int, int] = {}
        self.paths: list[tuple[str, ...]] = []
        self.inserts: list[tuple[int, str]] = []
        self.maps: list[Mapping_] = []
        self.comprehensions = 0
        self.pending: _Frame | None = None

    def scan(self) -> Scan:
        for index, token in enumerate(self.tokens):
            if token.kind == "name":
                self._name(index, token)
            elif token.text in {"(", "[", "{"}:
                self._open(index, token)
            elif token.text in _CLOSING:
                self._close(index, token)
        if self.frames:
            token = self.tokens[self.frames[-1].opening]
            raise ScanError(f"`{token.text}` is not closed", token.start)
        if len(self.paths) > _MAX_NAMES:
            raise ScanError(f"the expression reads more than {_MAX_NAMES} names", 0, "do this in a tool")
        source = self.source
        # From the end, so that offsets stay true; of two at one place the later found is the outer one.
        for offset, text in sorted(self.inserts, key=lambda item: -item[0]):
            source = source[:offset] + text + source[offset:]
        names = frozenset(path[0] for path in self.paths)
        return Scan(names, tuple(dict.fromkeys(self.paths)), source, bool(self.inserts), tuple(self.maps))

    def _text(self, index: int) -> str:
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def _name(self, index: int, token: Token) -> None:
        before, after = self._text(index - 1), self._text(index + 1)
        name = token.text
        if before == "." and self._is_operand(index - 2):
            if after == "(":
                self._method(index, token)
            return
        if before == ".":
            raise ScanError("a name cannot begin with `.`", token.start - 1, f"write `{name}`")
        if name in _PYTHON_WORDS:
            raise ScanError(f"`{name}` is not CEL", token.start, _PYTHON_WORDS[name])
        if name in KEYWORDS:
            return
        if name in RESERVED:
            raise ScanError(f"`{name}` is a reserved word of CEL", token.start, "choose another name")
        if after == "(":
            self._function(token)
        elif after == "{":
            raise ScanError("CEL messages are not supported", token.start, "write a map: `{'key': value}`")
        else:
            self._variable(index, name)

    def _is_operand(self, index: int) -> bool:
        if index < 0:
            return False
        token = self.tokens[index]
        if token.kind == "name":
            return token.text not in {"in"}
        return token.kind in {"string", "number"} or token.text in _CLOSING

    def _variable(self, index: int, name: str) -> None:
        for frame in reversed(self.frames):
            if frame.bound == name:
                frame.uses += 1
                return
        path = [name]
        while self._text(index + 1) == "." and index + 2 < len(self.tokens) and self.tokens[index + 2].kind == "name":
            if self._text(index + 3) == "(":
                break
            path.append(self._text(index + 2))
            index += 2
        self.paths.append(tuple(path))
        for frame in self.frames:
            if frame.macro == "map":
                frame.outer.append(tuple(path))

    def _function(self, token: Token) -> None:
        name = token.text
        if name not in FUNCTIONS:
            help = _PYTHON_CALLS.get(name) or f"CEL has {', '.join(sorted(FUNCTIONS))}; do the rest in a tool"
            raise ScanError(f"there is no function `{name}`", token.start, help)
        if name == "size":
            self.inserts.append((token.start, "lev_"))

    def _method(self, index: int, token: Token) -> None:
        name = token.text
        if name in MACROS:
            self._macro(index, token)
        elif name not in METHODS:
            known = sorted(METHODS | MACROS)
            help = _PYTHON_METHODS.get(name) or f"CEL has {', '.join(k for k in known if not k.startswith('get'))}"
            raise ScanError(f"there is no function `.{name}()`", token.start, help)
        elif name == "size":
            self.inserts.append((token.start, "lev_"))

    def _macro(self, index: int, token: Token) -> None:
        if any(frame.macro for frame in self.frames):
            message = f"`{token.text}` inside another comprehension: its cost has no bound"
            raise ScanError(message, token.start, "use `for_each`, or do it in a tool")
        self.comprehensions += 1
        if self.comprehensions > _MAX_COMPREHENSIONS:
            message = f"more than {_MAX_COMPREHENSIONS} comprehensions in one expression"
            raise ScanError(message, token.start, "split it with `set`, or do it in a tool")
        if index + 3 >= len(self.tokens) or self.tokens[index + 2].kind != "name" or self._text(index + 3) != ",":
            raise ScanError(f"`{token.text}` needs a variable first", token.start, f"write `list.{token.text}(x, …)`")
        variable = self._text(index + 2)
        if variable in RESERVED:
            raise ScanError(f"`{variable}` is a reserved word", self.tokens[index + 2].start, "choose another name")
        self.pending = _Frame(index + 1, token.text, variable, uses=-1)  # its declaration is not a use
        which = f"{len(self.maps)}" if token.text == "map" else ""
        kind = "lev_map" if token.text == "map" else "lev_filter" if token.text == "filter" else "lev_each"
        if token.text == "map":
            self.maps.append(Mapping_(0, ()))
        self.inserts.append((self.tokens[index - 1].start, f", {which})" if which else ")"))
        self.inserts.append((self.tokens[self._operand(index - 1)].start, f"{kind}("))

    def _operand(self, dot: int) -> int:
        """The first token of the operand that the dot at `dot` selects from."""
        index = dot - 1
        while True:
            if self._text(index) in _CLOSING:
                index = self.opened_by[index]
                if self._text(index) in {"(", "["} and self._applies(index):
                    index -= 1
                    continue
            if self._text(index - 1) == ".":
                index -= 2
                continue
            return index

    def _applies(self, opening: int) -> bool:
        """Whether the bracket at `opening` is a call or an index of what stands before it."""
        return self._is_operand(opening - 1) and self._text(opening - 1) not in KEYWORDS

    def _open(self, index: int, token: Token) -> None:
        if len(self.frames) >= _MAX_NESTING:
            raise ScanError(f"brackets are nested deeper than {_MAX_NESTING}", token.start)
        self.frames.append(self.pending or _Frame(index))
        self.pending = None

    def _close(self, index: int, token: Token) -> None:
        if not self.frames or self._text(self.frames[-1].opening) != _CLOSING[token.text]:
            raise ScanError(f"`{token.text}` closes nothing", token.start)
        frame = self.frames.pop()
        self.opened_by[index] = frame.opening
        if frame.macro == "map":
            self.maps[-1] = Mapping_(frame.uses, tuple(frame.outer))
