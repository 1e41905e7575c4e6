"""The Python modules of a package, read as syntax trees: nothing is ever imported here."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import InvalidInput, LevError, Location, Problem
from ._files import OutsidePackage, locate, read_text

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_MAX_HOPS = 5


@dataclass(frozen=True)
class Module:
    """A parsed source file."""

    name: str
    path: Path
    tree: ast.Module
    text: str

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """What the module itself defines at its top level (imports are not definitions), the last one of each name."""
        found: dict[str, ast.stmt] = {}
        for statement in _top_level(self.tree.body):
            if isinstance(statement, Definition):
                found[statement.name] = statement
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    for name in _names(target):
                        found[name] = statement
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                for name in _names(statement.target):
                    found[name] = statement
        return found

    @cached_property
    def bases(self) -> frozenset[str]:
        """The names of the classes that others of the module derive from."""
        classes = (statement for statement in self.definitions.values() if isinstance(statement, ast.ClassDef))
        return frozenset(base.id for found in classes for base in found.bases if isinstance(base, ast.Name))

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """`from x import y [as z]` at the top level: z -> (module, y), relative ones made absolute."""
        found: dict[str, tuple[str, str]] = {}
        is_package = self.path.name == "__init__.py"
        for statement in _top_level(self.tree.body):
            if isinstance(statement, ast.ImportFrom):
                parts = self.name.split(".")
                drop = statement.level - is_package
                base = parts[: len(parts) - drop] if statement.level else []
                source = ".".join([*base, *([statement.module] if statement.module else [])])
                for alias in statement.names:
                    found[alias.asname or alias.name] = (source, alias.name)
        return found

    @cached_property
    def listed(self) -> tuple[str, ...] | None:
        """The literal `__all__`, or None."""
        statement = self.definitions.get("__all__")
        value = getattr(statement, "value", None)
        if not isinstance(value, (ast.List, ast.Tuple)):
            return None
        names = [item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        return tuple(names) if len(names) == len(value.elts) else None

    @cached_property
    def exposes(self) -> bool:
        """Whether `__getattr__` is or asks `expose(__name__)`: the names are then those of the export map."""
        statement = self.definitions.get("__getattr__")
        if statement is None:
            return False
        calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
        return any(getattr(function, "id", getattr(function, "attr", "")) == "expose" for function in calls)

    @cached_property
    def public(self) -> tuple[str, ...]:
        """What the star of `module:*` may stand for: a public name in a literal `__all__`, or defined in the module."""
        names = self.listed if self.listed is not None else tuple(self.definitions)
        return tuple(sorted({name for name in names if name.isidentifier() and not name.startswith("_")}))


def read_module(name: str, package: str, root: Path) -> Module:
    """The module `name` of the package at `root`; raises `LevError` when it is not there or is not Python."""
    relative = name.removeprefix(package).strip(".").replace(".", "/")
    if name != package and not name.startswith(f"{package}."):
        raise OutsidePackage(f"{name!r} is not a module of {package!r}: only a package's own objects are exported")
    candidates = [f"./{relative}/__init__.py", f"./{relative}.py"] if relative else ["./__init__.py"]
    for candidate in candidates:
        path = locate(root, candidate)
        if path.is_file():
            return _parse(name, path)
    raise LevError(f"{package} has no module {name!r}", help=f"looked for {' and '.join(candidates)} in {root}")


def find_definition(module: Module, name: str, package: str, root: Path) -> tuple[Module, Definition | None]:
    """Where `name` is defined, through `from … import` inside the package; None if it is no function or class."""
    for _ in range(_MAX_HOPS):
        statement = module.definitions.get(name)
        if statement is not None:
            return module, statement if isinstance(statement, Definition) else None
        source = module.imports.get(name)
        if source is None or not (source[0] == package or source[0].startswith(f"{package}.")):
            return module, None
        module, name = read_module(source[0], package, root), source[1]
    return module, None


def _parse(name: str, path: Path) -> Module:
    text = read_text(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a package's source is not ours to report
            tree = ast.parse(text)
    except SyntaxError as error:
        place = Location(str(path), error.lineno, error.offset)
        raise InvalidInput([Problem("MAN201", f"this is not Python: {error.msg}", place)]) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput([Problem("MAN201", f"this cannot be parsed: {error}", Location(str(path)))]) from None
    return Module(name, path, tree, text)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try)):
            for block in (statement.body, statement.orelse, getattr(statement, "finalbody", [])):
                yield from _top_level(block)
            for handler in getattr(statement, "handlers", []):
                yield from _top_level(handler.body)


def _names(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from _names(item)
