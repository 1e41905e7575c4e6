"""The `.pyi` files of what `expose` gives: contexts, flows as functions with real parameters and results, and tools."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LevError
from ._expand import module_of
from ._type_text import TypeNames, camel, is_name
from .exposed import CONDITION, exposed_exports, tools_module
from .for_llm import parsed

if TYPE_CHECKING:
    from ..flowmind.model import FlowTree
    from .export import Export
    from .package import Package

HEAD = "# Made by Leviathan from the files beside it; what is changed here is lost."
UNTOUCHED = "# fmt: off\n# ruff: noqa"
"""For formatters and linters: what they would change is made again as it was."""
_OWN = {"self", "lev"}
"""Parameters of `Flow.__call__` itself."""
_NOT_OFFERED = frozenset({"__future__", "typing"})
"""What is imported from there is for the module itself."""


@dataclass(frozen=True, slots=True)
class Stub:
    """`text` is the stub; `complete` says that every file could be read. What could not be is `Any` in it."""

    text: str
    complete: bool


def stubs_of(package: Package) -> dict[Path, Stub]:
    """Every stub of a package, by the path it belongs at: one for each module whose names come from `expose`.

    Raises `InvalidInput` for a broken manifest.
    """
    homes = {tools_module(package)}
    for export in package.exports():
        if CONDITION in export.conditions and "python" in export.conditions:
            homes.add((package.target(export.subpath, "python").object or "").partition(":")[0])
    stubs: dict[Path, Stub] = {}
    for home in sorted(homes):
        file = _file_of(package, home)
        names = {} if file is None else exposed_exports(package, home)
        exports = {name: export for name, export in names.items() if is_name(name)}
        if file is not None and exports:
            stubs[file.with_suffix(".pyi")] = _stub(exports)
    return dict(sorted(stubs.items()))


def write_stub(path: Path, text: str) -> bool:
    """Put a stub in its place, whole or not at all; False when it is there already.

    Raises `LevError` when the file at `path` was written by somebody else, `OSError` when it cannot be written.
    """
    try:
        before = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        before = None
    if before == text:
        return False
    if before is not None and not before.startswith(HEAD):
        raise LevError(f"{path} was not made by Leviathan, and stays as it is", help="remove it to have it made")
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".lev-", suffix=".pyi")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def _file_of(package: Package, module: str) -> Path | None:
    """The file of a module of the package that calls `expose`; None for any other, and for one that has more to offer.

    A type checker sees nothing of a module that has a stub but the stub.
    """
    if module != package.name and not module.startswith(package.name + "."):
        return None
    base = package.root.joinpath(*module.removeprefix(package.name).strip(".").split("."))
    for file in (base / "__init__.py", base.with_suffix(".py")):
        try:
            if "expose(__name__)" not in file.read_text(encoding="utf-8", errors="replace"):
                return None
            read = module_of(package, module)
        except OSError:
            continue
        except LevError:
            return None
        imported = (name for name, (source, _) in read.imports.items() if source not in _NOT_OFFERED)
        own = {*read.definitions, *imported} - {"expose"}
        return None if any(not name.startswith("_") for name in own) else file
    return None


def _stub(exports: Mapping[str, Export]) -> Stub:
    names = TypeNames(set(exports))
    body: list[str] = []
    tools: list[str] = []
    complete = True
    for name, export in sorted(exports.items()):
        if export.kind == "tool":
            home, _, function = (export.package.target(export.subpath, "python").object or "").partition(":")
            tools.append(f"from {home} import {function} as {name}")
            continue
        if export.kind == "flow":
            try:
                body += _flow(name, parsed(export, CONDITION).tree, names)
                continue
            except LevError:
                complete = False
        known = export.kind in {"context", "personality", "skill"}
        body.append(f"{name}: {'Context' if known else 'Any'}")
    text = "\n".join(["", *(f"{definition}\n" for definition in names.classes.values()), *body])
    if tools:  # a name that is imported as another one is public where `__all__` says so
        listed = "".join(f'    "{name}",\n' for name in sorted(exports))
        text = "\n".join([*tools, "", f"__all__ = [\n{listed}]", text.rstrip("\n")])
    lines = [HEAD, UNTOUCHED, "", *_imports(text)]
    return Stub("\n".join(lines) + "\n" + text.rstrip("\n") + "\n", complete)


def _imports(text: str) -> Iterable[str]:
    def used(*names: str) -> list[str]:
        return [name for name in names if name in text]

    if "Mapping[" in text:
        yield "from collections.abc import Mapping"
    if typing := used("Any", "Literal", "NotRequired", "TypedDict"):
        yield f"from typing import {', '.join(typing)}"
    if core := used("Context", "Flow"):
        yield ""
        yield f"from lev_os.core import {', '.join(core)}"


def _flow(name: str, tree: FlowTree, names: TypeNames) -> list[str]:
    """A class whose `__call__` takes the flow's inputs; a flow is an object with that class's methods."""
    title = camel(name)
    fields: Mapping[str, Any] = tree.input_schema.get("properties") or {}
    required = tree.input_schema.get("required") or ()
    definitions = {"$defs": tree.input_schema["$defs"]} if "$defs" in tree.input_schema else {}
    given = {field: schema for field, schema in fields.items() if is_name(field) and field not in _OWN}
    parameters = []
    for field, schema in given.items():
        whole = {**definitions, **schema} if isinstance(schema, Mapping) else schema
        annotation = names.of(whole, title + camel(field))
        parameters.append(f"{field}: {annotation}" + ("" if field in required else " = ..."))
    if len(given) < len(fields) or tree.input_schema.get("additionalProperties") is not False:
        parameters.append("**more: Any")
    if parameters and not parameters[0].startswith("**"):
        parameters.insert(0, "*")
    output = "None" if tree.output_schema is None else names.of(tree.output_schema, title + "Output")
    if tree.output_schema is None and _returns(tree):
        output = "Any"
    kind = names.fresh(f"{title}Flow")
    call = ", ".join(["self", "/", "lev: Mapping[str, Any] | None = None", *parameters])
    lines = [f"class {kind}(Flow):"]
    if tree.description:
        lines.append(f"    {_docstring(tree.description)}")
    lines += [f"    async def __call__({call}) -> {output}: ...  # type: ignore[override]", "", f"{name}: {kind}", ""]
    return lines


def _returns(tree: FlowTree) -> bool:
    from ..flowmind.model import Return
    from ..flowmind.walk import walk

    return any(isinstance(step, Return) for step in walk(tree.steps))


def _docstring(text: str) -> str:
    """A description as one line that cannot end its quotes."""
    line = " ".join(text.split()).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{line}"""' if not line.endswith('"') else f'"""{line} """'
