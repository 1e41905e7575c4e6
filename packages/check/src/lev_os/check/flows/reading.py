"""Which names of a flow anyone reads: expressions, and the contexts that take parameters."""

from __future__ import annotations

from dataclasses import dataclass

from lev_os.core.flowmind.link import LinkedFlow
from lev_os.core.flowmind.model import ForEach, Parallel, Step
from lev_os.core.flowmind.walk import bodies, walk

from .uses import Path, expressions, paths


@dataclass(frozen=True)
class Reads:
    """The dotted paths that are read, the names among their beginnings, and all their beginnings."""

    paths: frozenset[Path]
    names: frozenset[str]
    begun: frozenset[Path]

    def field(self, *path: str) -> bool:
        """Whether this field is read, by itself, in part, or with what holds it."""
        return path in self.begun or any(path[:length] in self.paths for length in range(1, len(path)))


def reads(linked: LinkedFlow) -> Reads:
    """All that is read anywhere in a flow."""
    found: set[Path] = set()
    for step in walk(linked.tree.steps):
        for expr in expressions(step):
            found.update(paths(expr))
    for context in linked.contexts.values():
        found.update((name,) for name in context.params)
    begun = frozenset(path[:length] for path in found for length in range(1, len(path) + 1))
    return Reads(frozenset(found), frozenset(path[0] for path in found), begun)


def handed_over(linked: LinkedFlow, reads: Reads) -> frozenset[str]:
    """The paths of steps whose ids are read as fields of a `for_each` or `parallel` that holds them."""
    inside: set[str] = set()

    def mark(steps: tuple[Step, ...]) -> None:
        for step in steps:
            inside.add(step.path)
            if not isinstance(step, ForEach | Parallel):
                for body in bodies(step):
                    mark(body)

    for step in walk(linked.tree.steps):
        holds = isinstance(step, Parallel) or (isinstance(step, ForEach) and not step.has_collect)
        # Without an id nobody can read it; with one, what is read of it may be any of its fields.
        if holds and step.id is not None and (step.id in reads.names or step.path in inside):
            for body in bodies(step):
                mark(body)
    return frozenset(inside)
