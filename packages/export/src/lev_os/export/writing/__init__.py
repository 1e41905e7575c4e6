"""One writer for all targets: idempotent and atomic, and nothing that a person wrote is lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lev_os.core.errors import LevError

from ..target import Rendered
from .committing import commit, interrupted, recover
from .planning import Change, Plan, described, plan

__all__ = ["Change", "Plan", "interrupted", "permitted", "plan", "write"]


def write(base: Path, wanted: Mapping[str, Rendered], *, force: bool = False) -> Plan:
    """Make `base` hold what the targets want; the plan that was carried out.

    Raises `LevError` before anything is written when files would be lost that are not ours, or that a person has
    changed since; `force` replaces them. Whatever fails, and whenever the command dies, the folder is left or put back
    as it was.
    """
    found = permitted(base, wanted, force=force)
    if found.operations:
        commit(found.base, found.operations)
    return found


def permitted(base: Path, wanted: Mapping[str, Rendered], *, force: bool = False) -> Plan:
    """The plan that `write` would carry out, after what an interrupted one had left was put back; raises as `write`."""
    recover(base)
    found = plan(base, wanted)
    if found.conflicts and not force:
        count = len(found.conflicts)
        raise LevError(
            f"{count} file{'s' if count > 1 else ''} would be overwritten:\n{described(found.conflicts)}",
            help="nothing was written; choose another folder with --out, move them away, or replace them with --force",
        )
    return found
