"""What comes back from the outside, made fit for a run: JSON, free of secrets, and not too large.

Python values become JSON by msgspec's rules (dataclasses, attrs, structs, enums, dates, sets; bytes as base64) and
Pydantic's for its models. NaN and infinities are refused. What a declared secret holds is replaced by
`[secret:NAME]` before anything else sees it, so that live and replayed values are equal.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .. import canonical
from ..errors import LevError
from ..writing import make_folder, sync_folder

MAX_INLINE_BYTES = 1 << 20
"""A larger result becomes a reference to a file: `{"$file": path, "bytes": n, "digest": …}`."""


class NotJson(LevError):
    """A value that has no JSON form."""


class Oversized(LevError):
    """A result too large for the journal, with no place to keep it."""


class Secrets:
    """The values that must not be seen: those given, and those that tools declare, from the environment."""

    def __init__(self, given: Mapping[str, str] | None = None, declared: Iterable[str] = ()) -> None:
        values = {name: os.environ[name] for name in declared if name in os.environ} if declared else {}
        values.update(given or {})
        self._values = values
        # The longest first, or a secret that holds another would be left in pieces.
        self._known = sorted(((v, f"[secret:{n}]") for n, v in values.items() if v), key=lambda p: -len(p[0]))
        self._needles = [canonical.encode(value)[1:-1] for value, _ in self._known]

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def in_text(self, text: str) -> str:
        """`text` with every known secret replaced."""
        for value, mark in self._known:
            text = text.replace(value, mark)
        return text

    def found(self, data: bytes) -> bool:
        return any(needle in data for needle in self._needles)

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {self.in_text(key): self._replaced(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._replaced(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = str(value)
            hidden = self.in_text(text)
            return value if hidden == text else hidden
        return value


def encode(value: Any) -> bytes:
    """The JSON bytes of any value that has some; raises `NotJson`."""
    try:
        data = _encoder.encode(value)
        if b"null" in data and not canonical.is_json(
            msgspec.to_builtins(value, str_keys=True, enc_hook=_more_types), data
        ):
            raise NotJson("the value holds NaN or an infinity, which JSON does not have")
    except NotJson:
        raise
    except RecursionError:
        raise NotJson("the value refers to itself, or is nested too deeply") from None
    except Exception as error:  # msgspec, Pydantic and the value's own methods each have their errors
        raise NotJson(f"the value has no JSON form: {error}") from None
    return data


def plain(value: Any, secrets: Secrets) -> Any:
    """A copy of `value` in JSON's own types, with secrets replaced; raises `NotJson`."""
    data = encode(value)
    result = canonical.decode(data)
    return secrets._replaced(result) if secrets.found(data) else result


def bound(data: bytes, secrets: Secrets, folder: Path | None) -> Any:
    """The value to hand to the machine for a tool's JSON `data`: itself, or a reference to a file in `folder`.

    Raises `Oversized` when there is no folder, or no room in it.
    """
    value: Any = None
    if secrets.found(data):
        value = secrets._replaced(canonical.decode(data))
        data = canonical.encode(value)
        if len(data) <= MAX_INLINE_BYTES:
            return value
    elif len(data) <= MAX_INLINE_BYTES:
        return canonical.decode(data)
    if folder is None:
        raise Oversized(
            f"the result has {len(data)} bytes, more than {MAX_INLINE_BYTES}",
            help="give the run a journal, so that it can be kept in a file, or return less",
        )
    digest = canonical.digest_bytes(data)
    path = folder.absolute() / f"{digest.removeprefix('sha256:')[:32]}.json"
    try:
        _write_once(path, data)
    except OSError as error:
        raise Oversized(f"the result of {len(data)} bytes could not be kept: {error.strerror}") from error
    return {"$file": str(path), "bytes": len(data), "digest": digest}


def _write_once(path: Path, data: bytes) -> None:
    if path.exists():
        return
    make_folder(path.parent, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    sync_folder(path.parent)


def _more_types(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} is not a type of JSON; return a dict, a dataclass or a model")


_encoder = msgspec.json.Encoder(enc_hook=_more_types)
