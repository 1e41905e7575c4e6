"""Examples in fences that do not parse as what they say they are."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator

from ...files import MARKDOWN_KINDS, File
from ...markdown import Code
from ...patterns import Pattern
from ...python_code import parse, parses
from ...rule import Example, Finding, rule
from .names import VERIFIED

_OPEN = Pattern(r"\.\.\.|…|<[A-Za-z_][^<>\n]*>|\{\{|\}\}|\{%|\$\{|\[\[|@@|^[-+][^-+]|\d\.\.\d", re.MULTILINE)
"""Marks of an example that is not whole, a template, or a difference."""
_PYTHON_OTHER = Pattern(
    r"\A\s*(?:except|elif|else|finally|case)\b|^\s*(?:[%!?]\w|>>> |In \[\d|\$ |#! ?/)|\?$|^\s*\.\.\.|^\s*(?:->|=>|→)",
    re.MULTILINE,
)
_UNFINISHED = ("was never closed", "unexpected EOF", "expected an indented block", "unterminated", "invalid character",
               "unexpected indent", "unindent", "outside", "expected 'except'", "cannot assign to attribute here",
               "decimal literal", "leading zeros", "Perhaps you forgot a comma", "Maybe you meant '=='")  # fmt: skip
_NEWER = Pattern(
    r"^\s*(?:class|(?:async )?def) \w+\[|^\s*type \w+|^\s*except [\w.]+, |\b[tT]r?[\"']|^\s*lazy (?:from|import)\b",
    re.MULTILINE,
)
"""Syntax that the Python which runs the check may be too old for."""
Problem = tuple[int, str]
"""The line within the example, from 1, and what is wrong."""


def _python(text: str) -> Problem | None:
    if parses(text) or _PYTHON_OTHER.search(text):
        return None
    source = textwrap.dedent(text)
    error = parse(source)
    if isinstance(error, SyntaxError):
        message = error.msg
        if any(part in message for part in _UNFINISHED) or (error.lineno or 1) >= source.count("\n"):
            return None
        return error.lineno or 1, message
    return None


def _json(text: str) -> Problem | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if "//" in text or "/*" in text or re.search(r"(?m)^\s*#", text) or _piecewise_json(text):
            return None
        return error.lineno, error.msg.lower()
    except (ValueError, RecursionError):
        return None
    return None


def _piecewise_json(text: str) -> bool:
    """Members without their braces, one value on each line, or several values in a row."""
    decoder = json.JSONDecoder()
    for whole in (f"{{{text.strip().rstrip(',')}}}", f"[{text.strip().rstrip(',')}]"):
        try:
            json.loads(whole)
        except (ValueError, RecursionError):
            continue
        return True
    at = 0
    stripped = text.strip()
    while at < len(stripped):
        try:
            _, at = decoder.raw_decode(stripped, at)
        except (ValueError, RecursionError):
            return False
        while at < len(stripped) and stripped[at] in " \t\r\n,":
            at += 1
    return True


def _yaml(text: str) -> Problem | None:
    import yaml

    if text.startswith("---") and (end := text.find("\n---", 3)) >= 0:
        text = text[:end]  # a head, and perhaps a page below it
    if re.search(r"(?m)^argument-hint:", text):
        return None  # Claude Code reads `[a] [b]`, which is no YAML
    try:
        for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return (error.problem_mark.line + 1 if error.problem_mark else 1), str(error.problem or error.context)
    except yaml.YAMLError:
        return None
    return None


def _toml(text: str) -> Problem | None:
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        if "overwrite" in str(error) or "twice" in str(error) or "end of document" in str(error):
            return None  # several ways to write it in one block
        return (int(place[1]) if place else 1), str(error).partition(" (at")[0].lower()
    except RecursionError:
        return None
    return None


_READERS: dict[str, tuple[str, Callable[[str], Problem | None]]] = {
    "python": ("Python", _python), "py": ("Python", _python), "python3": ("Python", _python), "json": ("JSON", _json),
    "yaml": ("YAML", _yaml), "yml": ("YAML", _yaml), "toml": ("TOML", _toml),
}  # fmt: skip


@rule(
    "CTX602",
    "example-does-not-parse",
    summary="An example in a fence is not what its language says.",
    on="file",
    kinds=MARKDOWN_KINDS,
    severity="info",
    confidence="medium",
    why="A model copies examples. Python, JSON, YAML and TOML are read; examples with `...`, placeholders, prompts "
    "or templates, and those that only end too soon, are left alone.",
    mend="Correct the example, or name another language after the fence (`text`, `jsonc`).",
    verified=VERIFIED,
    bad=(
        Example({"AGENTS.md": "```python\nprint 'hello'\nx = 1\n```\n"}, ("AGENTS.md", 2, 1)),
        Example({"AGENTS.md": '```json\n{\n  "a": 1,\n}\n```\n'}, ("AGENTS.md", 4, 1)),
    ),
    good=Example(
        {"AGENTS.md": '```python\nawait run(...)\n```\n```json\n"a": {"b": 1}\n```\n```python\n>>> 1 +\n```\n'
                      "```yaml\na: {{ b }}\n```\n"}
    ),
)  # fmt: skip
def example_does_not_parse(file: File) -> Iterator[Finding]:
    """Fences of four languages."""
    for code in file.markdown.code:
        if code.form == "fence" and (reader := _READERS.get(code.language)) is not None:
            problem = _problem(code, reader[1])
            if problem is not None:
                first = file.place(code.inside[0])[0]
                start = file.offset(first + problem[0] - 1)
                start = min(start, max(code.inside[1] - 1, 0))
                while start + 1 < code.inside[1] and file.text[start] in " \t":
                    start += 1
                end = file.text.find("\n", start)
                message = f"the example is not {reader[0]}: {problem[1]}"
                yield Finding((start, end if end > start else start + 1), message)


def _problem(code: Code, read: Callable[[str], Problem | None]) -> Problem | None:
    if len(code.text) > 100_000:
        return None
    problem = read(code.text)
    return None if problem is None or _OPEN.search(code.text) else problem
