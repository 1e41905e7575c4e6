"""The modules of a package as their source says, without importing them."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Module:
    """`names` are those bound at the top level; None when others may be (`from x import *`, `__getattr__`).

    A module that is not Python has a `fault`: line, column (from 1) and what is wrong.
    """

    path: Path
    tree: ast.Module | None
    names: frozenset[str] | None
    fault: tuple[int, int, str] | None = None

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """The functions at the top level."""
        for statement in self.tree.body if self.tree is not None else ():
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield statement


def find_module(package: str, root: Path, name: str) -> Module | None:
    """A module of the package in `root` by its dotted name; None when there is no file for it."""
    if name != package and not name.startswith(f"{package}."):
        return None
    relative = name[len(package) + 1 :].replace(".", "/")
    for candidate in (
        (root / relative / "__init__.py", root / f"{relative}.py") if relative else (root / "__init__.py",)
    ):
        try:
            status = candidate.stat()
        except OSError:
            continue
        if status.st_size <= _MAX_BYTES:
            return _read(candidate, status.st_mtime_ns, status.st_size)
    return Module(root, None, None) if relative and (root / relative).is_dir() else None


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a package's source is not ours to report
            tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        return Module(path, None, None, (error.lineno or 1, error.offset or 1, error.msg))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        return Module(path, None, None, (1, 1, str(error)))
    names: set[str] = set()
    complete = _bind(tree.body, names) and "__getattr__" not in names
    return Module(path, tree, frozenset(names) if complete else None)


def _bind(body: list[ast.stmt], names: set[str]) -> bool:
    """Collect what statements bind; false when that cannot be told."""
    complete = True
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                complete = complete and all(alias.name != "*" for alias in aliases)
                names.update((alias.asname or alias.name).partition(".")[0] for alias in aliases)
            case _:
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        names.add(node.id)
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                complete = _bind(getattr(statement, inner, []), names) and complete
        for handler in getattr(statement, "handlers", []):
            complete = _bind(handler.body, names) and complete
    return complete
