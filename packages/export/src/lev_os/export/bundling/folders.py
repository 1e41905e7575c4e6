"""The texts of a folder: Markdown and plain text, without a manifest and without importing anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote

from lev_os.core.canonical import digest_bytes
from lev_os.core.contexts.frontmatter import DEFAULT_PRIORITY, Frontmatter, read_frontmatter
from lev_os.core.contexts.source import MAX_BYTES, read
from lev_os.core.errors import InvalidInput, LevError

from .model import Text

SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt")
"""The files of a folder that are read; a file that is named itself may be any text."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r") + b"\x7f"
_MOST = 50_000


def read_folder(path: Path) -> Iterator[Text]:
    """Every text below a folder, or the one file, sorted by name; hidden folders and files are left out.

    A specifier is the path as it was given, with the file's own below it; of an absolute path, its last part. Raises
    `LevError` for more than 50,000 files; a file that cannot be read has a `fault`.
    """
    name = path.name if path.is_absolute() else normpath(path.as_posix())
    if path.is_file():
        yield _text(str(path), name, {name: None})
        return
    prefix = "" if name == "." else f"{name}/"
    found = sorted(_below(str(path), prefix, 0))
    if len(found) > _MOST:
        raise LevError(f"{path} holds more than {_MOST:,} texts", help="name the folders in it that matter")
    names = dict.fromkeys(specifier for specifier, _ in found)
    for specifier, file in found:
        yield _text(file, specifier, names)


def texts_below(path: str) -> Iterator[str]:
    """The folders and files that `read_folder` rests on."""
    if os.path.isfile(path):
        yield path
        return
    yield path
    for _, file in _below(path, "", 0):
        yield file
    for folder, folders, _ in os.walk(path):
        folders[:] = [name for name in folders if not (name.startswith(".") or name in _SKIPPED)]
        yield from (os.path.join(folder, name) for name in folders)


def _below(folder: str, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        raise LevError(f"{folder} cannot be read: {error.strerror}") from None
    for entry in listed:
        name = entry.name
        if name.startswith(".") or name in _SKIPPED:
            continue
        if name.endswith(SUFFIXES):
            if entry.is_file():
                yield prefix + name, entry.path
        elif depth < 100 and entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, f"{prefix}{name}/", depth + 1)


def _text(file: str, specifier: str, names: dict[str, str | None]) -> Text:
    try:
        with open(file, "rb", buffering=0) as stream:
            data = stream.read(MAX_BYTES + 1)
        text = _characters(data, specifier)
    except InvalidInput as error:
        return Text(specifier, "", digest_bytes(b""), fault=error.problems[0].message)
    except OSError as error:
        return Text(specifier, "", digest_bytes(b""), fault=f"it cannot be read: {error.strerror}")
    head = _head(text)
    body = text if head is None else head.body
    if head is None:
        return Text(specifier, body, digest_bytes(body.encode()), links=_resolver(specifier, names))
    return Text(
        specifier,
        body,
        digest_bytes(body.encode()),
        int(head.metadata.get("lev-priority", DEFAULT_PRIORITY)),
        tuple(_beside(specifier, ref) for ref in head.words("lev-requires")),
        tuple(_beside(specifier, ref) for ref in head.words("lev-conflicts")),
        " ".join(str(head.data[key]) for key in ("name", "title", "description") if head.data.get(key)),
        links=_resolver(specifier, names),
    )


def _characters(data: bytes, specifier: str) -> str:
    """As `read`, which looks at every character; nearly every file is plain ASCII, and that is seen at once."""
    if data.isascii() and len(data) <= MAX_BYTES and len(data.translate(None, _CONTROL)) == len(data):
        text = data.decode("ascii")
        return text.replace("\r\n", "\n") if "\r" in text else text
    return read(data, path=specifier)


def _head(text: str) -> Frontmatter | None:
    if not text.startswith("---"):
        return None
    try:
        return read_frontmatter(text)
    except InvalidInput:  # a head that belongs to another tool, or none at all
        return None


def _beside(specifier: str, ref: str) -> str:
    """A file that a head names: relative to its own folder, as its links are."""
    return normpath(f"{specifier.rpartition('/')[0] or '.'}/{ref}") if ref.startswith(".") else ref


def _resolver(specifier: str, names: dict[str, str | None]) -> Callable[[str], str | None]:
    folder = specifier.rpartition("/")[0]

    def resolve(target: str) -> str | None:
        name, mark, anchor = target.partition("#")
        found = normpath(f"{folder}/{unquote(name)}" if folder else unquote(name))
        return f"{found}{mark}{anchor}" if name and found in names else None

    return resolve
