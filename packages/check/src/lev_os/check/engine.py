"""One check: files are read once, rules run over what they are about, and findings become diagnostics.

    paths ─ walk ─> files ─ file rules, facts ─┐
                    packages ─ read by core ───┼─ package, flow and project rules ─> suppressions ─> Report
                    environment ───────────────┘

Whatever has not changed since the last check is taken from the cache: see `cache`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from lev_os.core.errors import LevError
from lev_os.core.packaging.lock import LOCK

from .applying import apply, writable
from .cache import (
    CHANGING,
    Cache,
    CachedPackage,
    CachedProject,
    CachedRun,
    files_below,
    states,
)
from .configuration import Configuration
from .diagnostics import Diagnostic, NotChecked, Report
from .environment import Environment, find_environment
from .examining import Said, Stale, digest_of, examine, examine_all
from .excluding import excluded, without_ignored
from .facts import NOTHING, Fact
from .files import File
from .kinds import kind_of, kind_of_named, sniff
from .known import Known
from .packaged import Packages
from .processes import Beside, can_fork
from .project import Project
from .reading import Unreadable, decode, read_bytes
from .selection import Selection
from .suppressions import suppress
from .walk import NOT_UTF8, Walk, is_text, package_around, walk

T = TypeVar("T")

_OF_ALL = frozenset({".", LOCK})
"""What holds for every file, so that findings in it are shown whatever is checked."""


class Checker:
    """Checks the files of one root, and remembers what it has read between calls.

    `check(paths)` looks at files and folders as they are on disk. `check_text(path, text)` looks at one file as an
    editor holds it, saved or not, and gives the findings in it; the file counts as such until `close(path)`.
    Names in diagnostics are relative to `root`. Nothing of what is checked is imported or run.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        selection: Selection | None = None,
        environment: Environment | None = None,
        configuration: Configuration | None = None,
        cache: Cache | None = None,
        faults: tuple[Diagnostic, ...] = (),
        processes: int = 1,
    ) -> None:
        self.root = Path(os.path.abspath(root or os.getcwd()))
        self.selection = selection or Selection()
        self.environment = environment or find_environment(self.root)
        self.configuration = configuration or Configuration()
        self.cache = cache or Cache()
        self._faults = faults
        self._processes = processes if can_fork() else 1
        self.rests_on: dict[str, int] = {}
        """After a check: the states of all that its report rests on."""
        self.walked = Walk()
        """After a check: what it looked at."""
        self._known = Known()
        self._prefix = os.path.join(str(self.root), "")
        self._texts: dict[str, str] = {}
        self._files: dict[str, File] = {}
        self._roots: tuple[str, ...] = ()
        self._unreadable: dict[str, str] = {}
        self._begun = 0
        self._values: dict[str, dict[str, Any]] = {}
        self._kept: set[str] = set()
        self._around: dict[str, int] | None = None
        self._packages = Packages(self.root, self.environment)

    def check(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        last: CachedRun | None = None,
        changed: frozenset[str] = frozenset(),
    ) -> Report:
        """Check everything under `paths`; whatever is wrong with it is in the report, never raised.

        `last` is a run on the same paths, and `changed` what has changed since: the rest is not looked at again.
        """
        given = tuple(os.path.abspath(path) for path in paths)
        if last is not None:
            self._known = Known({path: value for path, value in last.rests_on.items() if path not in changed})
        self._begun = time.time_ns()
        found, folders = self._found_before(given, last, changed) or self._look_around(given)
        self.walked = found
        self._begin(found, folders)
        kinds = {item.path: item.kind for item in found.files}
        for root in self._roots:
            kinds |= self._kinds_of(root)
        loose = {path for path, kind in kinds.items() if kind == "document"}
        self._files = self._read_all(kinds)
        diagnostics = [item for path in self._files for item in self.cache.files[path].diagnostics]
        for root in self._roots:
            diagnostics += self._about_package(root)
        for path, file in self._files.items():
            if path in loose:
                diagnostics += self._packages.about_loose(file, self.selection, self._locate)
                self.rests_on |= {**self._surroundings, **states(self._packages.referred(), self._begun)}
        diagnostics += self._about_project()
        self._forget_what_is_gone(given)
        self._known = Known()
        return self._report(given, found, diagnostics)

    def check_text(self, path: str | os.PathLike[str], text: str, *, alone: bool = False) -> tuple[Diagnostic, ...]:
        """The findings in one file, as if `text` stood in it: of the file itself, its package and the project.

        `alone` leaves out what rules on packages and projects find: fast enough for every key that is pressed.
        """
        place = os.path.abspath(path)
        self.hold(place, text)
        kind = self._kind_in_editor(place, text)
        if kind is None:
            return ()
        self._begun = time.time_ns()
        file = File(place, self._name(place), kind)
        self._hold(file, text)
        self._files[place] = file
        found = list(self.cache.files[place].diagnostics)
        root = package_around(place)
        named = root is not None and (kind == "manifest" or place in self._packages.kinds(root))
        if root is not None and named and not alone:
            found += self._packages.about_one(root, file, self._files, self.selection, self._locate)
        elif kind in ("flow", "constitution", "declared-agent"):
            found += self._packages.about_loose(file, self.selection, self._locate)
        if not alone:
            found += self._project_rules(self._project())
        own = [item for item in dict.fromkeys(found) if item.file == file.name]
        left, _ = suppress(
            without_ignored(own, self.configuration, self._prefix)[0],
            {file.name: self.cache.files[place].suppressions},
            ran=self._ran(found),
        )
        return tuple(sorted(filter(self.selection.shows, left), key=_order))

    def hold(self, path: str | os.PathLike[str], text: str) -> None:
        """Let a file count as if `text` stood in it, until `close`."""
        self._texts[os.path.abspath(path)] = text

    def ask(self, question: Callable[[Project], T]) -> T:
        """What a question other than for findings is answered with, of the files of the last check."""
        with self._packages.resolving():
            return question(self._project())

    def close(self, path: str | os.PathLike[str]) -> None:
        """The editor no longer holds the file: it counts as it is on disk."""
        self._texts.pop(os.path.abspath(path), None)

    def _kind_in_editor(self, path: str, text: str) -> str | None:
        known = self._files.get(path)
        if known is not None:
            return known.kind
        root = package_around(path)
        if root is not None and (kind := self._packages.kinds(root).get(path)) is not None:
            return kind
        name = os.path.basename(path)
        kind = kind_of(name, path.split(os.sep)[:-1]) or kind_of_named(name)
        return sniff(text) if kind == "document" else kind

    def _found_before(
        self, given: tuple[str, ...], last: CachedRun | None, changed: frozenset[str]
    ) -> tuple[Walk, dict[str, int]] | None:
        """What the last run found, when nothing has changed but the contents of files."""
        if last is None or not all(map(os.path.lexists, given)) or any(map(os.path.isdir, changed)):
            return None
        found = msgspec.msgpack.decode(last.walk, type=Walk)
        around = {root for path in given if (root := package_around(path)) is not None}
        same = found.packages.keys() >= around and all(path in self._known for path in found.rests_on)
        return (found, self._known.states(found.rests_on, self._begun)) if same else None

    def _look_around(self, given: tuple[str, ...]) -> tuple[Walk, dict[str, int]]:
        """What lies under some paths, and the states of the folders that say so."""

        def look() -> tuple[Walk, dict[str, int]]:
            found = walk(given, excluded(self.configuration))
            return found, states(found.rests_on, self._begun)

        if self._processes < 2:
            return look()
        beside = Beside(look, tuple[Walk, dict[str, int]])
        self._load()
        return beside.result() or look()

    def _load(self) -> None:
        """Load what most checks need, here as much as files take to be found: a check of next to nothing needs it."""
        examine(File("SKILL.md", "SKILL.md", "skill", "# Skill\n"), b"", CHANGING, self.selection)
        apply(self.selection.on("project", frozenset({"skill"})), Project(self.root, ()), None, self._locate)

    def _begin(self, found: Walk, folders: dict[str, int]) -> None:
        self._unreadable = {}
        self._around = None
        self._roots = tuple(found.packages)
        self._kept = {root for root in self._roots if self._holds(root)}
        self._packages.begin(self._roots)
        self.rests_on = folders | self._known.states(self.environment.paths, self._begun)

    def _holds(self, root: str) -> bool:
        """Whether what is remembered of a package is still true."""
        kept = self.cache.packages.get(root)
        within = os.path.join(root, "")
        held = any(path.startswith(within) for path in self._texts)
        return kept is not None and self._known.hold(kept.rests_on) and not held

    def _kinds_of(self, root: str) -> Mapping[str, str]:
        return self.cache.packages[root].kinds if root in self._kept else self._packages.kinds(root)

    def _read_all(self, kinds: Mapping[str, str]) -> dict[str, File]:
        """Every file that can be read; what is said of those that have changed goes into `cache`."""
        self._unreadable |= {path: NOT_UTF8 for path in kinds if not is_text(path)}
        meant = {
            path: self._sniffed(path) if kind == "document" else kind
            for path, kind in kinds.items()
            if path not in self._unreadable
        }
        files = {path: File(path, self._name(path), kind) for path, kind in meant.items() if kind is not None}
        stale: list[Stale] = []
        for path, file in files.items():
            kept = self.cache.files.get(path)
            if path in self._texts:
                self._hold(file, self._texts[path])
            elif kept is not None and kept.kind == file.kind and kept.state == self._known.state(path):
                self.rests_on[path] = kept.state
            else:
                stale.append(Stale(path, file.name, file.kind, kept if kept and kept.kind == file.kind else None))
        said = examine_all(stale, self._begun, self.selection, processes=self._processes)
        for item, found in zip(stale, said, strict=True):
            self._remember(item.path, found)
            if isinstance(found, str):
                del files[item.path]
        return files

    def _remember(self, path: str, said: Said) -> None:
        if isinstance(said, str):
            self._unreadable[path] = said
            self.cache.files.pop(path, None)
            return
        if said is not self.cache.files.get(path):
            self._values.pop(path, None)
        self.cache.files[path] = said
        self.rests_on[path] = said.state

    def _hold(self, file: File, text: str) -> None:
        """Look at a file that an editor holds, unless it was looked at so before."""
        file.text = text
        path = file.where
        digest = digest_of(text.encode("utf-8", "surrogatepass"))
        kept = self.cache.files.get(path)
        if kept is None or kept.kind != file.kind or kept.digest != digest:
            self._remember(path, examine(file, digest, CHANGING, self.selection))
        self.rests_on[path] = CHANGING

    def _sniffed(self, path: str) -> str | None:
        try:
            kind = sniff(self._texts.get(path) or decode(read_bytes(path)[0]))
        except Unreadable as problem:
            self._unreadable[path] = str(problem)
            return None
        if kind is None:
            self._unreadable[path] = "it is neither a flow, a constitution nor an agent"
        return kind

    def _about_package(self, root: str) -> tuple[Diagnostic, ...]:
        if root not in self._kept:
            found = self._packages.diagnostics(root, self._files, self.selection, self._locate)
            paths = (*files_below(root), *self._packages.used(root))
            rests_on = {**states(paths, self._begun), **self._surroundings}
            self.cache.packages[root] = CachedPackage(rests_on, dict(self._kinds_of(root)), tuple(dict.fromkeys(found)))
        kept = self.cache.packages[root]
        self.rests_on |= kept.rests_on
        return kept.diagnostics

    @property
    def _surroundings(self) -> dict[str, int]:
        if self._around is None:
            self._around = self._packages.surroundings(self._begun)
        return self._around

    def _about_project(self) -> tuple[Diagnostic, ...]:
        digest = self._digest()
        kept = self.cache.project
        if kept is None or kept.digest != digest or not self._known.hold(kept.rests_on):
            project = self._project()
            found = self._project_rules(project)
            known = {path: state for path, state in project.used.items() if state is not None}
            others = [path for path in project.used if path not in known]
            paths = (*others, *self.environment.paths, *self._packages.referred())
            rests_on = known | self._known.states(paths, self._begun)
            kept = self.cache.project = CachedProject(digest, rests_on, tuple(dict.fromkeys(found)))
        self.rests_on |= kept.rests_on
        return kept.diagnostics

    def _forget_what_is_gone(self, given: tuple[str, ...]) -> None:
        """Of what this check was not about, keep what may be asked for again."""
        for path in self.cache.files.keys() - self._files.keys():
            if _is_below(path, given) or not os.path.lexists(path):
                del self.cache.files[path]
        for root in self.cache.packages.keys() - set(self._roots):
            if _is_below(root, given) or not os.path.lexists(root):
                del self.cache.packages[root]

    def _digest(self) -> bytes:
        """A name for all that project rules see."""
        whole = blake2b(digest_size=16)
        for path, file in self._files.items():
            whole.update(f"{path}\0{file.kind}\0".encode("utf-8", "surrogatepass"))
            whole.update(self.cache.files[path].digest)
        for root in self._roots:
            whole.update(repr(self.cache.packages[root].rests_on).encode("utf-8", "surrogatepass"))
        return whole.digest()

    def _project_rules(self, project: Project) -> list[Diagnostic]:
        rules = self.selection.on("project", frozenset(file.kind for file in self._files.values()))
        if not self._roots:
            return apply(rules, project, None, self._locate)
        with self._packages.resolving():
            return apply(rules, project, None, self._locate)

    def _project(self) -> Project:
        return Project(
            self.root, tuple(self._files.values()), self.environment,
            lambda: tuple(self._packages.subject(root, self._files) for root in self._roots),
            self._fact, lambda file: self.cache.files[file.where].digest, self._begun, self._known.is_there,
        )  # fmt: skip

    def _fact(self, fact: Fact[Any], file: File) -> Any:
        """A fact of a file, cached or taken from it; `NOTHING` when there is none."""
        path, name = file.where, fact.name
        values = self._values.setdefault(path, {})
        if name in values:
            return values[name]
        known = self.cache.files[path].facts
        if (data := known.get(name)) is not None:
            value = fact.decoder.decode(data) if data else NOTHING
        else:
            try:
                value = fact.extract(file)
                known[name] = msgspec.msgpack.encode(value)
            except (LevError, Unreadable):
                value, known[name] = NOTHING, b""
        values[name] = value
        return value

    def _locate(self, path: str) -> File | None:
        known = self._files.get(path) or self._files.get(os.path.join(self._prefix, path))
        if known is None and os.path.isfile(path):  # not checked itself, but a reader has found something in it
            return File(path, self._name(path), "other")
        return known

    def _name(self, path: str) -> str:
        name = path[len(self._prefix) :] if path.startswith(self._prefix) else os.path.relpath(path, self.root)
        return name.replace(os.sep, "/")

    def _report(self, given: tuple[str, ...], found: Walk, diagnostics: list[Diagnostic]) -> Report:
        shown = {file.name: path for path, file in self._files.items() if _is_below(path, given)}
        wanted = [
            item
            for item in dict.fromkeys(diagnostics)
            if item.file in shown
            or _is_below(os.path.join(self._prefix, item.file), given)
            or os.path.basename(item.file) in _OF_ALL
        ]
        wanted, ignored = without_ignored(wanted, self.configuration, self._prefix)
        left, count = suppress(
            [*self._faults, *wanted],
            {name: self.cache.files[path].suppressions for name, path in shown.items()},
            ran=self._ran(diagnostics),
        )
        reasons = [*found.not_checked, *((path, "there is no such file") for path in found.missing)]
        reasons += [(path, reason) for path, reason in self._unreadable.items() if _is_below(path, given)]
        return Report(
            tuple(sorted(filter(self.selection.shows, left), key=_order)),
            len(shown),
            tuple(NotChecked(writable(self._name(path)), reason) for path, reason in sorted(reasons)),
            count + ignored,
        )

    def _ran(self, found: list[Diagnostic]) -> Callable[[str, tuple[str, ...]], bool]:
        """Whether all rules that some codes name ran over a file, and over all of it.

        They did not where reading it has failed in part, nor where the constitution or the manifest has errors that
        they are about: what a principle that cannot be read would find is not known.
        """

        @cache
        def unread() -> tuple[frozenset[str], bool]:
            from .registry import rules

            reported = {code for code, rule in rules().items() if rule.check is None}
            files = frozenset(item.file for item in found if item.severity == "error" and item.code in reported)
            above = {file.name for file in self._files.values() if file.kind in ("manifest", "constitution")}
            return files, not above.isdisjoint(files)

        def ran(name: str, codes: tuple[str, ...]) -> bool:
            if not self.selection.ran(codes):
                return False
            files, partly = unread()
            return name not in files and not (partly and self.selection.rests_on_packages(codes))

        return ran


def _order(item: Diagnostic) -> tuple[str, int, int, str, str]:
    return item.file, item.line, item.column, item.code, item.message


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(os.path.join(folder, "")) for folder in folders)


def check(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
) -> Report:
    """Check files and folders, or one. `select` and `ignore` are codes or their beginnings (`CTX`, `CTX3`, `CTX301`).

    Anything wrong with what is checked is in the report; nothing of it is imported or run. What the project's
    `pyproject.toml` says of checks holds here too; raises `InvalidInput` when it cannot be used, and `LevError` for
    a code that no rule has.
    """
    from .session import Request, new_checker

    given = (paths,) if isinstance(paths, (str, os.PathLike)) else paths
    return new_checker(Request((), _codes(select), _codes(ignore)), os.getcwd()).check(given)


def _codes(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
