"""Personalities by their specifiers: a lens is a context with `lev-kind: personality`, of any package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..errors import LevError

if TYPE_CHECKING:
    from ..contexts import Context

EIGHT: Final = tuple(
    f"lev_os.core/contexts/personalities/{name}"
    for name in ("visionary", "advocate", "strategist", "innovator", "caregiver", "connector", "leader", "adapter")
)
"""The lenses that core ships."""


def load_lens(specifier: str) -> Context:
    """The personality with a specifier; raises `LevError` when there is none, or it is something else."""
    from ..contexts import Context
    from ..packaging import find

    package, subpath = find(specifier)
    package.export(subpath)  # says what there is instead
    text, path = package.read(subpath)
    context = Context.parse(text, path=str(path), package=package, specifier=package.specifier(subpath))
    if context.kind != "personality" or context.params:
        what = "a personality with parameters" if context.params else f"a {context.kind}"
        help = "a lens is a context with `lev-kind: personality` and without `lev-params`"
        raise LevError(f"{context.specifier} is {what}, not a lens", help=help)
    return context
