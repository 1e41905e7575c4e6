"""What is generated into a package: stubs, exact schemas of tools, lazy `__init__` files. It is written elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from lev_os.core.canonical import digest_bytes
from lev_os.core.errors import InvalidInput, LevError, Problem
from lev_os.core.packaging import TOOLS_FILE, check_modules, lazy_init, lazy_modules, stubs_of, tools_file
from lev_os.core.packaging.for_llm import parsed
from lev_os.core.packaging.stubs import HEAD

from ..writing.committing import Operation
from .tool_cards import exact_cards

if TYPE_CHECKING:
    from lev_os.core import Package

TYPED = "py.typed"


@dataclass(frozen=True, slots=True)
class Generated:
    """A file of the package as it should be and as it is; None where it should not be, or is not."""

    path: Path
    data: bytes | None
    before: bytes | None

    @property
    def is_current(self) -> bool:
        return self.data == self.before

    def operation(self, root: Path) -> Operation:
        """Makes it as it should be."""
        before = None if self.before is None else digest_bytes(self.before)
        return Operation(self.path.relative_to(root).as_posix(), self.data, before)

    def undoing(self, root: Path) -> Operation:
        """Makes it as it was."""
        data = None if self.data is None else digest_bytes(self.data)
        return Operation(self.path.relative_to(root).as_posix(), self.before, data)


def lazy_inits(package: Package, asked: Sequence[str]) -> list[Generated]:
    """The `__init__.py` files that load lazily: those there are, and the modules that are asked for.

    Raises `LevError` for a module that cannot, `InvalidInput` for one that is not Python.
    """
    modules = dict.fromkeys((*lazy_modules(package), *asked))
    texts = dict(lazy_init(package, module) for module in modules)
    return [_generated(path, text.encode()) for path, text in texts.items()]


def typed_files(package: Package, python: str) -> list[Generated]:
    """The stubs and `py.typed`, and `tools.json` with the schemas that `python` finds by importing the tools.

    Raises `InvalidInput` with everything of the package that cannot be read, `LevError` for a file that a person wrote.
    """
    _read_all(package)
    stubs = {path: stub.text.encode() for path, stub in stubs_of(package).items()}
    found = [_generated(path, text) for path, text in stubs.items()]
    found += (_generated(path, None) for path in _stubs_there(package) if path not in stubs)
    if stubs and not (package.root / TYPED).exists():
        found.append(_generated(package.root / TYPED, b""))  # without it, type checkers look at no stub
    cards = exact_cards(package, python)
    path = package.root / TOOLS_FILE
    if cards or path.exists():
        found.append(_generated(path, tools_file(package, cards) if cards else None))
    for file in found:
        _refuse_foreign(file)
    return found


def _generated(path: Path, data: bytes | None) -> Generated:
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = None
    return Generated(path, data, before)


def _stubs_there(package: Package) -> Iterator[Path]:
    for path in sorted(package.root.rglob("*.pyi")):
        if path.read_bytes().startswith(HEAD.encode()):
            yield path


def _refuse_foreign(file: Generated) -> None:
    """Raise `LevError` for a file in the way that was not made here."""
    if file.before is None or file.is_current:
        return
    if file.path.name == TOOLS_FILE:
        try:
            ours = msgspec.json.decode(file.before).keys() == {"format", "tools"}
        except (msgspec.DecodeError, AttributeError, RecursionError):
            ours = False
    else:
        ours = file.before.startswith(HEAD.encode())
    if not ours:
        raise LevError(f"{file.path} was not made by Leviathan, and stays as it is", help="remove it to have it made")


def _read_all(package: Package) -> None:
    """Raise `InvalidInput` with every problem of every context, flow and constitution, or with modules not Python."""
    check_modules(package)
    problems: list[Problem] = []
    for export in package.exports():
        condition = next((name for name in ("llm-first", "llm") if name in export.conditions), None)
        if condition is None or export.kind in {"tool", "file", "python"}:
            continue
        try:
            parsed(export, condition)
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(dict.fromkeys(problems))
