"""The packet with which a session goes to another agent, process or host, as JSON that anybody can read.

A packet is what somebody says, not an authority: `take_up` binds the receiver to its own binding narrowed by the
packet's, and the texts in it are data. Its digest shows damage and careless edits; it is no signature.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from lev_os.core import LevError, canonical
from lev_os.memory import Scope

from .binding import Binding

FORMAT: Final = 1
_LONGEST = 4 * 1024 * 1024


class FileRef(msgspec.Struct, frozen=True, kw_only=True):
    """A file that matters, by its path relative to the project (POSIX) and the digest of its bytes."""

    path: str
    digest: str


class MemoryRef(msgspec.Struct, frozen=True, kw_only=True):
    """Records that matter, by id, in a scope of the receiver's own memory; the packet carries none of them."""

    scope: Scope
    ids: tuple[str, ...]


class HandOff(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next one needs: what was decided, what is open, which files and memories, and what it is bound to."""

    binding: Binding
    to: str
    why: str
    decided: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    files: tuple[FileRef, ...] = ()
    memory: tuple[MemoryRef, ...] = ()
    summary: str = ""

    def to_json(self) -> str:
        """One JSON object with its format and digest."""
        body = msgspec.to_builtins(self)
        return msgspec.json.format(
            canonical.encode({"handoff": FORMAT, "digest": canonical.digest(body), **body})
        ).decode()

    @classmethod
    def parse(cls, text: str | bytes) -> HandOff:
        """Read a packet; raises `LevError` for one that is damaged, too large, or of a newer format."""
        if len(text) > _LONGEST:
            raise LevError(
                "the hand-off packet has more than 4 MB", help="name files and memories instead of quoting them"
            )
        try:
            data = canonical.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise LevError(f"this is no hand-off packet: {error}") from None
        if not isinstance(data, dict) or "handoff" not in data:
            raise LevError("this is no hand-off packet: it has no `handoff` key")
        if data.pop("handoff") != FORMAT:
            raise LevError("the hand-off packet has a format that this version does not know", help="upgrade lev-os")
        digest = data.pop("digest", None)
        try:
            packet = msgspec.convert(data, cls)
        except (msgspec.ValidationError, LevError) as error:
            raise LevError(f"the hand-off packet cannot be used: {error}") from None
        if digest != canonical.digest(msgspec.to_builtins(packet)):
            raise LevError("the hand-off packet was changed or damaged on its way", help="ask for it again")
        return packet

    def differing(self, root: Path) -> dict[str, str]:
        """The files that are not here as the sender had them: `missing`, `changed`, or `outside` of `root`.

        What cannot be read, or is no path on this system, is missing.
        """
        states = {file.path: _state(file, root) for file in self.files}
        return {path: state for path, state in states.items() if state is not None}


def _state(file: FileRef, root: Path) -> str | None:
    path = root / file.path
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return "outside"
        if not path.is_file():
            return "missing"
        return None if canonical.digest_bytes(path.read_bytes()) == file.digest else "changed"
    except (OSError, ValueError, RuntimeError):  # no permission, too long, a zero byte, links in a circle
        return "missing"
