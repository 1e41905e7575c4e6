"""The six commands of Claude's memory tool (https://platform.claude.com/docs/en/agents-and-tools/tool-use/memory-tool)
on any memory: `view`, `create`, `str_replace`, `insert`, `delete` and `rename` of files below `/memories`.

    tool = ClaudeMemoryTool(memory, scope)
    answer = await tool.run(block.input)        # the text of the tool's result, errors included

A file is a record, the fact that a path has this text: editing it supersedes the old text and deleting it retracts it,
so that nothing the model does is lost. Paths are names inside the scope; there is no disk to break out to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from lev_os.core.errors import InvalidInput

from .manager import MemoryManager
from .tools import TRUST
from .types import Filter, Record, Scope

ROOT = "/memories"
_FILE = "file"
_PAGE = 1_000


class _Refused(Exception):
    """What is answered instead."""


class ClaudeMemoryTool:
    """Files of one scope; the program chooses memory and scope, the model only paths."""

    def __init__(self, memory: MemoryManager, scope: Scope) -> None:
        self._memory = memory
        self._scope = scope

    async def run(self, command: Mapping[str, Any]) -> str:
        """Carry out the input of a tool call; what is wrong with it is said in the answer."""
        commands: dict[str, Callable[..., Awaitable[str]]] = {
            "view": self._view,
            "create": self._create,
            "str_replace": self._replace,
            "insert": self._insert,
            "delete": self._delete,
            "rename": self._rename,
        }
        arguments = dict(command)
        name = arguments.pop("command", "")
        found = commands.get(name) if isinstance(name, str) else None
        if found is None:
            return f"Error: the command must be one of {', '.join(commands)}"
        try:
            return await found(**arguments)
        except _Refused as refused:
            return str(refused)
        except InvalidInput as error:
            return f"Error: {error.message}"
        except TypeError:
            return "Error: an argument of the command is missing, unknown or of the wrong type"

    async def _view(self, path: str, view_range: list[int] | None = None) -> str:
        path = _inside(path)
        files = await self._files()
        if path in files:
            return _numbered(path, files[path].text, view_range)
        below = {name: len(record.text.encode()) for name, record in files.items() if name.startswith(f"{path}/")}
        if not below and path != ROOT:
            raise _missing(path)
        head = (
            f"Here're the files and directories up to 2 levels deep in {path}, excluding hidden items and node_modules:"
        )
        return "\n".join([head, *_listing(path, below)])

    async def _create(self, path: str, file_text: str) -> str:
        path = _inside(path)
        files = await self._files()
        if path == ROOT or path in files:
            raise _Refused(f"Error: File {path} already exists")
        _check_place(path, files)
        await self._memory.put([_record(path, file_text)], scope=self._scope)
        return f"File created successfully at: {path}"

    async def _replace(self, path: str, old_str: str, new_str: str = "") -> str:
        path, old = await self._existing(path)
        count = old.text.count(old_str) if old_str else 0
        if count == 0:
            raise _Refused(f"No replacement was performed, old_str `{old_str}` did not appear verbatim in {path}.")
        if count > 1:
            lines = ", ".join(str(n) for n, line in enumerate(old.text.split("\n"), 1) if old_str in line)
            raise _Refused(
                f"No replacement was performed. Multiple occurrences of old_str `{old_str}` in lines: {lines}. "
                "Please ensure it is unique"
            )
        await self._change(path, old, old.text.replace(old_str, new_str))
        return "The memory file has been edited."

    async def _insert(self, path: str, insert_line: int, insert_text: str) -> str:
        path, old = await self._existing(path)
        if not isinstance(insert_text, str):
            raise TypeError(insert_text)
        lines = old.text.splitlines(keepends=True)
        if not 0 <= insert_line <= len(lines):
            raise _Refused(
                f"Error: Invalid `insert_line` parameter: {insert_line}. It should be within the range of lines of the "
                f"file: [0, {len(lines)}]"
            )
        if insert_line == len(lines) and lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines.insert(insert_line, insert_text if insert_text.endswith("\n") else f"{insert_text}\n")
        await self._change(path, old, "".join(lines))
        return f"The file {path} has been edited."

    async def _delete(self, path: str) -> str:
        path = _inside(path)
        files = await self._files()
        gone = [record for name, record in files.items() if name == path or name.startswith(f"{path}/")]
        if path == ROOT or not gone:
            raise _missing(path)
        for record in gone:
            await self._memory.retract(record.id, scope=self._scope, reason="deleted")
        return f"Successfully deleted {path}"

    async def _rename(self, old_path: str, new_path: str) -> str:
        old_path, new_path = _inside(old_path), _inside(new_path)
        files = await self._files()
        moved = {name: record for name, record in files.items() if name == old_path or name.startswith(f"{old_path}/")}
        if old_path == ROOT or not moved:
            raise _missing(old_path)
        if new_path == ROOT or any(name == new_path or name.startswith(f"{new_path}/") for name in files):
            raise _Refused(f"Error: The destination {new_path} already exists")
        _check_place(new_path, files)
        if new_path.startswith(f"{old_path}/"):
            raise _Refused(f"Error: {new_path} lies in {old_path} itself")
        for name, record in moved.items():
            target = new_path + name.removeprefix(old_path)
            await self._change(target, record, record.text, reason=f"renamed from {name}")
        return f"Successfully renamed {old_path} to {new_path}"

    async def _change(self, path: str, old: Record, text: str, reason: str = "edited") -> None:
        if old.subject != path or old.text != text:
            await self._memory.supersede(old.id, _record(path, text), scope=self._scope, reason=reason)

    async def _existing(self, path: str) -> tuple[str, Record]:
        path = _inside(path)
        found = (await self._files()).get(path)
        if found is None:
            raise _missing(path)
        return path, found

    async def _files(self) -> dict[str, Record]:
        """Every file by its path."""
        found: dict[str, Record] = {}
        cursor: int | None = None
        while True:
            page = await self._memory.query(Filter(predicate=_FILE), scope=self._scope, cursor=cursor, limit=_PAGE)
            found |= {record.subject: record for record in page.records if record.subject is not None}
            if (cursor := page.cursor) is None:
                return found


def _record(path: str, text: str) -> Record:
    return Record(type="semantic", text=text, subject=path, predicate=_FILE, trust=TRUST)


def _inside(path: str) -> str:
    """The path without what is superfluous; raises `_Refused` when it leads out of `/memories`."""
    parts = path.strip("/").split("/") if isinstance(path, str) else [""]
    parts = [part for part in parts if part not in ("", ".")]
    if not parts or f"/{parts[0]}" != ROOT or ".." in parts or "\0" in path or not path.startswith("/"):
        raise _Refused(f"Error: {path!r} is not below {ROOT}")
    return "/" + "/".join(parts)


def _check_place(path: str, files: Collection[str]) -> None:
    """Raise `_Refused` where a disk would: a name is that of a file or of a directory."""
    if any(name.startswith(f"{path}/") for name in files):
        raise _Refused(f"Error: {path} is a directory")
    above = next((name for name in files if path.startswith(f"{name}/")), None)
    if above is not None:
        raise _Refused(f"Error: {above} is a file, so nothing can lie below it")


def _missing(path: str) -> _Refused:
    return _Refused(f"The path {path} does not exist. Please provide a valid path.")


def _numbered(path: str, text: str, view_range: list[int] | None) -> str:
    lines = text.split("\n")
    first, last = 1, len(lines)
    if view_range is not None:
        if len(view_range) != 2:
            raise _Refused(f"Error: Invalid `view_range` {view_range}: it is the first line and the last")
        first, last = view_range
        last = len(lines) if last == -1 else min(last, len(lines))
        if not 1 <= first <= last:
            raise _Refused(f"Error: Invalid `view_range` {view_range}: the file has lines 1 to {len(lines)}")
    body = "\n".join(f"{number:6}\t{line}" for number, line in enumerate(lines[first - 1 : last], first))
    return f"Here's the content of {path} with line numbers:\n{body}"


def _listing(path: str, sizes: Mapping[str, int]) -> list[str]:
    """A line for the folder and each file and folder up to two levels below it, with its size."""
    found: dict[str, int] = {path: sum(sizes.values())}
    for name, size in sizes.items():
        parts = name.removeprefix(f"{path}/").split("/")
        if any(part.startswith(".") or part == "node_modules" for part in parts):
            continue
        for depth in range(1, min(len(parts), 2) + 1):
            place = f"{path}/{'/'.join(parts[:depth])}"
            found[place] = found.get(place, 0) + size
    return [f"{_size(size)}\t{name}" for name, size in sorted(found.items())]


def _size(size: int) -> str:
    return f"{size / 1024:.1f}K" if size < 1 << 20 else f"{size / (1 << 20):.1f}M"
