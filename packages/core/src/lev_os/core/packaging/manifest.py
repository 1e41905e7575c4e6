"""`lev.toml`: what a package exports, and to whom. Every error at once, each at its line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, Location, Problem
from ._files import decode, hidden_character, path_fault
from ._toml_positions import Path as KeyPath
from ._toml_positions import key_positions

if TYPE_CHECKING:
    from .mcp_servers import McpServer

FORMAT = 1
FILE_NAME = "lev.toml"
MAX_MANIFEST = 128 * 1024
"""Bytes of the largest manifest that is read."""

CONDITIONS = ("llm-first", "llm", "types", "python", "import", "require", "javascript")
"""The known conditions, in the order in which they are asked; any others follow by name, `default` is last."""

PYTHON = "./@python/"
"""Stands before a Python reference while Node's algorithm chooses among it and files."""

_MAX_LINE = 4000
_MAX_DEPTH = 16
_MAX_EXPORTS = 5000
REFERENCE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::(?:\*|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*))?"
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_MEANT = frozenset({"MAN113", "MAN114"})
"""Problems of an export of which it is clear what was meant."""
_CONDITION = re.compile(r"[A-Za-z][A-Za-z0-9_:.@-]*")
_TOP = ("format", "name", "description", "constitution", "deps", "exports", "budget", "mcp", "npm")
_BUDGET = ("context", "bundle", "wheel-kb", "twin-kb", "import-ms")
NPM_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]{0,200}")


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper bounds for checks: tokens of one context and of the bundle, KB of the wheel and of the npm twin,
    CPU ms of importing."""

    context: int | None = None
    bundle: int | None = None
    wheel_kb: int | None = None
    twin_kb: int | None = None
    import_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A valid `lev.toml`. In `exports` the conditions are in order, `false` is None, `./lev.toml` is there."""

    name: str
    format: int = FORMAT
    description: str = ""
    constitution: str | None = None
    deps: str | None = None
    exports: Mapping[str, Any] = field(default_factory=lambda: {f"./{FILE_NAME}": f"./{FILE_NAME}"})
    deprecated: Mapping[str, str] = field(default_factory=dict)
    """Export keys that still work, and what to use in their place."""
    budget: Budget = Budget()
    servers: Mapping[str, McpServer] = field(default_factory=dict)
    npm_name: str | None = None
    """What the package is called on npm, where that does not follow from its import name."""
    path: str | None = None
    left_out: tuple[str, ...] = ()
    """Keys of exports that could not be read, `exports` for all of them; see `examine_manifest`."""


def parse_manifest(source: str | bytes, *, name: str, path: str | None = None) -> Manifest:
    """Read a `lev.toml`. `name` is the import package beside whose `__init__.py` it lies; raises `InvalidInput`."""
    manifest, problems = examine_manifest(source, name=name, path=path)
    if problems:
        raise InvalidInput(problems)
    return manifest


def examine_manifest(source: str | bytes, *, name: str, path: str | None = None) -> tuple[Manifest, list[Problem]]:
    """A `lev.toml` as far as it can be read, and every problem of it; raises `InvalidInput` when nothing of it can be.

    With problems it is for looking at, not for use: misspelt keys and conditions count as the ones that were meant, and
    exports that lead outside or to nothing that a target can be are left out.
    """
    text = decode(source, path or FILE_NAME) if isinstance(source, bytes) else source
    reader = _Reader(text, path)
    manifest = reader.manifest(_load(text, path), name)
    problems = sorted(reader.problems, key=lambda problem: (problem.at.line or 0, problem.at.column or 0))
    if any(problem.code == "MAN103" for problem in problems):
        raise InvalidInput(problems)
    return manifest, problems


def is_reference(target: str) -> bool:
    """Whether a target names Python code (`acme.tools:refund`, `acme.tools:*`, `acme`) rather than a file."""
    return REFERENCE.fullmatch(target) is not None


def ordered(target: Any) -> Any:
    """A target with the conditions of each table in the order in which they are asked; `false` becomes None."""
    if isinstance(target, dict):
        return {key: ordered(target[key]) for key in sorted(target, key=_rank)}
    if isinstance(target, list):
        return [ordered(item) for item in target]
    return None if target is False else target


def _rank(condition: str) -> tuple[int, str]:
    if condition == "default":
        return len(CONDITIONS) + 1, ""
    return (CONDITIONS.index(condition), "") if condition in CONDITIONS else (len(CONDITIONS), condition)


