"""A record with its history as a Markdown file: frontmatter, then the text as it is.

    ---
    id: "019a…"
    scope: {"tenant": "acme", "user": "ada"}
    type: "semantic"
    log:
      - {"op": "put", "at": "2026-05-07T12:00:00Z"}
    ---
    Ada takes her tea without milk.

Values are JSON, which is YAML too; hand-written YAML is read as well. Of an erased record, `id`, `scope` and `log`
remain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from lev_os.core.documents import read_yaml
from lev_os.core.errors import InvalidInput, Location, Problem

from ...errors import Conflict
from ...lifecycle import as_put, changed, changes_it, fold, lacking
from ...types import Change, Record, Scope

_CLOSE = re.compile(r"^---[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ENTRY = ("op", "at", "by", "valid_to", "reason")


def write_document(changes: Sequence[Change]) -> bytes:
    """The file of a record's log: its `put` and what followed, or its `erase` alone."""
    first = changes[0]
    head: dict[str, Any] = {"id": first.id, "scope": msgspec.to_builtins(first.scope)}
    text = ""
    if first.record is not None:
        fields = msgspec.to_builtins(as_put(first.record))
        text = fields.pop("text")
        head = {"id": first.id, "type": first.record.type} | head | fields
    lines = ["---", *(f"{name}: {_json(value)}" for name, value in head.items()), "log:"]
    for change in changes:
        entry = msgspec.to_builtins(change)
        lines.append(f"  - {_json({name: entry[name] for name in _ENTRY if name in entry})}")
    return ("\n".join((*lines, "---", text)) + "\n").encode()


def read_document(data: bytes, path: str) -> list[Change]:
    """The log that a file holds; raises `InvalidInput` with the place of what is wrong."""
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise _bad(path, 1, f"it is not UTF-8: {error.reason} at byte {error.start}") from None
    if not whole.startswith("---\n"):
        raise _bad(path, 1, "it does not begin with frontmatter, a line of three hyphens")
    closing = _CLOSE.search(whole, 4)
    if closing is None:
        raise _bad(path, 1, "its frontmatter is never closed by a line of three hyphens")
    head = _head(whole[4 : closing.start()], path)
    text = whole[closing.end() :]
    return _changes(head, text[:-1] if text.endswith("\n") else text, path)


def _head(text: str, path: str) -> Mapping[str, Any]:
    try:
        return _json_lines(text)
    except (msgspec.MsgspecError, ValueError):
        found = read_yaml("\n" + text, path=path).data
    if not isinstance(found, Mapping):
        raise _bad(path, 2, "its frontmatter is no list of `key: value` lines")
    return found


def _json_lines(text: str) -> dict[str, Any]:
    """The head as `write_document` writes it, to the last digit; raises `ValueError` when somebody else wrote it."""
    head: dict[str, Any] = {}
    entries: list[Any] | None = None
    for line in text.split("\n")[:-1]:
        if line.startswith("  - "):
            if entries is None:
                raise ValueError(line)
            entries.append(msgspec.json.decode(line[4:]))
            continue
        name, separator, value = line.partition(":")
        if not separator or name in head:
            raise ValueError(line)
        if value:
            head[name], entries = msgspec.json.decode(value), None
        else:
            entries = head[name] = []
    return head


def _changes(head: Mapping[str, Any], text: str, path: str) -> list[Change]:
    fields = dict(head)
    try:
        id, scope, log = fields.pop("id"), msgspec.convert(fields.pop("scope"), Scope), fields.pop("log")
        entries = [msgspec.convert({**entry, "id": id, "scope": scope}, Change) for entry in log]
        if not entries or entries[0].op not in ("put", "erase"):
            raise ValueError("`log` begins with neither `put` nor `erase`")
        if entries[0].op == "put":
            record = msgspec.convert({**fields, "text": text}, Record)
            entries[0] = msgspec.structs.replace(entries[0], record=record)
        log = [msgspec.structs.replace(change, expects=version) for version, change in enumerate(entries)]
        _follow(log)
    except KeyError as missing:
        raise _bad(path, 2, f"its frontmatter lacks `{missing.args[0]}`") from None
    except (msgspec.MsgspecError, InvalidInput, TypeError, ValueError) as error:
        raise _bad(path, 2, str(error)) from None
    except Conflict as error:
        raise _bad(path, 2, f"its `log` does not hold together: {error.message}") from None
    return log


def _follow(log: Sequence[Change]) -> None:
    """Go through a log as a store will; raises what one would raise, which would refuse the whole folder."""
    for change in log:
        if (name := lacking(change)) is not None:
            raise ValueError(f"an entry of `log` lacks `{name}`")
    record = fold(log[:1])
    for before, change in pairwise(log):
        if change.op == "put" or before.op == "erase":
            raise ValueError("`put` is the first entry of a `log`, and `erase` the last")
        if change.at < before.at:
            raise ValueError("`log` goes back in time")
        if change.by == change.id:
            raise ValueError("a record cannot be superseded by itself")
        if change.op != "erase" and record is not None and changes_it(record, change):
            record = changed(record, change, as_put(record))


def _json(value: Any) -> str:
    text = msgspec.json.encode(value, order="deterministic").decode()
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _bad(path: str, line: int, why: str) -> InvalidInput:
    help = "mend it or restore it from a copy; the other files are read all the same"
    return InvalidInput([Problem("MEM301", f"this file holds no record: {why}", Location(path, line, 1), help=help)])
