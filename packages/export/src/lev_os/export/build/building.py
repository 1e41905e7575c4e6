"""One build: generated files, then wheel and sdist. A build that fails leaves the tree as it was."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lev_os.core import Package
from lev_os.core.canonical import digest_bytes

from ..writing.committing import Operation, commit, recover
from .contents import check_wheel
from .distributions import make_distributions, project_of
from .generated import Generated, lazy_inits, typed_files

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """`generated` are all generated files, `written` those that changed; `distributions` is empty when none were asked
    for. `exports` counts what the wheel was found to hold."""

    package: Package
    generated: tuple[Generated, ...]
    distributions: tuple[Path, ...] = ()
    exports: int = 0

    @property
    def written(self) -> tuple[Generated, ...]:
        return tuple(file for file in self.generated if not file.is_current)


def examine(root: Path, name: str, *, python: str, lazy: Sequence[str] = (), tell: Tell) -> Built:
    """What `build` would generate; nothing is written. Raises as `build` does."""
    package = Package(name, root)
    inits = lazy_inits(package, lazy)
    tell("importing tools to read their signatures")
    return Built(package, _sorted(inits, typed_files(package, python)))


def build(
    root: Path, name: str, *, python: str, lazy: Sequence[str] = (), dist: bool = True, out: Path | None = None,
    tell: Tell,
) -> Built:  # fmt: skip
    """Write what is generated into the package at `root`, and make its wheel and sdist in `out` (default: `dist/`).

    `python` is the interpreter that imports the tools; `lazy` are modules whose `__init__.py` is to load lazily; `tell`
    hears of each step. Raises `InvalidInput` for a package that cannot be read, `LevError` for files of others in the
    way, `BuildFailed` for what cannot be built; then everything is as it was.
    """
    recover(root)
    project = project_of(root, name) if dist else None
    package = Package(name, root)
    with contextlib.ExitStack() as undo:
        inits = lazy_inits(package, lazy)
        undo.enter_context(_written(root, inits))
        package = Package(name, root)
        tell("importing tools to read their signatures")
        typed = typed_files(package, python)
        undo.enter_context(_written(root, typed))
        if project is None:
            return Built(package, _sorted(inits, typed))
        package = Package(name, root)
        tell(f"uv build in {project}")
        generated = [file.path for file in (*inits, *typed) if file.data is not None]
        with tempfile.TemporaryDirectory(prefix="lev-build-") as scratch:
            made = make_distributions(project, python, _folder(scratch, "made"))
            tell("comparing the wheel with the sources")
            wheel = next(file for file in made if file.endswith(".whl"))
            exports = check_wheel(package, wheel, made[wheel], generated, _folder(scratch, "wheel"))
        paths = _place(out or project / "dist", made)
        return Built(package, _sorted(inits, typed), paths, exports)


def _sorted(*files: Sequence[Generated]) -> tuple[Generated, ...]:
    return tuple(sorted((file for part in files for file in part), key=lambda file: file.path))


@contextlib.contextmanager
def _written(root: Path, files: Sequence[Generated]) -> Iterator[None]:
    """The files as they should be; as they were when what comes after fails."""
    changed = [file for file in files if not file.is_current]
    if changed:
        commit(root, [file.operation(root) for file in changed])
    try:
        yield
    except BaseException:
        if changed:
            commit(root, [file.undoing(root) for file in changed])
        raise


def _place(out: Path, made: Mapping[str, bytes]) -> tuple[Path, ...]:
    recover(out)
    operations = []
    for name, data in made.items():
        file = out / name
        before = digest_bytes(file.read_bytes()) if file.exists() else None
        if before != digest_bytes(data):
            operations.append(Operation(name, data, before))
    if operations:
        commit(out, operations)
    return tuple(out / name for name in made)


def _folder(scratch: str, name: str) -> Path:
    folder = Path(scratch, name)
    folder.mkdir()
    return folder
