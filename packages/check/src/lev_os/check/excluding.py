"""What a project's configuration leaves out: whole files, and codes in some files."""

from __future__ import annotations

import os
from collections.abc import Iterable

from lev_os.core.gitignore import Ignored, patterns_of

from .configuration import Configuration
from .diagnostics import Diagnostic


def excluded(configuration: Configuration) -> Ignored | None:
    """The patterns of `exclude`."""
    if configuration.folder is None or not configuration.exclude:
        return None
    return patterns_of(configuration.folder, configuration.exclude)


def without_ignored(
    found: Iterable[Diagnostic], configuration: Configuration, prefix: str
) -> tuple[list[Diagnostic], int]:
    """The findings that `per-file-ignores` leaves, and how many it does not; names in them are relative to `prefix`."""
    folder = configuration.folder
    if folder is None or not configuration.per_file:
        return list(found), 0
    rules = [(patterns_of(folder, [item.pattern]), item.codes) for item in configuration.per_file]
    left: list[Diagnostic] = []
    count = 0
    for item in found:
        path = os.path.join(prefix, item.file)
        if not item.hard and any(item.code.startswith(codes) and _matches(match, path) for match, codes in rules):
            count += 1
        else:
            left.append(item)
    return left, count


def _matches(pattern: Ignored, path: str) -> bool:
    """Whether a file, or a folder it lies in, matches; `pattern` says from which folder on."""
    base = pattern.stack[0].base
    if not path.startswith(base):
        return False
    at = len(base)
    while (at := path.find(os.sep, at + 1)) >= 0:
        if pattern(path[:at], folder=True):
            return True
    return pattern(path, folder=False)
