"""Reading one file, whatever it is: its bytes as they were at one moment, or the reason why not."""

from __future__ import annotations

import os
import stat

MAX_BYTES = 8 * 1024 * 1024
"""Larger files are reported as not checked."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_TRIES = 3


class Unreadable(Exception):
    """A file that cannot be checked; the message is the reason, for people."""


def read_bytes(path: str) -> tuple[bytes, os.stat_result]:
    """The bytes of a regular file and what the system says of it. Raises `Unreadable`."""
    try:
        for _ in range(_TRIES):
            found = _read(path)
            if found is not None:
                return found
    except OSError as error:
        raise Unreadable(_reason(error)) from None
    except ValueError as error:  # a NUL in the name
        raise Unreadable(str(error)) from None
    raise Unreadable("it changed while it was read, several times")


def decode(data: bytes) -> str:
    """The text of a file's bytes. Raises `Unreadable`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8") from None


def state_of(status: os.stat_result) -> int:
    """A number that changes with the file or folder; the same in every process.

    The time of its last change of any kind is part of it: tools that copy and unpack set the other back.
    """
    return hash((status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))


def _read(path: str) -> tuple[bytes, os.stat_result] | None:
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise Unreadable("it is a folder" if stat.S_ISDIR(before.st_mode) else "it is no regular file")
        size = before.st_size
        if size > MAX_BYTES:
            raise Unreadable(f"it has {size:,} bytes; at most {MAX_BYTES:,} are read")
        data = os.read(descriptor, size + 1)
        while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
            data += more
        unchanged = len(data) == size and state_of(os.fstat(descriptor)) == state_of(before)
        return (data, before) if unchanged else None
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return (error.strerror or type(error).__name__).lower()
