"""`[tool.lev.check]`: which rules hold in a project, in the user's own `pyproject.toml`.

    [tool.lev.check]
    rules = "0.1"                     # rules of later versions are left out until this is raised
    ignore = ["CTX501"]
    exclude = ["vendor/"]             # as in a .gitignore
    [tool.lev.check.per-file-ignores]
    "tests/**" = { codes = ["CTX4"], reason = "fixtures that are wrong on purpose" }

It is looked for from the current folder upwards and never in what is checked: a package that is looked at cannot say
what is to be overlooked. `plugins` under `[tool.lev]` names the plugins whose rules are loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

CONFIGURATION = "CHK910"
"""The code of a configuration that cannot be used."""
FILE = "pyproject.toml"

_CODES = {"type": "array", "items": {"type": "string", "pattern": "^[A-Z]{3}[0-9]{0,3}$"}}
_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "rules": {"type": "string", "pattern": r"^\d+(\.\d+){0,2}$"},
        "select": _CODES,
        "ignore": _CODES,
        "exclude": {"type": "array", "items": {"type": "string"}},
        "per-file-ignores": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["codes", "reason"],
                "additionalProperties": False,
                "properties": {"codes": _CODES, "reason": {"type": "string", "minLength": 3}},
            },
        },
    },
}
_OWN = ("check", "plugins")
"""What is read here of `[tool.lev]`; other commands have keys of their own there."""
_PLUGINS = {"type": "array", "items": {"type": "string"}}


class FileIgnore(Struct, frozen=True):
    """Findings of `codes` are not wanted in files that match `pattern`, for a reason."""

    pattern: str
    codes: tuple[str, ...]
    reason: str


class Configuration(Struct, frozen=True):
    """What a project says of its checks. `folder` is where it says so; patterns are relative to it."""

    folder: str | None = None
    rules: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file: tuple[FileIgnore, ...] = ()
    plugins: tuple[str, ...] = ()


def configuration_file(start: str) -> str | None:
    """The nearest `pyproject.toml` at or above a folder, up to the root of its repository."""
    folder = os.path.abspath(start)
    while True:
        file = os.path.join(folder, FILE)
        if os.path.isfile(file):
            return file
        parent = os.path.dirname(folder)
        if parent == folder or os.path.lexists(os.path.join(folder, ".git")):
            return None
        folder = parent


def read_configuration(file: str | None) -> Configuration:
    """What a `pyproject.toml` says; raises `InvalidInput` with every problem, each at its line."""
    if file is None:
        return Configuration()
    from lev_os.core.documents import check, nearest, read_toml
    from lev_os.core.errors import InvalidInput, Location, Problem

    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(CONFIGURATION, f"it cannot be read: {error}", Location(file))
        raise InvalidInput([problem]) from None
    if "lev" not in text:
        return Configuration(os.path.dirname(file))
    document = read_toml(text, path=file, code=CONFIGURATION)
    lev = _table(_table(document.data, "tool"), "lev")
    problems = [
        Problem(CONFIGURATION, f"unknown key `{key}`", document.at(("tool", "lev", key), key=True), nearest(key, _OWN))
        for key in lev
        if key not in _OWN and nearest(key, _OWN)
    ]
    if "check" in lev:
        problems += check(document, _SCHEMA, code=CONFIGURATION, at=("tool", "lev", "check"))
    if "plugins" in lev:
        problems += check(document, _PLUGINS, code=CONFIGURATION, at=("tool", "lev", "plugins"))
    if problems:
        raise InvalidInput(problems)
    own = _table(lev, "check")
    return Configuration(
        os.path.dirname(file),
        own.get("rules"),
        tuple(own.get("select", ())),
        tuple(own.get("ignore", ())),
        tuple(own.get("exclude", ())),
        tuple(
            FileIgnore(pattern, tuple(item["codes"]), item["reason"])
            for pattern, item in _table(own, "per-file-ignores").items()
        ),
        tuple(lev.get("plugins", ())),
    )


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
