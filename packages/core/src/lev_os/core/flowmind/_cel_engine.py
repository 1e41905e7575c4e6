"""The CEL engine (`common-expression-language`, Rust), loaded on first use.

Its package imports a command line, 150 to 250 ms; the engine itself is one native module, so that is loaded
alone where the package is laid out as expected, and through the package elsewhere.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from typing import Any


@cache
def engine() -> Any:
    """The module with `compile` and `Context`."""
    package = importlib.util.find_spec("cel")
    for folder in (package.submodule_search_locations or ()) if package else ():
        finder = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES))
        spec = finder.find_spec("cel")
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return importlib.import_module("cel")
