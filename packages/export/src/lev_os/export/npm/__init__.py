"""The npm twin: contexts, flows and tools of a package as an npm package, for programs and for models.

`twin` puts it together; `parts` reads what is exported, `modules` writes it as JavaScript and as TypeScript's types,
`entries` says who gets what in `exports`, `names` and `versions` translate what Python knows of the package.
"""

from __future__ import annotations

from ..target import Target
from .twin import render

__all__ = ["TARGET"]

TARGET = Target(
    "npm", "An npm package: ES modules, CommonJS and types of the contexts, flows and tools.", render, apart=True
)
