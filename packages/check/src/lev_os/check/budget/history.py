"""A package as it was at a commit: its files, out of git's store, in a folder that goes away again."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lev_os.core.errors import LevError
from lev_os.core.packaging import Package

_MINUTE = 60


@contextmanager
def package_at(package: Package, ref: str) -> Iterator[Package | None]:
    """The package at a git ref; None where it was not there yet. Raises `LevError` for what git cannot give."""
    if ref.startswith("-"):
        raise LevError(f"{ref!r} is not a commit")
    root = package.root.resolve()
    top = Path(_git(root, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    inside = root.relative_to(top.resolve()).as_posix()
    listed = _git(top, "ls-tree", "--name-only", commit, "--", f"{inside}/lev.toml")
    if not listed:
        yield None
        return
    packed = _git(top, "archive", "--format=tar", commit, "--", inside)
    with tempfile.TemporaryDirectory(prefix="lev-budget-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            _unpack(archive, folder)
        old = Package(package.name, Path(folder) / inside, "path")
        if old.error is not None:
            raise LevError(f"{package.name} cannot be read at {ref}: {old.error}", help="take another commit")
        yield old


def _unpack(archive: tarfile.TarFile, folder: str) -> None:
    """Until Python 3.11.4 brought the filter, files and folders alone: a link may lead what follows elsewhere."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    plain = (member for member in archive if member.isreg() or member.isdir())
    archive.extractall(folder, [member for member in plain if not {"/", ".."} & {*PurePosixPath(member.name).parts}])


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, timeout=_MINUTE, check=False)
    except FileNotFoundError:
        raise LevError("git is not installed, and --base asks it what was there") from None
    except subprocess.TimeoutExpired:
        raise LevError(f"git {arguments[0]} took more than a minute") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise LevError(f"git cannot say what was there: {said}", help="--base names a commit, a branch or a tag")
    return done.stdout
