"""`lev-export.lock`: what `lev export` made in a folder, so that it changes and removes nothing else.

The file is JSON and is committed with what it names. Without it, a file that is byte for byte what is wanted is
kept up to date and never removed, and any other is somebody's.
"""

from __future__ import annotations

import msgspec
from lev_os.core.errors import LevError

__all__ = ["NAME", "Made", "Record", "read_record", "record_bytes"]

NAME = "lev-export.lock"
FORMAT = 1


class Made(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file or block. `digest` is that of the file's bytes, or of the text between the markers.

    Of a block, `glue` stands between it and the text before it, and `whole` says that the file was made for it.
    `found` says of a file that it was there before, byte for byte as wanted: it may be somebody's, so it is never
    removed.
    """

    digest: str
    targets: tuple[str, ...]
    glue: str = ""
    whole: bool = False
    found: bool = False


class Record(msgspec.Struct, frozen=True):
    """Files and blocks by their path below the folder."""

    format: int = FORMAT
    files: dict[str, Made] = {}
    blocks: dict[str, Made] = {}


def read_record(data: bytes | None, path: str) -> Record:
    """An empty record for no file; raises `LevError` for one that is damaged or newer."""
    if data is None:
        return Record()
    try:
        record = msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LevError(
            f"{path} cannot be read: {error}",
            help="take it from version control; without it, `lev export` only knows what is as it would be written",
        ) from None
    if record.format > FORMAT:
        raise LevError(f"{path} has format {record.format}; this version reads up to {FORMAT}", help="upgrade lev-os")
    return record


def record_bytes(record: Record) -> bytes:
    """One entry a line, so that two branches can be merged."""
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1) + b"\n"
