"""Python in documents: parsed once for all who look at it."""

from __future__ import annotations

import ast
import symtable
import warnings
from functools import lru_cache


def parses(source: str) -> bool:
    """Whether a program is one for certain; when it is not, `parse` says why, or finds that it is one after all.

    To make a table of its names takes less than to make its tree.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(source, "<example>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def parse(source: str) -> ast.Module | Exception:
    """The tree of a program, with `await` allowed at its top; or why there is none. Nobody may change the tree."""
    return _parse(source.rstrip("\n"))


@lru_cache(maxsize=64)  # the fences of one file
def _parse(source: str) -> ast.Module | Exception:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree = compile(source, "<example>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error.with_traceback(None)
    assert isinstance(tree, ast.Module)
    return tree
