"""One look at a package: everything it exports is read anew, flows are linked, stubs refreshed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lev_os.core.errors import InvalidInput, LevError, Location, Problem

if TYPE_CHECKING:
    from lev_os.core.packaging import Export, Package


@dataclass(frozen=True, slots=True)
class Round:
    """What one look found. `kinds` counts the exports, `written` are the stubs that have changed."""

    name: str
    problems: tuple[Problem, ...]
    kinds: Counter[str]
    written: tuple[Path, ...] = ()

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)


def look_at(root: Path) -> Round:
    """Read the package whose `lev.toml` lies in `root`. Whatever is wrong with it is in the result, never raised."""
    from lev_os.core.packaging import load_package

    found: list[Problem] = []
    packages: list[Package] = []
    exports: list[Export] = []
    _try(found, root / "lev.toml", lambda: packages.append(load_package(root)))
    for package in packages:
        _try(found, root / "lev.toml", lambda package=package: exports.extend(package.exports()))  # type: ignore[misc]
        _try(found, root / "lev.toml", lambda package=package: found.extend(_constitution(package)))  # type: ignore[misc]
    for export in exports:
        _try(found, _file_of(export, root), lambda export=export: found.extend(_problems_of(export)))  # type: ignore[misc]
    written = [path for package in packages if exports for path in _refresh(package, found)]
    name = packages[0].name if packages else root.name
    return Round(name, tuple(dict.fromkeys(found)), Counter(export.kind for export in exports), tuple(written))


def _problems_of(export: Export) -> Iterable[Problem]:
    from lev_os.core.packaging.for_llm import parsed

    if export.kind == "tool":
        export.package.card(export.subpath)
    if "llm" not in export.conditions or export.kind not in {"context", "personality", "skill", "flow", "constitution"}:
        return ()
    value = parsed(export, "llm")
    if export.kind == "flow":
        value.link()
        return ()
    return () if export.kind == "constitution" else value.problems


def _constitution(package: Package) -> Iterable[Problem]:
    """The package's own constitution, which need not be exported."""
    from lev_os.core import Constitution

    path = package.constitution_path
    if path is not None:
        Constitution.parse(path.read_bytes(), package=package, path=str(path))
    return ()


def _refresh(package: Package, found: list[Problem]) -> list[Path]:
    """Write the stubs; one that would lose a flow which is broken just now stays as it is."""
    from lev_os.core.packaging import Stub, stubs_of, write_stub

    stubs: dict[Path, Stub] = {}
    written: list[Path] = []
    _try(found, package.root, lambda: stubs.update(stubs_of(package)))
    for path, stub in stubs.items():
        if stub.complete or not path.exists():
            text = stub.text
            _try(found, path, lambda path=path, text=text: written.extend([path] if write_stub(path, text) else []))  # type: ignore[misc]
    return written


def _file_of(export: Export, root: Path) -> Path:
    """The file to name for a problem that has no place of its own."""
    for condition in ("llm", "python"):
        try:
            path = export.package.target(export.subpath, condition).path
        except LevError:
            continue
        if path is not None:
            return path
    return root / "lev.toml"


def _try(found: list[Problem], file: Path, do: Callable[[], object]) -> None:
    """Do something with a file that may be broken in any way, and note what is wrong."""
    try:
        do()
    except InvalidInput as error:
        found.extend(error.problems)
    except LevError as error:
        found.append(Problem("DEV101", error.message, Location(str(file)), error.help))
    except OSError as error:
        found.append(Problem("DEV102", error.strerror or type(error).__name__, Location(error.filename or str(file))))
    except Exception as error:  # a watcher outlives what it watches, and a fault of our own is said, not hidden
        message = f"lev could not read this: {type(error).__name__}: {str(error)[:200]}"
        found.append(Problem("DEV999", message, Location(str(file)), "this is a bug of lev; please report it"))
