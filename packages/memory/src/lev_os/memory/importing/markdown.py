"""Notes: a folder of Markdown files, as Obsidian and others keep them, or as `files:///folder` does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import Any

from lev_os.core.documents import read_yaml
from lev_os.core.errors import InvalidInput, LevError

from ..backends.files.document import read_document
from ..types import MEMORY_TYPES
from .taking import Taking, time_of

_SINCE = ("valid_from", "created", "date")


def read(place: str, taking: Taking) -> None:
    """See `read_from`."""
    root = Path(place).expanduser()
    if not root.is_dir():
        raise LevError(f"there is no folder {root}", help="name the folder that holds the notes")
    for path in sorted(root.rglob("*.md")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or path.is_symlink() or not path.is_file():
            taking.leave("hidden files and links")
            continue
        _note(path, str(path.relative_to(root)), taking)
    others = sum(path.is_file() and path.suffix != ".md" for path in root.rglob("*"))
    taking.leave("files that are not Markdown", others)


def _note(path: Path, name: str, taking: Taking) -> None:
    try:
        raw = path.read_bytes()
        for change in read_document(raw, name):  # one of our own, with its history
            taking.add(change)
        return
    except InvalidInput:
        pass
    except OSError:
        taking.leave("files that cannot be read")
        return
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        taking.leave("files that are not UTF-8")
        return
    head, body = _parts(text)
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    kind = head.get("type")
    held: dict[str, Any] = {"path": name} | ({"frontmatter": _plain(head)} if head else {})
    taking.put(
        f"markdown:{name}:{sha256(raw).hexdigest()[:16]}",
        at,
        {},
        type=kind if kind in MEMORY_TYPES else "semantic",
        text=body,
        data={"markdown": held},
        subject=head["subject"] if isinstance(head.get("subject"), str) else None,
        predicate=head["predicate"] if isinstance(head.get("predicate"), str) else None,
        valid_from=next((found for key in _SINCE if (found := _when(head.get(key)))), at),
    )


def _parts(text: str) -> tuple[Mapping[str, Any], str]:
    """The frontmatter and the rest; a note whose frontmatter is no YAML is text as a whole."""
    if not text.startswith("---\n"):
        return {}, text
    head, closing, body = text[4:].partition("\n---\n")
    if not closing:
        return {}, text
    try:
        found = read_yaml(head).data
    except InvalidInput:
        return {}, text
    return (found, body) if isinstance(found, dict) else ({}, text)


def _when(value: Any) -> datetime | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return time_of(value) if isinstance(value, str | datetime) else None


def _plain(value: Any) -> Any:
    """YAML as JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
