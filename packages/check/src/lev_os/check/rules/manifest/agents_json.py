"""plugin.json, .mcp.json and their like as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...files import File
from ...rule import Example, Finding, rule

VERIFIED = "2026-11-22"
KINDS = frozenset({"plugin", "mcp", "hooks"})


def _duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


class _TwiceError(Exception):
    """A key that an object holds twice."""


@rule(
    "MAN601",
    "json-invalid",
    summary="A manifest of another tool is not JSON.",
    on="file",
    kinds=KINDS,
    severity="error",
    why="Hosts ignore the whole file, often without a word. Comments and trailing commas are no JSON; VS Code's own "
    "`.vscode/mcp.json`, which may hold them, is not looked at.",
    mend="Correct the place that is shown.",
    source="https://www.rfc-editor.org/rfc/rfc8259",
    verified=VERIFIED,
    bad=Example({".mcp.json": '{"mcpServers": {},}\n'}, (".mcp.json", 1, 19)),
    good=Example({".mcp.json": '{"mcpServers": {}}\n', ".vscode/mcp.json": "// ours\n{}\n"}),
)
def json_invalid(file: File) -> Iterator[Finding]:
    """Where JSON ends to be JSON."""
    if file.path.parent.name == ".vscode":
        return
    try:
        json.loads(file.text)
    except json.JSONDecodeError as error:
        at = min(error.pos, max(len(file.text) - 1, 0))
        while at and file.text[at].isspace():
            at -= 1
        message = "a byte order mark stands before the JSON" if file.text.startswith("\ufeff") else error.msg.lower()
        yield Finding((at, at + 1), f"not JSON: {message}")
    except RecursionError:
        yield Finding((0, 1), "not JSON that can be read: it is nested too deep")
    except ValueError as error:
        yield Finding((0, 1), f"not JSON that can be read: {error}")


@rule(
    "MAN602",
    "json-duplicate-key",
    summary="A manifest of another tool has a key twice.",
    on="file",
    kinds=KINDS,
    severity="error",
    why="Readers keep the first or the last of them; the other is lost in silence.",
    mend="Delete one.",
    source="https://www.rfc-editor.org/rfc/rfc8259#section-4",
    verified=VERIFIED,
    bad=Example(
        {".mcp.json": '{"mcpServers": {"a": {"command": "x"},\n "a": {"command": "y"}}}\n'}, (".mcp.json", 2, 2)
    ),
    good=Example({".mcp.json": '{"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}\n'}),
)
def json_duplicate_key(file: File) -> Iterator[Finding]:
    """The first key that is there twice in one object."""
    try:
        json.loads(file.text, object_pairs_hook=_duplicates)
    except _TwiceError as error:
        quoted = json.dumps(str(error), ensure_ascii=False)
        at = file.text.rfind(quoted)
        start = max(at, 0)
        yield Finding((start, start + len(quoted) if at >= 0 else 1), f"the key {quoted} is there twice")
    except (ValueError, RecursionError):
        return