def _load(text: str, path: str | None) -> dict[str, Any]:
    """`tomllib`, with its every failure a problem at a place, and input that would make it slow refused before."""
    import tomllib

    def refuse(message: str, line: int = 1, column: int = 1, help: str | None = None) -> InvalidInput:
        return InvalidInput([Problem("MAN101", message, Location(path, line, column), help)])

    if len(text) > MAX_MANIFEST:
        raise refuse(f"the manifest has {len(text):,} characters; at most {MAX_MANIFEST:,} are read")
    for number, content in enumerate(text.split("\n"), 1):
        if len(content) > _MAX_LINE:
            raise refuse(f"this line has {len(content):,} characters; at most {_MAX_LINE:,} are read", number, 1)
    if (at := hidden_character(text)) is not None:
        before = text[:at]
        raise refuse(
            f"the invisible character U+{ord(text[at]):04X} stands here",
            before.count("\n") + 1,
            at - before.rfind("\n"),
            "remove it: names must look like what they are",
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)\Z", str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        column = int(place[2]) if place and place[2] else len(text) - text.rfind("\n")
        message = str(error)[: place.start()].strip() if place else str(error)
        raise refuse(f"this is not TOML: {message}", line, column) from None
    except RecursionError:
        raise refuse("the manifest is nested too deeply") from None
    except ValueError as error:  # an integer or a date that Python cannot hold
        raise refuse(f"a value is out of range: {error}") from None


