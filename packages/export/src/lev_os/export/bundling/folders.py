"""The texts of a folder: Markdown and plain text, without a manifest and without importing anything."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lev_os.core.canonical import digest_bytes
from lev_os.core.contexts.source import MAX_BYTES, read
from lev_os.core.errors import InvalidInput, LevError

from .model import Text
from .walking import printable, texts_below

if TYPE_CHECKING:
    from lev_os.core.contexts.frontmatter import Frontmatter

_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r") + b"\x7f"
_MOST = 50_000
_USUAL = 32 * 1024
"""Bytes in which nearly every file fits: a buffer for the largest would be mapped and cut for each."""


def read_folder(path: Path) -> Iterator[Text]:
    """Every text below a folder, or the one file, sorted by name; what is hidden or ignored by git is left out.

    A specifier is the path as it was given, with the file's own below it; of an absolute path, its last part. Raises
    `LevError` for more than 50,000 files; a file that cannot be read has a `fault`.
    """
    name = path.name if path.is_absolute() else normpath(path.as_posix())
    if path.is_file():
        yield read_file(str(path), name, resolver(name, (name,)))
        return
    prefix = "" if name == "." else f"{name}/"
    strange: list[tuple[str, str]] = []
    found = sorted((prefix + name, file) for name, file in texts_below(str(path), strange))
    if len(found) > _MOST:
        raise LevError(f"{path} holds more than {_MOST:,} texts", help="name the folders in it that matter")
    names = frozenset(specifier for specifier, _ in found)
    for specifier, file in found:
        if (shown := printable(specifier)) != specifier:
            yield Text(shown, "", digest_bytes(b""), fault="its name is not UTF-8")
            continue
        yield read_file(file, specifier, resolver(specifier, names))
    for name, file in sorted(strange):
        fault = "it is a link that leads nowhere" if not os.path.exists(file) else "it is no regular file"
        yield Text(printable(prefix + name), "", digest_bytes(b""), fault=fault)


def read_file(file: str, specifier: str, links: Callable[[str], str | None]) -> Text:
    """One file as a text, without its head; one that cannot be read has a `fault`."""
    try:
        with open(file, "rb", buffering=0) as stream:
            data = stream.read(_USUAL)
            if len(data) == _USUAL:
                data += stream.read(MAX_BYTES + 1 - _USUAL)
        text = _characters(data, specifier)
    except InvalidInput as error:
        return Text(specifier, "", digest_bytes(b""), fault=error.problems[0].message)
    except OSError as error:
        return Text(specifier, "", digest_bytes(b""), fault=f"it cannot be read: {error.strerror}")
    head = _head(text)
    body = text if head is None else head.body
    if head is None:
        as_read = b"\r" not in data and not data.startswith(BOM_UTF8)
        return Text(specifier, body, digest_bytes(data if as_read else body.encode()), links=links)
    return Text(
        specifier,
        body,
        digest_bytes(body.encode()),
        int(head.metadata.get("lev-priority", Text.priority)),
        tuple(_beside(specifier, ref) for ref in head.words("lev-requires")),
        tuple(_beside(specifier, ref) for ref in head.words("lev-conflicts")),
        " ".join(str(head.data[key]) for key in ("name", "title", "description") if head.data.get(key)),
        links=links,
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
    from lev_os.core.contexts.frontmatter import read_frontmatter  # most folders have no heads

    try:
        return read_frontmatter(text)
    except InvalidInput:  # a head that belongs to another tool, or none at all
        return None


def _beside(specifier: str, ref: str) -> str:
    """A file that a head names: relative to its own folder, as its links are."""
    return normpath(f"{specifier.rpartition('/')[0] or '.'}/{ref}") if ref.startswith(".") else ref


def resolver(specifier: str, names: Collection[str]) -> Callable[[str], str | None]:
    """What a link in `specifier` is in a bundle: the name of the file it leads to, if that is among `names`."""
    folder = specifier.rpartition("/")[0]

    def resolve(target: str) -> str | None:
        name, mark, anchor = target.partition("#")
        found = normpath(f"{folder}/{unquote(name)}" if folder else unquote(name))
        return f"{found}{mark}{anchor}" if name and found in names else None

    return resolve
