"""What a document says about APIs: the Python and the commands in its fences and code spans, taken from it once."""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from ..api.distributions import normalised
from ..api.expressions import Expression, read_expression
from ..facts import fact
from ..files import MARKDOWN_KINDS, File
from ..patterns import Pattern
from ..rule import Span
from .denied import is_history, span_denied
from .fences import Statement, read_fence
from .shell import SHELL, Command, commands_in, commands_of, words_of

PYTHON = frozenset({"python", "py", "python3", "py3", "pycon", "ipython", "{.python", "{.py"})
_SPAN = Pattern(r"@?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(.*\))?")
_IMPORT = Pattern(r"(?:^|[;:>.])[ \t]*(?:from[ \t]+(\w[\w.]*)|import[ \t]+(\w[\w., \t]*))", re.MULTILINE)
FIRST = Pattern(r"@?([A-Za-z_]\w*)")
_NAMED = Pattern(r"^@?([A-Za-z_]\w*)[.(]", re.MULTILINE)
AS_MODULE = Pattern(r"\s-m\s")
PROGRAM = Pattern(r"[A-Za-z][\w.-]*")
_PIN = Pattern(r"(?<![\w.$/-])([A-Za-z][\w.-]*)(?:\[[\w, -]*\])?==(\d+(?:\.\d+)*)(?![\w+!])")


class Spoken(msgspec.Struct, frozen=True, array_like=True):
    """A code span that may hold an expression: its text and where that begins, and the whole span.

    Most are about nothing that can be looked up, so they are read (`expression`) when they turn out to be.
    """

    text: str
    at: int
    span: Span


class Fence(msgspec.Struct, frozen=True, array_like=True):
    """Python in a fence: its text, the span of that in the file, and where the whole fence begins. `section` counts the
    headings of the first two levels above it; `imports` are the top names that it may import, and a few more.

    Like spans, most are about nothing that can be looked up, so the `program` is read when one turns out to be.
    """

    text: str
    inside: Span
    start: int
    section: int = 0
    imports: tuple[str, ...] = ()


class Shell(msgspec.Struct, frozen=True, array_like=True):
    """Commands in a fence: as in `Fence`. They are read when one of them is installed."""

    text: str
    inside: Span
    start: int


class Pin(msgspec.Struct, frozen=True, array_like=True):
    """`name==version` in code."""

    name: str
    version: str
    at: int


class Mentions(msgspec.Struct, frozen=True, array_like=True):
    """Fences and spans, each in order of place."""

    fences: tuple[Fence, ...] = ()
    spans: tuple[Spoken, ...] = ()
    shells: tuple[Shell, ...] = ()
    commands: tuple[Command, ...] = ()
    """Those in spans."""
    pins: tuple[Pin, ...] = ()


@fact("drift-mentions", kinds=MARKDOWN_KINDS, type=Mentions, late=True)
def mentions(file: File) -> Mentions:
    """Everything in a document that could be looked up in an API."""
    if not _has_code(file):
        return Mentions()
    fences: list[Fence] = []
    spans: list[Spoken] = []
    shells: list[Shell] = []
    commands: list[Command] = []
    old = is_history(file)
    pins: list[Pin] = []
    sections = [heading.span[0] for heading in file.markdown.headings if heading.level <= 2]
    for code in file.markdown.code:
        if "==" in code.text and code.language not in PYTHON and not old:
            start = code.inside[0]
            raw = file.text[start : code.inside[1]]
            pins += (Pin(match[1], match[2], start + match.start()) for match in _PIN.finditer(raw))
        if code.form == "fence":
            if code.language in PYTHON:
                section = bisect_left(sections, code.span[0])
                fences.append(Fence(code.text, code.inside, code.span[0], section, _imports(code.text)))
            elif code.language in SHELL and not old:
                shells.append(Shell(code.text, code.inside, code.span[0]))
        elif code.form == "span" and "\n" not in code.text:
            if old:
                continue
            if ("." in code.text or "(" in code.text) and len(code.text) <= 400 and _SPAN.fullmatch(code.text):
                spans.append(Spoken(code.text, code.inside[0], code.span))
            elif " " in code.text:
                found = tuple(commands_of(words_of(code.text, code.inside[0])))
                if found and not span_denied(file, code.span):
                    commands += found
    return Mentions(tuple(fences), tuple(spans), tuple(shells), tuple(commands), tuple(pins))


class About(msgspec.Struct, frozen=True, array_like=True):
    """What a document may be about, to be told at a glance from those of which nothing can be looked up.

    `names` are the first names of spans, the words of commands, and the names of pinned packages. `surely`: it imports
    what is no part of Python, or runs a module.
    """

    surely: bool
    names: str
    """With blanks between them: to read one text takes less than to read many."""


@fact("drift-about", kinds=MARKDOWN_KINDS, type=About)
def about(file: File) -> About:
    """What to compare with the names of all that is installed: at least those in `mentions`."""
    surely = False
    names: list[str] = []
    spans: list[str] = []
    old = is_history(file)
    for code in file.markdown.code if _has_code(file) else ():
        text = code.text
        if code.form == "span":
            if " " in text and not (_SPAN.fullmatch(text) or old):
                for command in commands_of(words_of(text, 0)):
                    names.append(command.program)
                    surely |= command.module
            elif "." in text or "(" in text:
                spans.append(text)
        elif code.language in PYTHON and code.form == "fence":
            surely |= any(name not in sys.stdlib_module_names for name in _imports(text))
        elif code.language in SHELL and code.form == "fence" and not old:
            names += PROGRAM.findall(text)
            surely |= AS_MODULE.search(text) is not None
        if "==" in text and code.language not in PYTHON and not old:
            names += [normalised(match[1]) for match in _PIN.finditer(file.text[slice(*code.inside)])]
    if not old:
        names += _NAMED.findall("\n".join(spans))
    return About(surely, " ".join(dict.fromkeys(names)))


def _has_code(file: File) -> bool:
    return "`" in file.text or "    " in file.text


def _imports(code: str) -> tuple[str, ...]:
    if "import" not in code:
        return ()
    names = (name for match in _IMPORT.finditer(code) for name in (match[1] or match[2]).split(","))
    return tuple(dict.fromkeys(name.strip().partition(".")[0].partition(" ")[0] for name in names))


def program(fence: Fence, text: str) -> tuple[Statement, ...]:
    """The program in a fence of a file with this text."""
    return read_fence(fence.text, _line_places(text, fence.inside, fence.text))


def commands(shell: Shell, text: str) -> Iterator[Command]:
    """The commands in a fence of a file with this text."""
    return commands_in(shell.text, _line_places(text, shell.inside, shell.text))


def _line_places(text: str, inside: Span, code: str) -> list[int]:
    """Where each line of a fence begins in the file: behind the marks of a list or a quotation it stands in."""
    start, end = inside
    places = []
    for line, raw in zip(code.split("\n"), [*text[start:end].split("\n"), ""], strict=False):
        places.append(start + max(raw.find(line), 0))
        start += len(raw) + 1
    return places


def expression(spoken: Spoken) -> Expression:
    """The expression in a code span, if it is one that says something of an API."""
    skip = 1 if spoken.text[0] == "@" else 0
    text = spoken.text[skip:]
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    start = spoken.at + skip
    ascii_only = text.isascii()

    def place(line: int, column: int) -> int:
        return start + (column if ascii_only else len(text.encode()[:column].decode("utf-8", "ignore")))

    return read_expression(tree.body, place)
