"""A loaded package: its exports, what each resolves to for whom, and its files. Nothing is imported but on request."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..canonical import digest_bytes
from ..errors import LevError, Location
from ..tools import ToolCard
from . import _expand
from ._files import locate, path_fault, read_bytes, read_text
from ._modules import Module
from .export import Export, Target
from .exports import ExportNotFound, resolve_exports
from .manifest import FILE_NAME, MAX_MANIFEST, PYTHON, Manifest, examine_manifest, is_reference, parse_manifest
from .specifiers import InvalidSpecifier, parse_specifier

if TYPE_CHECKING:
    from .mcp_servers import McpServer, ServerTool

Source = Literal["entry-point", "editable", "workspace", "wheel-skills", "path", "config"]
ACTIVE: Mapping[str, frozenset[str]] = {
    "llm-first": frozenset({"llm-first", "llm"}),
    "llm": frozenset({"llm"}),
    "python": frozenset({"python"}),
    "default": frozenset(),
}
"""Who asks, and the conditions that are active then; `default` always is."""

SKILLS = ".agents/skills"


class PackageNotFound(LevError):
    """No package of that name is installed, or there is none at that path."""


class Package:
    """A package on disk; nothing of it is read before it is asked for.

    A package that cannot be used has an `error`, and every question about its contents raises it.
    """

    def __init__(
        self,
        name: str,
        root: str | os.PathLike[str],
        source: Source = "path",
        version: str | None = None,
        *,
        distribution: str | None = None,
        skills: Sequence[str] | None = None,
        given: Manifest | None = None,
        fault: str | None = None,
    ) -> None:
        """`distribution`: what it is installed as; `skills`: the names that its wheel declares (None: whatever lies
        in `.agents/skills`); `given`: a manifest that stands in no file; `fault`: what discovery found wrong before
        anything was read."""
        self.name = name
        self.source = source
        self.version = version
        self.distribution = distribution
        self._root = root
        self._skills = skills
        self._given = given
        self._fault = fault
        self.is_examined = False

    @cached_property
    def root(self) -> Path:
        """The folder that holds `__init__.py` and `lev.toml`."""
        return Path(self._root)

    def __repr__(self) -> str:
        return f"<Package {self.name} {self.version or ''} at {self.root}>"

    @cached_property
    def _loaded(self) -> tuple[Manifest | None, LevError | None, tuple[int, int] | None]:
        if self._fault is not None:
            return None, LevError(self._fault), _stamp(self.root / FILE_NAME)
        if self._given is not None:
            return self._given, None, None
        stamp = _stamp(os.path.join(self._root, FILE_NAME))
        if stamp is None and self._skills:
            return Manifest(self.name, exports={}), None, None
        path = self.root / FILE_NAME
        try:
            file = locate(self.root, f"./{FILE_NAME}")
            return parse_manifest(read_bytes(file, limit=MAX_MANIFEST), name=self.name, path=str(path)), None, stamp
        except LevError as error:
            return None, error, stamp

    @property
    def error(self) -> str | None:
        """Why the package cannot be used: every problem of its manifest, each at its place; None if it can."""
        error = self._loaded[1]
        return None if error is None else str(error)

    def is_current(self) -> bool:
        """Whether the manifest on disk is still the one that was read."""
        return self._given is not None or _stamp(self.root / FILE_NAME) == self._loaded[2]

    @property
    def manifest(self) -> Manifest:
        """Raises `InvalidInput` with every problem of a broken manifest."""
        manifest, error, _ = self._loaded
        if manifest is None:
            assert error is not None
            raise error
        return manifest

    def examine(self) -> Package:
        """The package as far as its manifest can be read, for looking at it and not for use; `exports` of it refuses no
        names that Python confuses. Raises `LevError` when nothing of the manifest can be read."""
        path = self.root / FILE_NAME
        text = read_bytes(locate(self.root, f"./{FILE_NAME}"), limit=MAX_MANIFEST)
        manifest, _ = examine_manifest(text, name=self.name, path=str(path))
        found = Package(self.name, self._root, self.source, self.version, skills=self._skills, given=manifest)
        found.is_examined = True
        return found

    def specifier(self, subpath: str) -> str:
        """`acme_support/contexts/x`; the package's name alone for `.`."""
        return self.name if subpath == "." else f"{self.name}/{subpath.removeprefix('./')}"

    @cached_property
    def table(self) -> Mapping[str, Any]:
        """The export map that is resolved: the manifest's, and a skill that no export names under `./skills/<name>`."""
        own = dict(self.manifest.exports)
        skills = {f"./skills/{name}": {"llm": f"./{SKILLS}/{name}/SKILL.md"} for name in self._skill_names()}
        return {**{key: target for key, target in skills.items() if key not in own}, **own}

    def _skill_names(self) -> Iterable[str]:
        if self._skills is not None:
            return sorted(self._skills)
        try:
            with os.scandir(self.root / SKILLS) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError:
            return ()
        return [
            name for name in names if not path_fault(f"./{name}") and (self.root / SKILLS / name / "SKILL.md").is_file()
        ]

    @cached_property
    def _for_node(self) -> Mapping[str, Any]:
        """The table with Python references in the form of file targets: Node's algorithm then chooses among both."""
        encoded = _encode(self.table)
        assert isinstance(encoded, dict)
        return encoded

    @cached_property
    def server_tools(self) -> Mapping[str, tuple[McpServer, ServerTool]]:
        """The tools of MCP servers by subpath, from their pinned listings."""
        if not self.manifest.servers:
            return {}
        from .mcp_servers import server_tools

        return server_tools(self)

    @cached_property
    def _exports(self) -> Mapping[str, Export]:
        found = {**_expand.expand(self), **dict.fromkeys(self.server_tools, ("llm-first", "llm"))}
        return {
            subpath: Export(self, subpath, conditions, self._deprecation(subpath))
            for subpath, conditions in sorted(found.items())
        }

    def exports(self) -> tuple[Export, ...]:
        """Every export, patterns expanded against the files and modules there are, sorted by name.

        Raises `InvalidInput` when the manifest is broken or two exports are one name in Python.
        """
        return tuple(self._exports.values())

    def export(self, subpath: str) -> Export:
        """One export by its subpath (`./contexts/x`); raises `ExportNotFound` that names the nearest ones."""
        subpath = self._own(subpath)
        conditions = ("llm-first", "llm") if subpath in self.server_tools else _expand.conditions_of(self, subpath)
        if not conditions:
            raise ExportNotFound(f"{self.name} does not export {subpath!r}", help=self._nearest(subpath))
        return Export(self, subpath, conditions, self._deprecation(subpath))

    def resolve(self, subpath: str, condition: str) -> Target:
        """What `subpath` is for `condition` (`llm-first`, `llm`, `python`, `default`, or any other name).

        The file need not exist. Raises `ExportNotFound`, `InvalidExports`, `OutsidePackage`.
        """
        subpath = self._own(subpath)
        try:
            return self.target(subpath, condition)
        except ExportNotFound as error:
            message = f"{self.specifier(subpath)!r} is not exported for {condition}"
            help_ = error.help or self._elsewhere(subpath) or self._nearest(subpath)
            raise ExportNotFound(message, help=help_) from None

    def target(self, subpath: str, condition: str) -> Target:
        """`resolve`, without looking for the nearest names when there is none."""
        return self.target_of(subpath, condition, self.chosen(subpath, condition))

    def chosen(self, subpath: str, condition: str) -> str:
        """The target that Node's algorithm chooses, before anything is looked up."""
        return resolve_exports(self._for_node, subpath, self.active(condition))

    @cached_property
    def _active(self) -> dict[str, frozenset[str]]:
        mentioned = frozenset(_conditions(list(self.table.values())))
        return {condition: active & mentioned for condition, active in ACTIVE.items()}

    def active(self, condition: str) -> frozenset[str]:
        """The conditions that are active for an asker, of those that the export map mentions."""
        return self._active.get(condition) or frozenset({condition} - ACTIVE.keys())

    def target_of(self, subpath: str, condition: str, found: str) -> Target:
        """What a chosen target means: a file below the root, or a Python object."""
        specifier = self.specifier(subpath)
        if found.startswith(PYTHON):
            reference = _identifier(found.removeprefix(PYTHON))
            if reference is None:
                raise ExportNotFound(f"{specifier!r} is no Python identifier")
            return Target(specifier, condition, reference, object=reference)
        return Target(specifier, condition, found, path=locate(self.root, found, base=self.base))

    def has_file(self, subpath: str) -> bool:
        """Whether a model would be given a file for `subpath`."""
        try:
            path = self.target(subpath, "llm-first").path
        except LevError:
            return False
        return path is not None and path.is_file()

    @cached_property
    def base(self) -> str:
        """The real path of the root."""
        parent, name = os.path.split(os.path.abspath(self._root))
        path = os.path.join(_real_folder(parent), name)
        return os.path.realpath(path) if os.path.islink(path) else path

    @cached_property
    def plain_folders(self) -> set[str]:
        """Folders that have been seen to be no links, while exports are listed; reading looks again."""
        return set()

    @cached_property
    def modules(self) -> dict[str, Module]:
        """The modules whose syntax trees have been read."""
        return {}

    def read(self, subpath: str, condition: str = "llm") -> tuple[str, Path]:
        """The text of a file that is exported, and where it lies. Raises `LevError` for anything but UTF-8 text."""
        target = self.resolve(subpath, condition)
        if target.path is None:
            raise LevError(f"{target.specifier!r} is Python code for {condition} ({target.target}), not a file")
        return read_text(target.path), target.path

    def read_data(self, subpath: str, condition: str = "llm") -> tuple[bytes, str]:
        """The bytes of a file that is exported, and its path in the package (`contexts/x.md`)."""
        target = self.resolve(subpath, condition)
        if target.path is None:
            raise LevError(f"{target.specifier!r} is not a file for {condition}")
        return read_bytes(target.path), target.target.removeprefix("./")

    def card(self, subpath: str) -> ToolCard:
        """The card of an exported tool, from `tools.json`, the syntax tree or a pinned listing; nothing is imported."""
        subpath = self._own(subpath)
        if subpath in self.server_tools:
            from .mcp_servers import server_card

            return server_card(self, subpath, *self.server_tools[subpath])
        from .tool_cards import read_card

        return read_card(self, subpath)

    def defined_at(self, subpath: str) -> Location:
        """Where the Python object of an export is defined, by the syntax tree; raises `LevError`."""
        module, definition = _expand.definition_of(self, self._own(subpath))
        return Location(str(module.path), 1 if definition is None else definition.lineno)

    def tool(self, subpath: str) -> Callable[..., Any]:
        """Import an exported tool. Raises `LevError` when it cannot be imported or is not callable."""
        if self._own(subpath) in self.server_tools:
            from .mcp_servers import server_function

            return server_function(self, *self.server_tools[self._own(subpath)])
        found = self.load_object(subpath)
        if not callable(found):
            raise LevError(f"{self.specifier(self._own(subpath))!r} is {type(found).__name__}, which cannot be called")
        return found  # type: ignore[no-any-return]

    def load_object(self, subpath: str) -> Any:
        """Import what `subpath` is for `python`. Raises `LevError` in place of whatever the import raises."""
        target = self.resolve(subpath, "python")
        if target.object is None:
            raise LevError(f"{target.specifier!r} is a file ({target.target}), not Python code")
        _expand.check_reference(self, subpath, target)
        return import_object(target.object, target.specifier, self.root)

    @property
    def constitution_path(self) -> Path | None:
        """Where the package's own constitution lies."""
        written = self.manifest.constitution
        return None if written is None else locate(self.root, written)

    def is_personality(self, subpath: str) -> bool:
        """Whether a context says `lev-kind: personality` in its frontmatter."""
        try:
            path = self.resolve(subpath, "llm-first").path
            if path is None:
                return False
            with open(path, "rb") as file:
                head = file.read(4096)
        except (LevError, OSError):
            return False
        front = head[3:].partition(b"\n---")[0] if head.startswith(b"---") else b""
        at = front.find(b"lev-kind:")
        return at >= 0 and front[at + 9 : at + 40].strip(b" \"'").startswith(b"personality")

    def is_up_front(self, subpath: str) -> bool:
        """Whether the export map names `llm-first` for a subpath: a model is to have it before it asks."""
        key = _expand.matching_key(self.table, subpath)
        return key is not None and "llm-first" in _conditions([self.table[key]])

    def file_digest(self, subpath: str, condition: str = "llm") -> str:
        """The digest of an exported file's bytes."""
        return digest_bytes(self.read_data(subpath, condition)[0])

    def _own(self, ref: str) -> str:
        """The subpath of a reference to something in this package."""
        name, subpath = parse_specifier(ref)
        if name not in (None, self.name):
            raise InvalidSpecifier(f"{ref!r} is in the package {name!r}, not in {self.name!r}")
        return subpath

    def _deprecation(self, subpath: str) -> str | None:
        deprecated = self.manifest.deprecated
        if not deprecated:
            return None
        key = _expand.matching_key(self.table, subpath)
        return deprecated.get(key) if key else None

    def _elsewhere(self, subpath: str) -> str | None:
        """For whom `subpath` is exported, when it is."""
        conditions = _expand.conditions_of(self, subpath)
        return f"it is exported for {', '.join(conditions)}" if conditions else None

    def _nearest(self, subpath: str) -> str | None:
        import difflib

        try:
            names = list(self._exports)
        except LevError:
            return None
        near = difflib.get_close_matches(subpath, names, n=3, cutoff=0.6)
        if near:
            return "did you mean " + " or ".join(near) + "?"
        folder = subpath.rpartition("/")[0] + "/"
        beside = [name for name in names if name.startswith(folder)] or names
        return (
            f"it exports {', '.join(beside[:8])}{' …' if len(beside) > 8 else ''}" if beside else "it exports nothing"
        )


