"""Files that are the same, byte for byte, on every machine: JSON and archives."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["archive", "pretty", "without_empty"]


def pretty(value: Any) -> bytes:
    """Indented JSON in the order in which it is given."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def without_empty(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that have nothing to say."""
    return {key: item for key, item in value.items() if item not in (None, "", (), [], {})}


def archive(files: Mapping[str, bytes], executable: Collection[str] = ()) -> bytes:
    """A zip of files sorted by name, without times, and stored as they are: what compressors write differs."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            made.writestr(entry, files[name])
    return stream.getvalue()
