"""What tests of the twin share: its types, and running a command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from lev_os.core import Package
from lev_os.export.target import Rendered, target_named

MakePackage = Callable[..., Package]
Twin = Callable[[Package], Path]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def rendered(*packages: Package) -> Rendered:
    """The twin of packages, in memory."""
    return target_named("npm").render(packages)


def execute(command: Sequence[str], cwd: Path, *, first: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command without colours, asking nobody; `first` goes before everything on its path."""
    env = {key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"}
    if first is not None:
        env["PATH"] = f"{first}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        command, cwd=cwd, env=env | {"NO_COLOR": "1", "CI": "true"}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
