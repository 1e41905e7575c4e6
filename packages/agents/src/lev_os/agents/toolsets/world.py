"""What an agent's tools and flows are carried out with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core.packaging import Package


@dataclass(frozen=True, kw_only=True)
class World:
    """`deps` and `scope` are what tools get as `ctx.deps` and `ctx.scope`; `secrets` goes before the environment.

    `runs` is the folder of the journals of flows; None keeps them in memory, and a flow that waits for a person then
    cannot go on.
    """

    deps: Any = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    runs: Path | None = None
    package: Package | None = None
