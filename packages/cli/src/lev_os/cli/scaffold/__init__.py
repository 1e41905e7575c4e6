"""A new package: a small one that is real in every part, so that each can be changed and the tests notice."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageProblem
from .files import FILES

_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9]|[-_.](?=[A-Za-z0-9]))*")


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the import name, the folder, and the files relative to it."""

    name: str
    root: Path
    files: tuple[Path, ...]


def make_package(name: str, *, into: Path | None = None, description: str = "") -> Made:
    """Write a new package; raises `UsageProblem` for a name that cannot be imported or a folder that is not empty."""
    module = _module_of(name)
    distribution = module.replace("_", "-")
    root = into or Path(distribution)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageProblem(f"{root} exists and is not an empty folder", help="choose another name, or --into FOLDER")
    words = {
        "@module@": module,
        "@distribution@": distribution,
        "@description@": _one_line(description) or f"What {distribution} is for, in one line.",
    }
    root.parent.mkdir(parents=True, exist_ok=True)
    # All or nothing: a full disk or Ctrl-C leaves no half of a package.
    draft = Path(tempfile.mkdtemp(prefix=f".{distribution}-", dir=root.parent))
    try:
        files = []
        for path, text in FILES.items():
            file = Path(_fill(path, words))
            (draft / file).parent.mkdir(parents=True, exist_ok=True)
            (draft / file).write_text(_fill(text, words), encoding="utf-8")
            files.append(file)
        draft.chmod(0o777 & ~_umask())
        if root.exists():
            root.rmdir()
        draft.rename(root)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Made(module, root, tuple(sorted(files)))


def _module_of(name: str) -> str:
    module = re.sub(r"[-.]", "_", name).lower()
    if not _NAME.fullmatch(name):
        raise UsageProblem(
            f"{name!r} is no name for a package", help="letters, digits and single hyphens, starting with a letter"
        )
    if keyword.iskeyword(module) or keyword.issoftkeyword(module) or module in sys.stdlib_module_names:
        raise UsageProblem(f"{module!r} is taken by Python itself", help=f"try {module}-kit")
    if module in ("lev_os", "tests"):
        raise UsageProblem(f"{module!r} is reserved", help="choose another name")
    return module


def _one_line(text: str) -> str:
    return " ".join(text.replace('"', "'").replace("\\", "/").split())


def _fill(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
