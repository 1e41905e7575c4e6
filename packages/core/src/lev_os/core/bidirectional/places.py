"""Where runs live on disk: `.lev/runs/<run>.jsonl` under the project's root, and the key of their tokens."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from ..errors import LevError

_SECRET_BYTES = 32


def project_root(start: Path | None = None) -> Path:
    """The nearest folder above `start` (the current one) with a `pyproject.toml` or `.git`; else `start` itself."""
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() or (folder / ".git").exists():
            return folder
    return here


def runs_folder(root: Path | None = None) -> Path:
    """The folder of the journals of a project; it need not exist yet."""
    return (root or project_root()) / ".lev" / "runs"


def journal_path(run: str, root: Path | None = None) -> Path:
    """The journal of one run; raises `LevError` for a name that is not one of ours."""
    if not run or run.startswith(".") or not all(c.isalnum() or c in "-_." for c in run):
        raise LevError(f"{run!r} is not the name of a run", help="`lev runs list` shows the runs there are")
    return runs_folder(root) / f"{run}.jsonl"


def files_folder(journal: Path) -> Path:
    """Where the large results of a run are kept, beside its journal."""
    return journal.with_suffix(".files")


def new_run() -> str:
    """A name for a run: names sort by the time they were made."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(6)


def token_secret(root: Path | None = None) -> bytes:
    """The key that signs the project's tokens, 32 bytes, made on first use with mode 0600.

    Raises `LevError` when the file is not a key, or is readable by others.
    """
    path = (root or project_root()) / ".lev" / "secret"
    try:
        return _read_secret(path)
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made, path)  # the first process wins, and nobody sees half a key
    finally:
        os.unlink(made)
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        data = file.read(_SECRET_BYTES + 1)
    if mode & 0o077:
        raise LevError(f"{path} can be read by others", help=f"chmod 600 {path}, or delete it: tokens out now end")
    if len(data) != _SECRET_BYTES:
        raise LevError(f"{path} is not a key", help="delete it; a new one is made, and tokens out now end")
    return data
