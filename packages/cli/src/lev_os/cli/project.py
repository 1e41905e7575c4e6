"""The project a command works on: its root, and the Python environment whose packages it sees.

`uvx lev-os` runs in an environment of its own, so what is installed there says nothing about the project. The
project's environment is the one `--python` names, else the nearest `.venv` from here upwards, else our own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lev_os.core.bidirectional.places import journal_path, project_root, runs_folder

from .errors import UsageProblem

__all__ = [
    "Environment",
    "activate",
    "find_environment",
    "handle_of",
    "is_journal",
    "journal_of",
    "project_root",
    "run_journals",
    "runs_folder",
    "source_paths",
]


@dataclass(frozen=True, slots=True)
class Environment:
    """`paths`: where its distributions lie, None when it is the environment that runs this command."""

    prefix: Path
    version: tuple[int, int]
    paths: tuple[str, ...] | None

    @property
    def own(self) -> bool:
        """Whether this command runs in it."""
        return self.paths is None


def find_environment(python: str | None = None, start: Path | None = None) -> Environment:
    """The project's environment; `python` is an interpreter or the folder of an environment."""
    prefix = _prefix_of(python) if python else _nearest_venv((start or Path.cwd()).absolute())
    if prefix is None or prefix.resolve() == Path(sys.prefix).resolve():
        return Environment(Path(sys.prefix), sys.version_info[:2], None)
    packages = _site_packages(prefix)
    if packages is None:
        raise UsageProblem(
            f"{prefix} is not a Python environment: it has no site-packages",
            help="give --python the path of an interpreter inside a virtual environment",
        )
    return Environment(prefix, packages[0], (str(packages[1]),))


def _prefix_of(python: str) -> Path:
    given = Path(python).expanduser().absolute()
    if not given.exists():
        raise UsageProblem(f"there is no {python}", help="give --python the path of an interpreter or an environment")
    if given.is_dir():
        return given
    # The link itself counts, not what it points at: that is how a virtual environment works.
    return given.parent.parent


def _nearest_venv(here: Path) -> Path | None:
    for folder in (here, *here.parents):
        if (folder / ".venv" / "pyvenv.cfg").is_file():
            return folder / ".venv"
    return None


def _site_packages(prefix: Path) -> tuple[tuple[int, int], Path] | None:
    for folder in sorted(prefix.glob("lib/python3.*/site-packages"), reverse=True):
        return (3, int(folder.parent.name.removeprefix("python3.").rstrip("t"))), folder
    windows = prefix / "Lib" / "site-packages"
    return (sys.version_info[:2], windows) if windows.is_dir() else None


def activate(environment: Environment) -> None:
    """Make the environment's packages importable here, behind our own; needed before a tool is run."""
    if environment.paths is None:
        return
    if environment.version != sys.version_info[:2]:
        ours, theirs = (".".join(map(str, v)) for v in (sys.version_info[:2], environment.version))
        raise UsageProblem(
            f"the project's environment {environment.prefix} is for Python {theirs}, and lev runs on {ours}",
            help="install lev-os into it and use that one: `uv add --dev lev-os`, then `uv run lev …`",
        )
    import site

    for path in environment.paths:
        site.addsitedir(path)


def source_paths(root: Path | None = None) -> tuple[str, ...]:
    """Folders of the project whose packages can be used before they are installed: `src` and the root itself."""
    root = root or project_root()
    return tuple(str(folder) for folder in (root / "src", root) if any(folder.glob("*/lev.toml")))


def run_journals(root: Path | None = None) -> list[Path]:
    """The journals of this project's runs, newest first."""
    found = [(file.stat().st_mtime, file) for file in runs_folder(root).glob("*.jsonl")]
    return [file for _, file in sorted(found, reverse=True)]


def handle_of(journal: Path) -> str:
    """What to call a run in `lev runs …`: its name, or its journal's path when that lies elsewhere."""
    return journal.stem if journal.absolute().parent == runs_folder().absolute() else str(journal)


def is_journal(run: str) -> bool:
    """Whether a run is named by the path of its journal."""
    return run.endswith(".jsonl") and Path(run).is_file()


def journal_of(run: str) -> Path:
    """The journal of a run: its name, which may be cut short, or the path of its journal.

    Raises `UsageProblem` when there is none, or several begin so.
    """
    if is_journal(run):
        return Path(run)
    path = journal_path(run)
    if path.is_file():
        return path
    found = [journal for journal in run_journals() if journal.stem.startswith(run)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(journal.stem for journal in found[:5])
        raise UsageProblem(f"{len(found)} runs begin with {run}: {names}", help="write more of the name")
    raise UsageProblem(f"there is no run {run} in {runs_folder()}", help="`lev runs list` shows the runs there are")
