"""The YAML head of a context: what every SKILL.md tool knows, and our own keys under `metadata`.

Unknown keys belong to other tools: they are kept and never an error. Ours are `metadata` keys that begin with
`lev-`; their values are strings, as the SKILL.md specification (https://agentskills.io/specification) wants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ..documents import Document, Path, nearest, read_yaml
from ..errors import InvalidInput, Location, Problem

Kind = Literal["context", "personality", "skill", "example"]
KINDS: tuple[str, ...] = get_args(Kind)
DEFAULT_PRIORITY = 50

_FENCE = re.compile(r"---[ \t]*(?:\n|\Z)")
_CLOSE = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_KEYS = {
    "lev-kind": "What the context is.",
    "lev-priority": "0 to 100: what a bundle keeps when its budget runs short; 50 when absent.",
    "lev-requires": "Specifiers, separated by spaces, that must come along.",
    "lev-conflicts": "Specifiers, separated by spaces, that must not be loaded beside this one.",
    "lev-applies-to": "Globs, separated by spaces, of the files of a repository that it is about.",
    "lev-params": "Names, separated by spaces, that `${…}` in the body may use.",
    "lev-question": "The question a personality asks.",
    "lev-values": "What a personality cares for.",
    "lev-blind-spots": "What a personality overlooks.",
    "lev-opposite": "The personality that sees what this one overlooks.",
    "lev-triggers": "When a personality should be heard.",
}


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """The head of a context. `data` holds every key as written, `metadata` those whose values are strings."""

    data: Mapping[str, Any]
    metadata: Mapping[str, str]
    body: str
    body_line: int
    """The line of the file on which the body begins."""

    def words(self, key: str) -> tuple[str, ...]:
        """The space-separated values of a `lev-` key."""
        return tuple(self.metadata.get(key, "").split())


def read_frontmatter(text: str, *, path: str | None = None) -> Frontmatter:
    """Split a context into head and body; raises `InvalidInput` with every problem of the head."""
    opening = _FENCE.match(text)
    if not opening:
        return Frontmatter({}, {}, text, 1)
    closing = _CLOSE.search(text, opening.end())
    if not closing:
        if not re.match(r"[\w-]+[ \t]*:", text[opening.end() :]):
            return Frontmatter({}, {}, text, 1)  # a Markdown file may begin with a thematic break
        problem = Problem(
            "CTX101",
            "the frontmatter is never closed",
            Location(path, 1, 1),
            help="end it with a line that holds only ---",
        )
        raise InvalidInput([problem])
    document = read_yaml("\n" + text[opening.end() : closing.start()], path=path)
    if document.data is None:
        data: Mapping[str, Any] = {}
    elif isinstance(document.data, Mapping):
        data = document.data
    else:
        message = "frontmatter must be a list of `key: value` lines"
        help_ = "put a blank line first if these dashes are a rule"
        raise InvalidInput([Problem("CTX102", message, Location(path, 2, 1), help=help_)])
    problems = _problems(document, data)
    if problems:
        raise InvalidInput(problems)
    metadata = {key: value for key, value in (data.get("metadata") or {}).items() if isinstance(value, str)}
    body_start = closing.end() + 1
    body = text[body_start:]
    return Frontmatter(data, metadata, body, text.count("\n", 0, body_start) + 1)


def frontmatter_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a context's frontmatter."""
    keys: dict[str, Any] = {key: {"type": "string", "description": text} for key, text in _KEYS.items()}
    keys["lev-kind"]["enum"] = list(KINDS)
    keys["lev-priority"]["pattern"] = "^(?:100|[1-9]?[0-9])$"
    keys["lev-params"]["pattern"] = "^[ ]*(?:[A-Za-z_][A-Za-z0-9_]*[ ]*)*$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Context frontmatter",
        "type": ["object", "null"],
        "properties": {
            "name": {"type": "string", "description": "The context's name; a skill's equals its folder's."},
            "description": {"type": "string", "description": "What it is and when a model should read it."},
            "license": {"type": "string"},
            "metadata": {
                "type": ["object", "null"],
                "properties": keys,
                "patternProperties": {"^lev-": {"type": "string"}},
                "propertyNames": {"anyOf": [{"enum": list(keys)}, {"not": {"pattern": "^lev-"}}]},
            },
        },
    }


def _problems(document: Document, data: Mapping[str, Any]) -> list[Problem]:
    problems = [
        Problem("CTX103", f"`{key}` must be text", document.at((key,)), help=f'write {key}: "{data[key]}"')
        for key in ("name", "description")
        if data.get(key) is not None and not isinstance(data[key], str)
    ]
    metadata = data.get("metadata")
    if metadata is None:
        return problems
    if not isinstance(metadata, Mapping):
        problems.append(Problem("CTX103", "`metadata` must hold `key: value` lines", document.at(("metadata",))))
        return problems
    for key, value in metadata.items():
        if isinstance(key, str) and key.startswith("lev-"):
            problem = _own_key(document, ("metadata", key), key, value)
            if problem:
                problems.append(problem)
    return problems


def _own_key(document: Document, place: Path, key: str, value: Any) -> Problem | None:
    if key not in _KEYS:
        help_ = nearest(key, _KEYS) or f"known keys: {', '.join(_KEYS)}"
        return Problem("CTX104", f"unknown key `{key}`", document.at(place, key=True), help=help_)
    at = document.at(place)
    if isinstance(value, list):
        words = " ".join(map(str, value))
        return Problem("CTX105", f"`{key}` must be one string", at, help=f'write {key}: "{words}"')
    if not isinstance(value, str):
        return Problem("CTX105", f"`{key}` must be a string, not {_kind(value)}", at, help=f'write {key}: "{value}"')
    if key == "lev-kind" and value not in KINDS:
        help_ = nearest(value, KINDS) or f"one of {', '.join(KINDS)}"
        return Problem("CTX106", f"`lev-kind` cannot be {value!r}", at, help=help_)
    if key == "lev-priority" and not (re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) and int(value) <= 100):
        help_ = f'write {key}: "{DEFAULT_PRIORITY}"'
        return Problem("CTX106", f"`lev-priority` must be a number from 0 to 100, not {value!r}", at, help=help_)
    if key == "lev-params":
        for name in value.split():
            if not _NAME.match(name):
                return Problem("CTX106", f"`lev-params`: {name!r} is not a name", at, help="use letters, digits and _")
    return None


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "a bare integer", float: "a bare number", type(None): "nothing"}
    return names.get(type(value), "a mapping")
