"""Typed Python and wheels: what is generated into a package, and the distributions that are made of it.

`generated` says what there should be, `tool_cards` imports tools in a process of their own to know their exact schemas,
`distributions` has uv make wheel and sdist, `archives` makes them the same bytes everywhere, `contents` compares the
wheel with the sources, and `building` does all of it or nothing.
"""

from __future__ import annotations

from .building import Built, build, examine
from .generated import Generated

__all__ = ["Built", "Generated", "build", "examine"]
