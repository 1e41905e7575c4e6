"""Commits of what changes in a folder of records: `files:///folder?commit=1`.

A commit holds the files of one batch of changes, whatever else is staged, and says how many records were put,
superseded and so on, and which files are theirs; never what is in them. What git will not take is in the files all the
same: it is told as a problem, and goes along with the next commit.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lev_os.core.errors import LevError, Problem

RECORDS = ":(glob)*/*/*.md"
_PATIENCE = 60.0
"""Seconds that git may take."""
_TOLD = 20
"""Files that a message names."""
_BINDING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_NOBODY = ("-c", "user.name=lev memory", "-c", "user.email=lev-memory@localhost")


class History:
    """The repository that a folder lies in, or one of its own. `problems` are those of whoever opened the folder."""

    def __init__(self, root: Path, problems: list[Problem]) -> None:
        self._root = root
        self._problems = problems
        self._identity: Sequence[str] = ()
        self._behind = False

    def open(self) -> None:
        """Find the repository, or make one if there is none or it ignores the folder. Raises `LevError`."""
        self._root.mkdir(parents=True, exist_ok=True)
        try:
            inside = _git(self._root, "rev-parse", "--is-inside-work-tree").stdout.strip() == b"true"
            if not inside or _git(self._root, "check-ignore", "--quiet", ".").returncode == 0:
                made = _git(self._root, "init", "--quiet")
                if made.returncode:
                    raise LevError(f"git can make no repository in {self._root}: {_said(made)}", help=_WITHOUT)
            if _git(self._root, "var", "GIT_COMMITTER_IDENT").returncode:
                self._identity = _NOBODY
        except OSError as error:
            raise LevError(f"`commit=1` needs git, which cannot be run: {error.strerror}", help=_WITHOUT) from None

    def commit(self, changes: Sequence[tuple[str, str]]) -> None:
        """Commit the files of a batch: what was done, and to which file of the folder."""
        if not changes:
            return
        counts = Counter(op for op, _ in changes)
        subject = "Memory: " + ", ".join(f"{op} {count}" for op, count in counts.items())
        lines = [f"{op} {path}" for op, path in changes[:_TOLD]]
        more = [f"and {len(changes) - _TOLD} more"] if len(changes) > _TOLD else []
        self._commit([path for _, path in changes], "\n".join((subject, "", *lines, *more)))

    def catch_up(self) -> None:
        """Commit what changed beside the memory, or was not committed when it should have been."""
        try:
            paths = self._changed()
        except (OSError, subprocess.TimeoutExpired):
            self._behind = True  # the next commit will tell
            return
        if paths:
            self._commit(paths, f"Memory: take in {len(paths)} files that changed beside it")

    def _commit(self, paths: Sequence[str], message: str) -> None:
        self._problems[:] = [problem for problem in self._problems if problem.code != "MEM303"]
        of_these = ("--pathspec-from-file=-", "--pathspec-file-nul")
        quiet = ("--quiet", "--no-verify", "--no-gpg-sign")
        try:
            all_of_them = dict.fromkeys((*paths, *self._changed())) if self._behind else dict.fromkeys(paths)
            given = "\0".join(all_of_them).encode("utf-8", "surrogateescape")
            done = _git(self._root, "--literal-pathspecs", "add", "--all", *of_these, given=given)
            if not done.returncode:
                command = (*self._identity, "--literal-pathspecs", "commit", *quiet, "-m", message, *of_these)
                done = _git(self._root, *command, given=given)
            why = _said(done) if done.returncode and self._changed() else None
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        self._behind = why is not None
        if why is not None:
            what = f"git would not commit what changed in {self._root}: {why}"
            help = "nothing is lost, the files are there; they go along with the next commit that git takes"
            self._problems.append(Problem("MEM303", what, help=help))

    def _changed(self) -> list[str]:
        """The files that are not committed as they are. Raises `OSError` when git does not say."""
        # Paths are told from the repository's root on.
        below = _git(self._root, "rev-parse", "--show-prefix").stdout.removesuffix(b"\n").decode()
        found = _git(self._root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", RECORDS)
        if found.returncode:
            raise OSError(_said(found))
        paths = [entry[3:].decode("utf-8", "surrogateescape") for entry in found.stdout.split(b"\0") if entry]
        return [path.removeprefix(below) for path in paths]


_WITHOUT = "mend that, or leave `?commit=1` out of the address"


def keeps(root: Path, paths: Sequence[str]) -> bool:
    """Whether some history that the folder lies in has files by these names."""
    if not paths or not any((folder / ".git").exists() for folder in (root.absolute(), *root.absolute().parents)):
        return False
    try:
        found = _git(root, "--literal-pathspecs", "log", "--all", "-1", "--format=%h", "--", *paths[:1_000])
    except (OSError, subprocess.TimeoutExpired):
        return True  # nobody can tell
    return bool(found.stdout)


def _git(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _BINDING}
    return subprocess.run(
        ["git", *arguments],
        cwd=root,
        env=environment | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        input=given,
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
        start_new_session=True,  # Ctrl-C is for the program; a commit that has begun ends
    )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    said = (done.stderr or done.stdout).decode(errors="replace").split("\n")
    return next((line.strip() for line in said if line.strip()), f"it ended with {done.returncode}")
