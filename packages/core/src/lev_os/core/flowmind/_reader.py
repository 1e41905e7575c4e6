"""Reads the parts of a flow document: expressions, templates, durations and references, each with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from ..documents import Document, Path, describe, short
from ..errors import LevError, Location, Problem
from ..schemas import InvalidSchema, Schema, shorthand_to_schema
from ._scope import Scope
from .expressions import ExpressionError, compile_expression, parse_expression, parse_template
from .model import Expr, Retry, Template, Value

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_MAX_DURATION = 366 * 86400.0
_REFERENCE = re.compile(r"(?:lev://)?(?:\./|[A-Za-z0-9_.-]+/)[^\s${}]+")
_NEVER = Expr("null")


def seconds_of(text: str) -> float | None:
    """`90s` as seconds; None when it is no duration."""
    match = _DURATION.fullmatch(text)
    return None if match is None else float(match[1]) * _UNITS[match[2]]


class Reader:
    """A document and the problems found in it. Every method reports and returns something usable."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._lines: list[str] | None = None

    def report(self, code: str, path: Path, message: str, help: str | None = None, *, key: bool = False) -> None:
        self.problems.append(Problem(code, message, self.document.at(path, key=key), help))

    # --- expressions

    def expression(self, value: Any, path: Path, scope: Scope) -> Expr:
        """A CEL expression without braces."""
        if isinstance(value, bool):
            return Expr(str(value).lower(), at=self.document.at(path))
        if not isinstance(value, str):
            return _NEVER
        inner = re.fullmatch(r"\s*\$\{(.*)\}\s*", value, re.DOTALL)
        if inner and "${" not in inner[1]:
            self.report("FLW111", path, "this is CEL already", f"write it without braces: `{short(inner[1].strip())}`")
            return _NEVER
        try:
            expr = parse_expression(value, self._place(path, value, 0))
        except ExpressionError as error:
            self._expression_problem(error, path, value)
            return _NEVER
        self._check_names(expr, scope)
        return expr

    def template(self, value: Any, path: Path, scope: Scope) -> Template:
        """Text with `${…}`."""
        if isinstance(value, dict | list):
            message = f"`{path[-1]}` must be text, not {describe(value)}"
            made = "{'name': …}" if isinstance(value, dict) else "[…]"
            self.report("FLW101", path, message, f'write it as one expression: "${{{made}}}"')
        if not isinstance(value, str):
            return Template(("",))
        if "${" not in value:
            return Template((value,))
        if self.document.unquoted(path):
            quote = "'" if '"' in value else '"'
            self.report(
                "FLW105", path, "text with `${…}` must be quoted", f"quote this: {quote}{short(value, 200)}{quote}"
            )
        try:
            template = parse_template(value, partial(self._place, path, value))
        except ExpressionError as error:
            self._expression_problem(error, path, value)
            return Template((value,))
        for part in template.parts:
            if isinstance(part, Expr):
                self._check_names(part, scope)
        return template

    def value(self, value: Any, path: Path, scope: Scope) -> Value:
        """A value whose strings may be templates; lists and mappings are read inside."""
        if isinstance(value, str):
            return self.template(value, path, scope) if "${" in value else value
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key), scope) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index), scope) for index, item in enumerate(value)]
        return value

    def values(self, value: Any, path: Path, scope: Scope) -> Mapping[str, Value]:
        return self.value(value, path, scope) if isinstance(value, dict) else {}

    def _check_names(self, expr: Expr, scope: Scope) -> None:
        program = compile_expression(expr.source)
        for path in (program.path,) if program.path else program.scan.paths if program.scan else ():
            if unknown := scope.unknown(path):
                message, help = unknown
                offset = expr.source.find(".".join(path))
                at = expr.at
                if offset > 0 and at.column is not None:
                    at = Location(at.path, at.line, at.column + offset)
                self.problems.append(Problem("FLW201", message, at, help))

    def _expression_problem(self, error: ExpressionError, path: Path, value: str) -> None:
        at = self._place(path, value, error.offset or 0)
        self.problems.append(Problem("FLW301", error.message, at, error.help))

    def _place(self, path: Path, value: str, offset: int) -> Location:
        """Where the character at `offset` of the text at `path` stands in the file, as near as can be told."""
        start = self.document.at(path)
        if start.line is None or start.column is None:
            return start
        if self._lines is None:
            self._lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", self.document.text)
        snippet = value[offset : offset + 20].partition("\n")[0] or value[max(0, offset - 20) : offset]
        shift = 0 if value[offset : offset + 1].strip() else len(snippet)
        begin = value.rfind("\n", 0, offset) + 1
        for number in range(start.line - 1, min(len(self._lines), start.line + value.count("\n", 0, offset) + 2)):
            line = self._lines[number]
            origin = start.column - 1 if number == start.line - 1 else 0
            found = line.find(snippet, max(origin, origin + offset - begin)) if snippet else -1
            if found >= 0:
                return Location(start.path, number + 1, found + 1 + shift)
        return start

    # --- plain parts

    def duration(self, value: Any, path: Path) -> float | None:
        """Seconds; None when there is none or it cannot be read."""
        if value is None:
            return None
        seconds = seconds_of(value) if isinstance(value, str) else None
        if seconds is None:
            what = value if isinstance(value, int | float) else "30"
            self.report(
                "FLW106",
                path,
                f"a duration is a number with a unit, not {describe(value)}",
                f"write `{what}s`, or ms, m, h, d",
            )
            return None
        if not 0 < seconds <= _MAX_DURATION:
            self.report("FLW106", path, f"the duration `{short(value)}` is out of bounds", "more than 0, at most 366d")
            return None
        return seconds

    def reference(self, value: Any, path: Path, folder: str) -> str:
        """A specifier as written; `folder` is where such things usually are."""
        if isinstance(value, str) and value and not _REFERENCE.fullmatch(value):
            if "${" in value:
                message, help = "a reference is fixed text, without `${…}`", "choose with `switch`"
            else:
                message = f"`{short(value)}` is not a reference"
                help = f"write `./{folder}/{short(value)}`, or `package/{folder}/…` for another package's"
            self.report("FLW107", path, message, help)
        return value if isinstance(value, str) else ""

    def references(self, value: Any, path: Path, folder: str) -> tuple[str, ...]:
        items = value if isinstance(value, list) else []
        return tuple(self.reference(item, (*path, index), folder) for index, item in enumerate(items))

    def retry(self, value: Any, path: Path) -> Retry | None:
        if not isinstance(value, dict):
            return None
        attempts = value.get("attempts", 3)
        backoff = self.duration(value.get("backoff"), (*path, "backoff"))
        return Retry(attempts if type(attempts) is int else 3, backoff or 0.0)

    def schema(self, holder: Mapping[str, Any], path: Path, name: str) -> Mapping[str, Any] | None:
        """The JSON Schema from `name` (shorthand) or `name_schema`; None when neither is there."""
        full = f"{name}_schema"
        if name in holder and full in holder:
            self.report("FLW302", (*path, full), f"both `{name}` and `{full}` are given", "keep one", key=True)
        if isinstance(fields := holder.get(name), dict):
            where = (*path, name)
            source = shorthand_to_schema(
                fields, lambda at, message, help: self.report("FLW302", (*where, *at), message, help)
            )
        elif full in holder and isinstance(holder[full], dict | bool):
            where = (*path, full)
            value = holder[full]
            source = value if isinstance(value, dict) else {} if value else {"not": {}}
        else:
            return None
        before = len(self.problems)
        self._check_schema(source, where, before)
        return source

    def _check_schema(self, source: Mapping[str, Any], path: Path, before: int) -> None:
        if any(problem.code == "FLW302" for problem in self.problems[before:]):
            return
        try:
            Schema.of(source)
        except (LevError, RecursionError) as error:
            self.report(
                "FLW302",
                path,
                error.message if isinstance(error, LevError) else "nested too deeply",
                getattr(error, "help", None),
            )
            return
        fields = source.get("properties")
        for name, field in fields.items() if isinstance(fields, dict) else ():
            if isinstance(field, dict) and "default" in field and "$ref" not in field:
                whole = {"$defs": source["$defs"], **field} if "$defs" in source else field
                try:
                    problems = Schema.of(whole).problems(field["default"])
                except (
                    InvalidSchema
                ):  # it refers to a field beside it: the input as a whole is checked when it is given
                    continue
                if problems:
                    self.report("FLW302", (*path, name, "default"), f"the default does not fit: {problems[0]}")