def _conditions(target: Any) -> Iterator[str]:
    if isinstance(target, dict):
        yield from target
        target = list(target.values())
    if isinstance(target, list):
        for item in target:
            yield from _conditions(item)


def _encode(target: Any) -> Any:
    if isinstance(target, str):
        return target if target.startswith("./") or not is_reference(target) else PYTHON + target
    if isinstance(target, dict):
        return {key: _encode(value) for key, value in target.items()}
    if isinstance(target, list):
        return [_encode(item) for item in target]
    return target


def _identifier(reference: str) -> str | None:
    """`acme.flows:refund-policy` as Python spells it, or None if it cannot."""
    module, colon, name = reference.partition(":")
    name = name.replace("-", "_")
    if colon and not all(part.isidentifier() for part in name.split(".")):
        return None
    return f"{module}:{name}" if colon else module


def _stamp(path: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)  # a thousand packages lie side by side in one folder
def _real_folder(path: str) -> str:
    return os.path.realpath(path)


def import_object(reference: str, specifier: str, root: Path) -> Any:
    """Import `module:name`. Raises `LevError` that names the export in place of whatever the import raises."""
    import importlib

    module_name, _, attribute = reference.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            found = getattr(found, part)
    except LevError:
        raise
    except Exception as error:
        help = None
        if isinstance(error, ModuleNotFoundError) and error.name and module_name.startswith(error.name):
            help = f"its package lies in {root}, which is not on the path of {sys.executable}"
        raise LevError(
            f"{specifier!r} cannot be imported as {reference}: {type(error).__name__}: {error}", help=help
        ) from error
    return found
