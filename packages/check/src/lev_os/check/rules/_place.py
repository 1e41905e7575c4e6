"""Places in the texts of examples."""

from __future__ import annotations


def place(file: str, text: str, fragment: str) -> tuple[str, int, int]:
    """File, line and column of a fragment's first character; a `¶` in it stands before the character meant."""
    before, _, after = fragment.rpartition("¶")
    offset = text.index(before + after) + len(before)
    return file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
