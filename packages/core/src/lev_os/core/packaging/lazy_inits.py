"""`__init__.py` files that load nothing until a name is asked for (PEP 562), made from the files beside them.

What a type checker and the export map read of one is the same as of an eager one: imports that are never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LevError
from ._expand import module_of
from ._files import read_text
from .exposed import CONDITION
from .stubs import HEAD, UNTOUCHED

if TYPE_CHECKING:
    from ._modules import Module
    from .package import Package

_GETATTR = """
if not TYPE_CHECKING:  # what is not listed above is no name of this module

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
"""
_GETATTR_EXPOSED = """

def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lev_os.core import expose

    value = globals()[name] = expose(__name__)[0](name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
"""


def lazy_modules(package: Package) -> Iterator[str]:
    """The modules of a package whose `__init__.py` was made here."""
    for file in sorted(package.root.rglob("__init__.py")):
        try:
            with open(file, "rb") as stream:
                made = stream.read(len(HEAD)) == HEAD.encode()
        except OSError:
            continue
        if made:
            yield ".".join([package.name, *file.parent.relative_to(package.root).parts])


def lazy_init(package: Package, module: str) -> tuple[Path, str]:
    """Where the `__init__.py` of a module of the package lies, and its text.

    It offers the public functions and classes of the modules beside it (or what their `__all__` lists), or, for a
    module whose names are files of the export map, those. Raises `LevError` when there is nothing to offer, a name is
    meant twice, or a person's code would be lost; `InvalidInput` for a module beside it that is not Python.
    """
    if module != package.name and not module.startswith(f"{package.name}."):
        raise LevError(f"{module!r} is no module of {package.name}", help=f"give its import name: {package.name}.tools")
    file = package.root.joinpath(*module.removeprefix(package.name).strip(".").split("."), "__init__.py")
    if not file.parent.is_dir():
        raise LevError(f"{module} is no folder of {package.root}", help="only a package, a folder, can load lazily")
    doc = _own_docstring(file)
    head = f"{HEAD}\n{UNTOUCHED}\n" + (f"{doc}\n\n" if doc else "\n")
    exposed = _exposed(package, module)
    if exposed:
        return file, f"{head}__all__ = {_listed(exposed)}\n{_GETATTR_EXPOSED}"
    homes = _homes(package, module, file.parent)
    if not homes:
        raise LevError(f"{module} has nothing to load: no public name in the modules beside {file}")
    imports = "".join(f"    from .{home} import {name} as {name}\n" for name, home in homes.items())
    table = "".join(f'    "{name}": "{home}",\n' for name, home in homes.items())
    return file, (
        f"{head}TYPE_CHECKING = False\nif TYPE_CHECKING:\n{imports}\n"
        f"__all__ = {_listed(list(homes))}\n_HOMES = {{\n{table}}}\n{_GETATTR}"
    )


def _listed(names: list[str]) -> str:
    return "[\n" + "".join(f'    "{name}",\n' for name in names) + "]"


def _exposed(package: Package, module: str) -> list[str]:
    """The names in a module that are files of the export map."""
    found = []
    for export in package.exports():
        if CONDITION not in export.conditions:
            continue
        try:
            reference = package.target(export.subpath, "python").object or ""
        except LevError:
            continue
        home, _, name = reference.partition(":")
        if home == module and name.isidentifier() and package.has_file(export.subpath):
            found.append(name)
    return sorted(found)


def _homes(package: Package, module: str, folder: Path) -> Mapping[str, str]:
    """Each public name of the modules in a folder, and the module it comes from; sorted."""
    homes: dict[str, str] = {}
    stems = [file.stem for file in sorted(folder.glob("*.py")) if not file.stem.startswith("_")]
    for stem in stems:
        for name in _public(module_of(package, f"{module}.{stem}")):
            if name in homes:
                raise LevError(
                    f"{module}.{name} would mean two things: {homes[name]}.{name} and {stem}.{name}",
                    help=f"say in `__all__` of {stem}.py and {homes[name]}.py what they offer",
                )
            if name in stems:
                raise LevError(
                    f"{module}.{name} would mean two things: the module {name}.py and {stem}.{name}",
                    help=f"rename one, or leave it out of `__all__` of {stem}.py",
                )
            homes[name] = stem
    return dict(sorted(homes.items()))


def _public(module: Module) -> tuple[str, ...]:
    if module.listed is not None:
        return module.public
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(name for name in module.public if isinstance(module.definitions[name], kinds))


def _own_docstring(file: Path) -> str:
    """The docstring of an `__init__.py` as it is written; raises `LevError` when it holds more than can be replaced."""
    if not file.exists():
        return ""
    text = read_text(file)
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise LevError(f"{file} is not Python: {error}") from None
    doc = ""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        doc = ast.get_source_segment(text, body[0]) or ""
        body = body[1:]
    if not text.startswith(HEAD) and not all(map(_is_replaceable, body)):
        raise LevError(f"{file} holds code of its own, and stays as it is", help="move it to a module beside it")
    return doc


def _is_replaceable(statement: ast.stmt) -> bool:
    """Whether a statement only says what the file that replaces it says too: the lines around `expose`."""
    if isinstance(statement, ast.ImportFrom):
        names = {alias.name for alias in statement.names}
        return statement.module == "__future__" or (statement.module == "lev_os.core" and names == {"expose"})
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Assign) and isinstance(value, ast.Call) and ast.unparse(value.func) == "expose"
