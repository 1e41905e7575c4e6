"""Which files git says have changed."""

from __future__ import annotations

import os
import subprocess

from lev_os.core.errors import LevError


def changed_files(root: str, reference: str) -> frozenset[str]:
    """The absolute paths of what differs from a commit in the working tree of `root`, new files included.

    Before the first commit every file differs from `HEAD`.

    Raises `LevError` when there is no git, no repository or no such commit.
    """
    if reference.startswith("-"):
        raise LevError(f"{reference!r} is not a commit")
    top = _git(root, "rev-parse", "--show-toplevel").removesuffix("\n")
    if reference == "HEAD" and not _has_commit(root):
        differing = _git(top, "ls-files", "-z")  # before the first commit, everything is new
    else:
        differing = _git(root, "diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", reference, "--")
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset(os.path.join(top, *name.split("/")) for name in (differing + new).split("\0") if name)


def _has_commit(folder: str) -> bool:
    return bool(_git(folder, "rev-list", "--max-count=1", "--all"))


def _git(folder: str, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, timeout=60, check=False)
    except FileNotFoundError:
        raise LevError("git is not installed, and --changed asks it what has changed") from None
    except subprocess.TimeoutExpired:
        raise LevError(f"git {arguments[0]} took more than a minute") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        help = "`--changed=main` compares with another commit; paths stand before it"
        raise LevError(f"git cannot say what has changed: {said}", help=help)
    return os.fsdecode(done.stdout)
