"""What a target of `lev export` is: a pure function from packages to the files that a host reads.

A target renders; it neither reads the destination nor writes to it. `writing` does that for all of them, so that every
target is idempotent and atomic, touches only what it made, and keeps what people wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from lev_os.core.errors import LevError

if TYPE_CHECKING:
    from lev_os.core import Package

__all__ = ["TARGETS", "Lost", "Pointer", "Rendered", "Target", "target_named"]


@dataclass(frozen=True, slots=True)
class Lost:
    """Something of a package that a target cannot express: the export's specifier, and what becomes of it."""

    specifier: str
    what: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A line for those who work on files that match one of `globs`; which folder it goes to depends on the tree."""

    globs: tuple[str, ...]
    line: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a target wants to be there.

    `files` are whole files, by their path (POSIX, relative to the output folder); those of `executable` may be run.
    `blocks` are texts that stand between markers in files that otherwise belong to people. `pointers` are lines of such
    blocks, in the AGENTS.md nearest to what they are about. `lost` says what the target could not express.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    blocks: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[Lost, ...] = ()
    executable: frozenset[str] = frozenset()
    pointers: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of host. `description` is a line for `lev export --list`.

    `apart`: several packages get a folder each, named like the package; one lies in the output folder itself.
    """

    name: str
    description: str
    render: Callable[[Sequence[Package]], Rendered]
    apart: bool = False


TARGETS: Mapping[str, str] = {
    "skills": "targets.skills",
    "agents-md": "targets.agents_md",
    "agent-plugin": "targets.agent_plugin",
    "claude-plugin": "targets.claude_plugin",
    "mcp-server": "targets.mcp_server",
    "llms-txt": "targets.llms_txt",
    "well-known": "targets.well_known",
    "openai-tools": "targets.openai_tools",
    "anthropic-tools": "targets.anthropic_tools",
    "npm": "npm",
}
"""Targets by name: the module of this package whose `TARGET` it is, imported when it is asked for."""


def target_named(name: str) -> Target:
    """The target with a name; raises `LevError` that names those there are."""
    module = TARGETS.get(name)
    if module is None:
        raise LevError(f"there is no target {name!r}", help=f"one of {', '.join(sorted(TARGETS))}")
    found: Target = import_module(f".{module}", __package__).TARGET
    return found
