"""Names and files of a package: what a path may look like, and reading that never leaves the package."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from ..errors import InvalidInput, LevError, Location, Problem

MAX_FILE = 8 * 1024 * 1024
"""Bytes of the largest file of a package that is read as text."""

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\Z)", re.IGNORECASE)
_PLAIN = re.compile(r"\.(?:/(?!(?:con|prn|aux|nul|com|lpt|node)[^/]*)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)+", re.ASCII)
_FORBIDDEN = {
    "\\": "a backslash",
    "%": "a percent sign (paths are not URL-encoded)",
    ":": "a colon",
    "?": "'?'",
    "#": "'#'",
    '"': "a quote",
    "<": "'<'",
    ">": "'>'",
    "|": "'|'",
}


class OutsidePackage(LevError):
    """A path that would leave its package, or that no file system agrees on."""


def hidden_character(text: str) -> int | None:
    """The index of the first character that a reader cannot see (bidi marks, zero width, tags), or None."""
    if text.isascii():
        return None
    match = _HIDDEN.search(text)
    return match.start() if match else None


def path_fault(path: str) -> str | None:
    """Why a relative path of a package (`./contexts/x.md`; may hold `*`) is refused, or None if it is fine."""
    if _PLAIN.fullmatch(path) and len(path) <= 1024:
        return None  # nearly every path
    if len(path) > 1024:
        return "it is longer than 1,024 characters"
    if not path.startswith("./"):
        return "it must start with './'"
    if match := _CONTROL.search(path):
        return f"it holds the control character U+{ord(match[0]):04X}"
    if (at := hidden_character(path)) is not None:
        return f"it holds the invisible character U+{ord(path[at]):04X}"
    for character, name in _FORBIDDEN.items():
        if character in path:
            return f"it holds {name}"
    for segment in path[2:].split("/"):
        if fault := _segment_fault(segment):
            return fault
    return None


def _segment_fault(segment: str) -> str | None:
    if not segment:
        return "it has an empty segment ('//' or a trailing '/')"
    if segment in {".", ".."}:
        return f"it has the segment {segment!r}"
    if segment.lower() == "node_modules":
        return "it has the segment 'node_modules'"
    if segment[-1] in ". ":
        return f"the segment {segment!r} ends in a dot or a space"
    if _WINDOWS_DEVICE.match(segment):
        return f"{segment!r} is a device name on Windows"
    return None


def locate(root: Path, target: str, *, base: str | None = None) -> Path:
    """The real path of `./x` inside `root`; it need not exist. Raises `OutsidePackage`, for links that lead out too.

    `base` is the real path of `root`, where that is known.
    """
    if fault := path_fault(target):
        raise OutsidePackage(f"{target!r} is not a path inside the package: {fault}")
    try:
        real = _real_path(base or os.path.realpath(root), target)
    except (OSError, ValueError) as error:
        raise OutsidePackage(f"{target!r} cannot be located: {error}") from None
    if real is None:
        raise OutsidePackage(
            f"{target!r} leads out of the package, through a symbolic link",
            help="copy the file into the package: only what is inside it is read",
        )
    return Path(real)


def locate_quickly(base: str, target: str, plain: set[str]) -> str | None:
    """`locate`, for many files below one `base` that is a real path already; None for what is refused.

    `plain` collects the folders that are known to be no links, so that each is looked at once.
    """
    try:
        return None if path_fault(target) else _real_path(base, target, plain)
    except (OSError, ValueError):
        return None


def _real_path(base: str, target: str, plain: set[str] | None = None) -> str | None:
    """The real path of `./x` below the real path `base`, or None if a link leads out of it."""
    path = base
    for segment in target[2:].split("/"):
        path = f"{path}{os.sep}{segment}"
        if plain is not None and path in plain:
            continue
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            break  # what does not exist is no link
        if stat.S_ISLNK(mode):
            real = os.path.realpath(os.path.join(base, target[2:]))
            return real if real.startswith(base.rstrip(os.sep) + os.sep) else None
        if plain is not None and stat.S_ISDIR(mode):
            plain.add(path)
    return os.path.join(base, *target[2:].split("/"))


def read_bytes(path: Path, *, limit: int = MAX_FILE) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; raises `LevError` that names the file."""
    try:
        # A pipe or a device would block or never end: open without waiting, then look.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise LevError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise LevError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise LevError(f"{path} is not a regular file")
        if status.st_size > limit:
            raise LevError(
                f"{path} has {status.st_size:,} bytes; at most {limit:,} are read",
                help="split it, or leave it out of the exports",
            )
        data = file.read(limit + 1)
    if len(data) > limit:
        raise LevError(f"{path} grew beyond {limit:,} bytes while it was read")
    return data


def decode(data: bytes, path: str) -> str:
    """UTF-8 text without NUL; a byte order mark is dropped. Raises `InvalidInput` at the place of the fault."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        raise InvalidInput([_fault(path, before, f"byte 0x{error.object[error.start]:02X} is not UTF-8")]) from None
    nul = text.find("\x00")
    if nul >= 0:
        raise InvalidInput([_fault(path, text[:nul], "a NUL character stands here")])
    return text


def read_text(path: Path, *, limit: int = MAX_FILE) -> str:
    """`read_bytes` and `decode`."""
    return decode(read_bytes(path, limit=limit), str(path))


def _fault(path: str, before: str, message: str) -> Problem:
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Problem("MAN001", message, Location(path, line, column), "save the file as plain UTF-8 text")
