"""Where to listen and with which token: what can be told before anything is served."""

from __future__ import annotations

import ipaddress
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import LevError

SHORTEST_TOKEN = 16
"""Characters that a token has at least."""
_LARGEST_TOKEN_FILE = 4096


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. `token` None: one is made up, which only loopback may have. `allowed_hosts` are further names,
    with or without a port, under which clients reach the server."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()


def read_token(path: Path) -> str:
    """The token that a file holds; raises `LevError` for one that others may read, or that is too short."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LARGEST_TOKEN_FILE + 1)
    except OSError as error:
        raise LevError(f"{path}: the token cannot be read: {error.strerror}") from None
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        raise LevError(f"{path}: others than its owner may read or write this token", help=f"chmod 600 {path}")
    return checked_token(text.decode("ascii", "replace").strip(), str(path))


def checked_token(token: str, place: str) -> str:
    """The token, if it can stand in a header and is long enough to be one."""
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise LevError(
            f"{place}: a token is {SHORTEST_TOKEN} or more printable ASCII characters without spaces",
            help="python -c 'import secrets; print(secrets.token_urlsafe())' makes one",
        )
    return token


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
