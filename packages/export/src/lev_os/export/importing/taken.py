"""What was taken from elsewhere, under names that a package can have, and what could not be taken."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core import Context
from lev_os.core.contexts.frontmatter import Frontmatter, read_frontmatter
from lev_os.core.contexts.source import read
from lev_os.core.errors import InvalidInput, LevError

from ..targets._parts import kebab

__all__ = ["Head", "Taken", "files_named", "head_of", "text_of"]

_SKILL = "SKILL.md"
_SKILL_KEYS = ("name", "description", "license", "compatibility", "allowed-tools", "metadata")
_MOST_NAME = 64


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the head of a context; `metadata` is written as strings."""

    description: str = ""
    license: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """A package in the making. Contexts, flows and skills are by name; `notes` say what was left behind."""

    name: str
    description: str = ""
    version: str = "0.1.0"
    license: str = ""
    contexts: dict[str, bytes] = field(default_factory=dict)
    flows: dict[str, str] = field(default_factory=dict)
    skills: dict[str, dict[str, bytes]] = field(default_factory=dict)
    executable: set[str] = field(default_factory=set)
    """Files of skills that may be run, as `skill/path`."""
    notes: list[str] = field(default_factory=list)

    def note(self, where: str, what: str) -> None:
        self.notes.append(f"{where}: {what}")

    def context(self, name: str, body: str, head: Head, where: str) -> None:
        """Take a text as a context; one that no context may be is noted."""
        name = self._free(name, self.contexts)
        data = _written(name, head, body).encode()
        if self._fits(data, where):
            self.contexts[name] = data

    def flow(self, name: str, text: str) -> None:
        self.flows[self._free(name, self.flows)] = text

    def skill(self, folder: Path, where: str, *, name: str | None = None) -> str | None:
        """Take a folder with a SKILL.md, byte for byte where its head is as the format wants it.

        The name it has now; None when it was not taken.
        """
        files = {path: (folder / path).read_bytes() for path in _below(folder)}
        if _SKILL not in files:
            self.note(where, f"not taken: there is no {_SKILL} in its folder")
            return None
        wanted = kebab(name or folder.resolve().name)[:_MOST_NAME].strip("-")
        try:
            head = read_frontmatter(read(_text(files[_SKILL]), path=where), path=where)
        except LevError as error:
            self.note(where, f"not taken: {_why(error)}")
            return None
        if not isinstance(head.data.get("description"), str) or not head.data["description"].strip():
            self.note(where, "not taken: a skill without a description is read by nobody")
            return None
        wanted = self._free(wanted, self.skills)
        if head.data.get("name") != wanted or set(head.data) - set(_SKILL_KEYS):
            files[_SKILL] = self._mended(head, wanted, where).encode()
        if not self._fits(files[_SKILL], where):
            return None
        self.skills[wanted] = files
        self.executable |= {f"{wanted}/{path}" for path in files if os.access(folder / path, os.X_OK)}
        return wanted

    def _mended(self, head: Frontmatter, name: str, where: str) -> str:
        """SKILL.md with the name of its folder, and with keys that the format does not know under `metadata`."""
        data = dict(head.data)
        if data.get("name") != name:
            self.note(where, f"its name is {name} now, that of its folder")
        extra = {key: data.pop(key) for key in list(data) if key not in _SKILL_KEYS}
        if extra:
            self.note(where, f"{', '.join(extra)} moved under metadata, where other tools leave them alone")
        metadata = {**(data.get("metadata") or {}), **{str(key): _as_text(value) for key, value in extra.items()}}
        data = {**data, "name": name, **({"metadata": metadata} if metadata else {})}
        lines = [f"{key}: {_yaml(data[key])}" for key in _SKILL_KEYS if key in data and key != "metadata"]
        if metadata:
            lines += ["metadata:", *(f"  {_yaml(key)}: {_yaml(value)}" for key, value in metadata.items())]
        return "\n".join(["---", *lines, "---", head.body])

    def _fits(self, data: bytes, where: str) -> bool:
        try:
            Context.parse(data)
        except LevError as error:
            self.note(where, f"not taken: {_why(error)}")
            return False
        return True

    @staticmethod
    def _free(name: str, taken: Mapping[str, object]) -> str:
        """A name that is lower-case letters, digits and hyphens, begins with a letter, and is not taken yet."""
        name = kebab(name)[:_MOST_NAME].strip("-") or "text"
        name = name if name[0].isalpha() else f"n-{name}"
        free, number = name, 2
        while free in taken:
            free, number = f"{name}-{number}", number + 1
        return free


def head_of(path: Path, taken: Taken, where: str) -> Frontmatter | None:
    """The head and body of a text file; None, and a note, for one that cannot be read."""
    try:
        return read_frontmatter(read(text_of(path), path=where), path=where)
    except LevError as error:
        taken.note(where, f"not taken: {_why(error)}")
        return None


def files_named(folder: Path, pattern: str) -> list[Path]:
    """Regular files below a folder, in order; links are not followed."""
    return sorted(file for file in folder.rglob(pattern) if file.is_file() and not file.is_symlink())


def text_of(path: Path) -> str:
    """The characters of a regular file, with `\\n` line ends and no byte order mark; raises `LevError`."""
    if not path.is_file():  # a pipe would never end
        raise LevError(f"{path} is not a regular file")
    try:
        return _text(path.read_bytes())
    except OSError as error:
        raise LevError(f"{path} cannot be read: {error.strerror}") from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise LevError(f"byte {error.start} is not UTF-8") from None


def _written(name: str, head: Head, body: str) -> str:
    lines = [f"name: {_yaml(name)}"]
    if head.description:
        lines.append(f"description: {_yaml(' '.join(head.description.split()))}")
    if head.license:
        lines.append(f"license: {_yaml(head.license)}")
    metadata = {key: value for key, value in head.metadata.items() if value}
    if metadata:
        lines += ["metadata:", *(f"  {key}: {_yaml(value)}" for key, value in metadata.items())]
    return "\n".join(["---", *lines, "---", body.lstrip("\n")])


def _yaml(value: Any) -> str:
    """A value on one line: plain words as they are, anything else in quotes."""
    words = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]*[A-Za-z0-9]", value)
    if words and value.lower() not in ("true", "false", "null", "yes", "no", "on", "off"):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _as_text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _why(error: LevError) -> str:
    """What is wrong with a file that the note names already; where, unless it is what we would write of it."""
    if isinstance(error, InvalidInput) and error.problems:
        first = error.problems[0]
        line = f"line {first.at.line}: " if first.at.path is not None and first.at.line is not None else ""
        return f"{line}{first.code} {first.message}"
    return error.message.partition("\n")[0]


def _below(folder: Path) -> Iterator[str]:
    """Regular files of a skill, without other skills below it; links are not followed."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in ("__pycache__", ".git", "node_modules")
            and not os.path.islink(os.path.join(root, name))
            and not os.path.isfile(os.path.join(root, name, _SKILL))
        )
        for name in sorted(files):
            place = os.path.join(root, name)
            if os.path.isfile(place) and not os.path.islink(place):
                yield os.path.relpath(place, folder).replace(os.sep, "/")
