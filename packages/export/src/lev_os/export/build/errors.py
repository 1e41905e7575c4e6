"""A build that was understood and could not be carried out."""

from __future__ import annotations

from lev_os.core.errors import LevError


class BuildFailed(LevError):
    """What the package, its build backend or a tool of it did not let happen."""

    exit_code = 3
