"""Fitted classifiers on disk, in the user's cache folder: numbers with a checksum, no code.

A file is a line of magic, the hex SHA-256 of all that follows the second line, a line of JSON with the scalars and
the shapes, and the arrays' bytes, little-endian. What cannot be read is as good as absent.
"""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any

from .. import canonical
from ..caches import cache_folder, replace_cache
from .fitting import Fit

_MAGIC = b"lev-fit 1"
_ARRAYS = {
    "examples": "<f4",
    "classes": "<i8",
    "mean": "<f4",
    "coefficients": "<f4",
    "held_out": "<f4",
    "fellows": "<f4",
}
_SCALARS = ("sharpness", "novelty")
_KEPT = 200


def load(key: str) -> Fit | None:
    """The fit that was saved under the digest `key`, or None."""
    file = _file(key)
    try:
        return None if file is None else _decode(file.read_bytes())
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(key: str, fit: Fit) -> None:
    """Keep a fit for later processes; the oldest go when there are too many, and with them what killed ones left."""
    file = _file(key)
    if file is None:
        return
    replace_cache(str(file), _encode(fit))
    try:
        files = sorted(file.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for old in files[:-_KEPT]:
            old.unlink()
    except OSError:
        return


def _file(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else Path(os.path.join(folder, "fits", f"{key.removeprefix('sha256:')}.fit"))


def _encode(fit: Fit) -> bytes:
    import numpy as np

    arrays = {name: np.ascontiguousarray(getattr(fit, name), dtype=kind) for name, kind in _ARRAYS.items()}
    head = {name: float(getattr(fit, name)) for name in _SCALARS}
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    body = canonical.encode({**head, "shapes": shapes}) + b"\n" + b"".join(a.tobytes() for a in arrays.values())
    return b"\n".join((_MAGIC, hashlib.sha256(body).hexdigest().encode(), body))


def _decode(data: bytes) -> Fit:
    import numpy as np

    magic, checksum, body = data.split(b"\n", 2)
    if magic != _MAGIC or hashlib.sha256(body).hexdigest().encode() != checksum:
        raise ValueError("not a fit")
    head, _, numbers = body.partition(b"\n")
    values = canonical.decode(head)
    found: dict[str, Any] = {name: values[name] for name in _SCALARS}
    at = 0
    for name, kind in _ARRAYS.items():
        shape = values["shapes"][name]
        count = math.prod(shape)
        found[name] = np.frombuffer(numbers, dtype=kind, count=count, offset=at).reshape(shape)
        at += count * np.dtype(kind).itemsize
    return Fit(**found)
