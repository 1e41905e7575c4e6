"""`[bundle.FORMAT]` of `lev.lock`: what a model will see, part by part, and whether it still would.

Which parts there are is read from the lock and not chosen again: neither another embedder nor a better ranking
changes a bundle that is locked.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import LevError
from lev_os.core.packaging.lock import read_lock, replace_table

from .bundler import finished, sizes_of
from .model import Bundle, Format
from .selecting import Selection
from .sources import Collection, Source

if TYPE_CHECKING:
    from lev_os.core.packaging import Package

_MOST = 1 << 40


class LockedPart(msgspec.Struct, frozen=True):
    """A part as it was: `sections` are its passages, all of them when there are none here."""

    specifier: str
    digest: str
    tokens: int
    sections: tuple[int, ...] = ()


class Locked(msgspec.Struct, frozen=True):
    """A bundle as it was made: from what, for what, the digest of its text, and its parts."""

    budget: int
    tokens: int
    digest: str
    parts: tuple[LockedPart, ...]
    sources: tuple[str, ...] = ()
    task: str | None = None
    form: Format = "md"


def write_bundle(path: Path, made: Bundle, sources: Sequence[str], task: str | None) -> None:
    """Put a bundle into the lock, in place of the last one of its format. Raises `LevError`, `OSError`."""
    lines = [
        f"sources = {_toml(list(sources))}",
        f"budget = {made.budget}",
        *([] if task is None else [f"task = {_toml(task)}"]),
        f"tokens = {made.tokens}",
        f"digest = {_toml(digest_bytes(made.text.encode()))}",
        "parts = [",
    ]
    for part in made.parts:
        if part.state != "out":
            sections = f", sections = {_toml(list(part.sections))}" if part.state == "cut" else ""
            facts = f"digest = {_toml(part.digest)}, tokens = {part.tokens}"
            lines.append(f"  {{ specifier = {_toml(part.specifier)}, {facts}{sections} }},")
    note = "what a model will see; `lev bundle --lock` writes it"
    replace_table(path, f"bundle.{made.format}", "\n".join([*lines, "]\n"]), note)


def _toml(value: object) -> str:
    """Text and lists as TOML has them: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_bundle(path: Path, form: Format) -> Locked:
    """The bundle of a format that is locked; raises `LevError` when there is none, or the file cannot be used."""
    tables = read_lock(path).get("bundle", {})
    table = tables.get(form) if isinstance(tables, dict) else None
    if table is None:
        raise LevError(f"{path} holds no bundle as {form}", help="write one with `lev bundle … --lock`")
    try:
        return msgspec.convert({**table, "form": form}, Locked)
    except (msgspec.ValidationError, TypeError) as error:
        raise LevError(f"{path}: [bundle.{form}]: {error}", help="write it anew with `lev bundle … --lock`") from None


def frozen(
    locked: Locked, sources: Sequence[Source], installed: Sequence[Package] | None = None
) -> tuple[Bundle, list[str]]:
    """The locked bundle made again from what is there now, and what has changed since."""
    found = Collection(sources, installed)
    selection = Selection(found.texts, found.absent, _MOST, locked.form)
    changes: list[str] = []
    for part in locked.parts:
        text = found.texts.get(part.specifier)
        if text is None or text.fault is not None:
            changes.append(f"{part.specifier} is gone" + (f": {text.fault}" if text is not None else ""))
            continue
        if text.digest != part.digest:
            changes.append(f"{part.specifier} has another text: {part.digest[:19]}… is now {text.digest[:19]}…")
        count = len(text.passages)
        selection.take(part.specifier, [k for k in part.sections or range(count) if k < count], "locked")
    for name in found.candidates:
        text = found.texts[name]
        known = name in selection.chosen or any(text.digest == part.digest for part in locked.parts)
        if text.up_front and text.text.strip() and not known:
            changes.append(f"{name} must be in the bundle now (llm-first)")
    texts = [*found.texts.values()]
    made = finished(selection, _MOST, locked.form, texts, sizes_of(texts))
    if not changes and digest_bytes(made.text.encode()) != locked.digest:
        changes.append("the parts are the same and the text is another: it was made by another version")
    if made.tokens > locked.budget:
        changes.append(f"it has {made.tokens:,} tokens now, and the budget is {locked.budget:,}")
    return Bundle(made.text, locked.budget, made.tokens, made.parts, locked.form), changes
