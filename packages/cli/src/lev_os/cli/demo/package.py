"""Where the demonstration's package comes from: installed here, or the copy that travels in our wheel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError

from ..errors import UsageProblem

PACKAGE = "acme_support"
_TRAVELLING = Path(__file__).with_name("packages")
"""Filled when the wheel is built."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The package, and the variables with which another process finds it too."""

    package: Any
    env: Mapping[str, str] = field(default_factory=dict)


def shown_package() -> Shown:
    """The package to show, importable in this process; raises `UsageProblem` when it is nowhere."""
    from lev_os.core.packaging import load_package

    try:
        return Shown(load_package(PACKAGE))
    except LevError as problem:
        if not (_TRAVELLING / PACKAGE).is_dir():
            raise UsageProblem(
                f"the demonstration needs the package {PACKAGE}, which is not installed here: {problem.message}",
                help="in a clone of Leviathan, `make demo` installs it; else `pip install acme-support`",
            ) from None
    sys.path.append(str(_TRAVELLING))
    rest = os.environ.get("PYTHONPATH")
    return Shown(load_package(PACKAGE), {"PYTHONPATH": os.pathsep.join([str(_TRAVELLING), *([rest] if rest else [])])})
