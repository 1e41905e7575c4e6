"""The questions that a person was asked about tool calls: an approval answers one of them, once.

A question is an empty file in `.lev/questions` of the project. Its name is the digest of what was asked: the call's id,
the tool and the arguments as the model wrote them. Whoever takes the file away has the answer to it, so an approval is
found again by another process with nothing but the history, and two processes cannot use it twice. Where nothing can be
written, this process remembers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from lev_os.core import canonical
from lev_os.core.bidirectional.places import project_root
from lev_os.core.writing import make_folder

_here: Final[set[str]] = set()


class Questions:
    """Those of one project. They are opened and answered by what `question` makes of a call."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they lie; the project is looked for when the first one is asked."""
        if self._folder is None:
            self._folder = questions_folder()
        return self._folder

    def ask(self, question: str) -> None:
        """Open a question; one that is open stays so."""
        try:
            make_folder(self.folder, 0o700, fsync=False)
            os.close(os.open(self.folder / question, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError:
            _here.add(question)

    def answered(self, question: str) -> bool:
        """Close a question; False when nobody was asked it, or it was answered before."""
        if question in _here:
            _here.remove(question)
            return True
        try:
            (self.folder / question).unlink()
        except OSError:
            return False
        return True


def questions_folder(root: Path | None = None) -> Path:
    """Where the questions of a project lie."""
    return (root or project_root()) / ".lev" / "questions"


def question(tool: str, call: str | None, arguments: Any) -> str:
    """What a person is asked about a call, as a name; `arguments` as the model wrote them."""
    return canonical.digest([tool, call, arguments]).removeprefix("sha256:")
