"""What lies in the folder of a skill: the files that a host may read beside its `SKILL.md`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["files_below"]


def files_below(root: Path) -> Iterator[str]:
    """Regular files below a folder as `a/b.md`, in order; a link could lead out of the package, so none is followed."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name != "__pycache__" and not os.path.islink(os.path.join(folder, name))
        )
        for name in sorted(files):
            place = os.path.join(folder, name)
            if os.path.isfile(place) and not os.path.islink(place):
                yield os.path.relpath(place, root).replace(os.sep, "/")