class _Reader:
    """Collects problems while it builds a manifest of what is left without them."""

    def __init__(self, text: str, path: str | None) -> None:
        self.text = text
        self.path = path
        self.problems: list[Problem] = []
        self.left_out: list[str] = []
        self.spelled: dict[KeyPath, KeyPath] = {}
        """How keys that are read under another name are written."""
        self._places: Mapping[KeyPath, tuple[int, int]] | None = None

    def problem(self, at: KeyPath, code: str, message: str, help: str | None = None) -> None:
        if self._places is None:
            self._places = key_positions(self.text)
        for meant, written in self.spelled.items():
            if at[: len(meant)] == meant and meant not in self._places:
                at = (*written, *at[len(meant) :])
        while at and at not in self._places:
            at = at[:-1]
        line, column = self._places.get(at, (1, 1))
        self.problems.append(Problem(code, message, Location(self.path, line, column), help))

    def manifest(self, data: dict[str, Any], name: str) -> Manifest:
        version = data.get("format")
        if version is None:
            self.problem((), "MAN102", "`format` is missing", f"write `format = {FORMAT}` at the top")
        elif not _is_int(version) or version < 1:
            self.problem(("format",), "MAN102", "`format` is a whole number", f"write `format = {FORMAT}`")
        elif version > FORMAT:
            # Whatever else a newer format says cannot be judged by the rules of this one.
            self.problem(
                ("format",),
                "MAN103",
                f"this manifest has format {str(version)[:20]}; this version reads up to format {FORMAT}",
                "upgrade lev-os-core",
            )
            return Manifest(name)
        self.name(data, name)
        data = self.known(data, _TOP, ())
        return Manifest(
            name=name,
            description=self.text_of(data, "description") or "",
            constitution=self.constitution(data),
            deps=self.deps(data),
            exports=self.exports(data),
            deprecated=self.deprecated(data),
            budget=self.budget(data),
            servers=self.servers(data),
            npm_name=self.npm_name(data),
            path=self.path,
            left_out=tuple(self.left_out),
        )

    def known(self, table: Mapping[str, Any], names: Iterable[str], at: KeyPath) -> dict[str, Any]:
        """The table, with misspelt keys as the ones that were meant."""
        meant = dict(table)
        for key in table:
            if key not in names:
                near = _nearest(key, names)
                help = f"did you mean `{near}`?" if near else f"known keys: {', '.join(names)}"
                self.problem((*at, key), "MAN104", f"unknown key `{key}`", help)
                if near is not None:
                    meant.setdefault(near, meant[key])
                    self.spelled[(*at, near)] = (*at, key)
        return meant

    def text_of(self, data: Mapping[str, Any], key: str) -> str | None:
        value = data.get(key)
        if value is None or isinstance(value, str):
            return value
        self.problem((key,), "MAN105", f"`{key}` is text, not {_kind(value)}")
        return None

    def name(self, data: Mapping[str, Any], name: str) -> None:
        value = self.text_of(data, "name")
        if value is None:
            return
        if not NAME.fullmatch(value):
            right = value.replace("-", "_")
            self.problem(
                ("name",),
                "MAN106",
                f"`name` is the import package, and {value!r} cannot be imported",
                f'write name = "{right}"' if NAME.fullmatch(right) else None,
            )
        elif value != name:
            self.problem(
                ("name",),
                "MAN106",
                f"`name` says {value!r}, but the package is imported as {name!r}",
                f'write name = "{name}"',
            )

    def constitution(self, data: Mapping[str, Any]) -> str | None:
        value = self.text_of(data, "constitution")
        if value is not None and (fault := path_fault(value) or _starred(value)):
            self.problem(("constitution",), "MAN107", f"{value!r} is not a file of the package: {fault}")
            return None
        return value

    def deps(self, data: Mapping[str, Any]) -> str | None:
        value = self.text_of(data, "deps")
        if value is not None and (not is_reference(value) or ":" not in value or value.endswith("*")):
            self.problem(("deps",), "MAN108", f"{value!r} is not an object reference", "write module:function")
            return None
        return value

    def budget(self, data: Mapping[str, Any]) -> Budget:
        table = data.get("budget", {})
        if not isinstance(table, dict):
            self.problem(("budget",), "MAN105", f"`budget` is a table, not {_kind(table)}")
            return Budget()
        table = self.known(table, _BUDGET, ("budget",))
        values: dict[str, int] = {}
        for key in _BUDGET:
            value = table.get(key)
            if value is None:
                continue
            if not _is_int(value) or value < 0:
                said = value if _is_int(value) else _kind(value)
                self.problem(("budget", key), "MAN109", f"`{key}` is a whole number of at least 0, not {said}")
            else:
                values[key.replace("-", "_")] = value
        return Budget(**values)

    def servers(self, data: Mapping[str, Any]) -> Mapping[str, McpServer]:
        if "mcp" not in data:
            return {}
        from ._manifest_servers import read_servers

        return read_servers(self, data)

    def npm_name(self, data: Mapping[str, Any]) -> str | None:
        table = data.get("npm", {})
        if not isinstance(table, dict):
            self.problem(("npm",), "MAN105", f"`npm` is a table, not {_kind(table)}")
            return None
        table = self.known(table, ("name",), ("npm",))
        value = table.get("name")
        if value is None or (isinstance(value, str) and NPM_NAME.fullmatch(value)):
            return value
        said = repr(value)[:60] if isinstance(value, str) else _kind(value)
        self.problem(("npm", "name"), "MAN105", f"{said} is no name on npm", "write `@scope/name`, in lower case")
        return None

    def exports(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        table = data.get("exports", {})
        result: dict[str, Any] = {}
        if not isinstance(table, dict):
            self.left_out.append("exports")
            self.problem(("exports",), "MAN105", f"`exports` is a table, not {_kind(table)}")
        elif len(table) > _MAX_EXPORTS:
            self.left_out.append("exports")
            self.problem(
                ("exports",), "MAN110", f"{len(table):,} exports; at most {_MAX_EXPORTS:,} are read; use patterns"
            )
        else:
            for key, target in table.items():
                name = key if self.export_key(key) else _below(key)
                before = len(self.problems)
                self.target(target, ("exports", key), key, None)
                if name is not None and all(problem.code in _MEANT for problem in self.problems[before:]):
                    result.setdefault(name, ordered(_meant(_without_deprecated(target))))
                else:
                    self.left_out.append(key)
            self.identifiers(result)
        result[f"./{FILE_NAME}"] = f"./{FILE_NAME}"
        return result

    def export_key(self, key: str) -> bool:
        at: KeyPath = ("exports", key)
        if key == ".":
            return True
        if key == f"./{FILE_NAME}":
            self.problem(at, "MAN111", f"{key!r} is always exported; it cannot be mapped elsewhere", "remove this line")
        elif not key.startswith("."):
            self.problem(at, "MAN111", f"{key!r} is not a subpath", f'write "./{key}"' if key else 'write "." or "./x"')
        elif fault := path_fault(key):
            self.problem(at, "MAN111", f"{key!r} is not a subpath of the package: {fault}")
        elif key.count("*") > 1:
            self.problem(at, "MAN111", f"{key!r} has more than one '*', so it would never match")
        else:
            return True
        return False

    def target(self, target: Any, at: KeyPath, key: str, condition: str | None) -> None:
        """One target of the export `key`, reached through `condition` (the innermost one)."""
        if len(at) > _MAX_DEPTH:
            self.problem(at, "MAN112", f"conditions are nested more than {_MAX_DEPTH - 2} deep")
        elif isinstance(target, str):
            self.target_text(target, at, key, condition)
        elif isinstance(target, list):
            for index, item in enumerate(target):
                self.target(item, (*at, index), key, condition)
        elif isinstance(target, dict):
            self.conditions(target, at, key)
        elif target is not False:
            help = (
                "write `false` to leave it out of the exports"
                if target is not True
                else "leave it out, or name its target"
            )
            self.problem(at, "MAN112", f"a target is text, `false`, a table or a list, not {_kind(target)}", help)

    def conditions(self, table: dict[str, Any], at: KeyPath, key: str) -> None:
        for condition, target in table.items():
            here = (*at, condition)
            if condition == "deprecated" and len(at) == 2:
                if not isinstance(target, str) or not target.strip():
                    self.problem(here, "MAN113", "`deprecated` says what to use instead")
                continue
            if not _CONDITION.fullmatch(condition):
                self.problem(here, "MAN114", f"{condition!r} is not the name of a condition")
                continue
            if (near := _misspelt(condition)) is not None:
                self.problem(here, "MAN114", f"unknown condition `{condition}`", f"did you mean `{near}`?")
            self.target(target, here, key, condition)
        if len(at) == 2 and set(table) <= {"deprecated"}:
            self.problem(at, "MAN112", "this export has no target", "name one for `llm`, `python` or `default`")

    def target_text(self, target: str, at: KeyPath, key: str, condition: str | None) -> None:
        if target.startswith("./"):
            fault = path_fault(target) or (_starred(target) if "*" not in key else None)
            if fault:
                self.problem(at, "MAN115", f"the target {target!r} is not a file of the package: {fault}")
        elif not is_reference(target):
            fault = path_fault(target) or ""
            self.problem(at, "MAN115", f"the target {target!r} is not a file of the package: {fault}")
        elif condition != "python":
            self.problem(
                at,
                "MAN116",
                f"{target!r} is a Python reference, which only the condition `python` can have",
                f'write "./{target}" for a file, or {{ python = "{target}" }}',
            )
        elif target.endswith("*") and "*" not in key:
            self.problem(at, "MAN115", f"{target!r} has a '*' and the export {key!r} has none")

    def deprecated(self, data: Mapping[str, Any]) -> Mapping[str, str]:
        table = data.get("exports")
        return {
            key: target["deprecated"]
            for key, target in (table.items() if isinstance(table, dict) else ())
            if isinstance(target, dict) and isinstance(target.get("deprecated"), str)
        }

    def identifiers(self, exports: Mapping[str, Any]) -> None:
        """Two exports that Python would see under one name."""
        seen: dict[str, str] = {}
        for key, target in exports.items():
            if "*" in key or target is None:
                continue
            other = seen.setdefault(key.replace("-", "_"), key)
            if other != key:
                self.problem(
                    ("exports", key), "MAN117", f"{key!r} and {other!r} are one name in Python", "rename one of them"
                )


def _below(key: str) -> str | None:
    """The subpath that was meant by a key without `./`."""
    name = f"./{key}"
    return None if key.startswith(".") or path_fault(name) or key.count("*") > 1 else name


def _misspelt(condition: str) -> str | None:
    """The condition that was meant; None for one that is known or a name of somebody's own."""
    return None if condition in CONDITIONS or condition == "default" else _nearest(condition, CONDITIONS)


def _meant(target: Any) -> Any:
    """A target with its misspelt conditions as the ones that were meant."""
    if isinstance(target, dict):
        found = {key: _meant(value) for key, value in target.items() if _CONDITION.fullmatch(key)}
        return {near: found[key] for key in found if (near := _misspelt(key)) and near not in found} | {
            key: value for key, value in found.items() if not _misspelt(key)
        }
    return [_meant(item) for item in target] if isinstance(target, list) else target


def _without_deprecated(target: Any) -> Any:
    if isinstance(target, dict):
        return {condition: value for condition, value in target.items() if condition != "deprecated"}
    return target


def _starred(value: str) -> str | None:
    return "it holds '*', and there is nothing to put in its place" if "*" in value else None


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def _nearest(key: str, names: Iterable[str]) -> str | None:
    import difflib

    match = difflib.get_close_matches(key, list(names), n=1, cutoff=0.7)
    return match[0] if match else None


def texts(target: Any) -> Iterator[str]:
    """Every string in a target, in order, under all conditions."""
    if isinstance(target, str):
        yield target
    elif isinstance(target, dict):
        for value in target.values():
            yield from texts(value)
    elif isinstance(target, list):
        for value in target:
            yield from texts(value)


def manifest_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `lev.toml`, for editors."""
    from ._manifest_schema import build

    return build()
