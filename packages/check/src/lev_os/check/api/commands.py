"""Installed commands: which flags and subcommands their source speaks of.

A command line cannot be read from source in general, so this asks less: a flag that a package spells nowhere, neither
as text nor as a parameter that Typer makes a flag of, is not one of its flags. Commands whose parser takes what it does
not know, or has plugins, cannot be told.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import msgspec
from lev_os.core.caches import replace_cache

from ..cache import state
from ..patterns import Pattern
from .distributions import Distributions
from .index import Bound, Index
from .shapes import Alias

_FLAG = Pattern(r"--[A-Za-z][\w-]*")
_PARAMETER = Pattern(r"\b([a-z]\w*)\s*:\s*[\w\"']")
_WORD = Pattern(r"[\"']([A-Za-z][\w:.-]*)[\"']|\bdef (\w+)|\bclass (\w+)")
_IMPORTED = Pattern(r"^[ \t]*(?:from|import) (\w+)", re.MULTILINE)
_FRAMEWORKS = frozenset({"argparse", "click", "typer", "rich_click", "asyncclick"})
_FRAMEWORK = Pattern(rf"\b(?:import|from) (?:{'|'.join(sorted(_FRAMEWORKS))})\b")
_GROUPS = Pattern(r"\badd_subparsers\(|\.group\(|\.add_typer\(|\.add_command\(|(?<!click)\.command\(")
_SEVERAL = Pattern(r"\badd_subparsers\(|\bclick\.group\(|\.add_typer\(|\.add_command\(")
_OPEN = Pattern(
    r"\b(?:import|from) (?:cyclopts|fire|docopt|cleo|absl|tyro|jsonargparse|simple_parsing|argh|hydra|traitlets|"
    r"configargparse|knack|cliff|invoke|plumbum|pydantic_settings)\b|"
    r"parse_known_args|allow_extra_args|ignore_unknown_options|unknown_options|UNPROCESSED|entry_points\(|"
    r"iter_entry_points|REMAINDER|load_setuptools_entrypoints|pluggy|prefix_chars"
)
_CONTINUED = Pattern(r"^[ \t]+\S|^\[(?:DEFAULT)?\]|\r(?!\n)|[\v\f\x1c-\x1e\x85\u2028\u2029]", re.MULTILINE)
"""What `configparser` reads in ways of its own."""
_ALWAYS = frozenset({"--help", "--version", "--install-completion", "--show-completion"})
_LONGEST = 5
_MOST_BYTES = 32 * 1024 * 1024


class Vocabulary(msgspec.Struct, frozen=True, array_like=True):
    """What the source of a command spells. `words` may be subcommands, where its own module makes a group of them."""

    flags: frozenset[str]
    words: frozenset[str]
    has_subcommands: bool
    open: bool


class _Remembered(msgspec.Struct, array_like=True):
    code: str
    packages: list[str]
    stamp: str
    vocabulary: Vocabulary | None


class Commands(msgspec.Struct, dict=True):
    """The commands that the environment's distributions and the project's own packages install."""

    index: Index
    distributions: Distributions
    own: tuple[str, ...] = ()
    rests_on: set[str] = msgspec.field(default_factory=set)
    """The files that answers came from."""
    _read: dict[str, Vocabulary | None] = msgspec.field(default_factory=dict)

    @cached_property
    def scripts(self) -> dict[str, str]:
        """The entry point (`module:object`) of each command."""
        found: dict[str, str] = {}
        for distribution in self.distributions.by_name.values():
            found |= _entry_points(os.path.join(distribution.folder, "entry_points.txt"))
        for folder in self.own:
            for place in (Path(folder), Path(folder).parent):
                self.rests_on.add(str(place / "pyproject.toml"))
                found |= _project_scripts(place / "pyproject.toml")
        return found

    def vocabulary(self, program: str, *, as_module: bool = False) -> Vocabulary | None:
        """What the source behind a command spells; None when it cannot be told what flags it takes.

        `as_module`: it is run with `python -m`.
        """
        target = f"{program}.__main__:" if as_module else self.scripts.get(program, "")
        module, _, rest = target.partition(":")
        if not module:
            return None
        if target not in self._read:
            home = self._home(module.strip(), rest.partition("[")[0].strip())
            found = self._vocabulary(home)
            self._read[target] = None if found is None or found.open else found
        return self._read[target]

    def _home(self, module: str, name: str) -> str:
        """The module that an entry point is defined in, past those that only pass it on."""
        for _ in range(_LONGEST):
            bound = self.index.bound(module, name)
            binding = bound.bindings[0] if isinstance(bound, Bound) and bound.bindings else None
            if not isinstance(binding, Alias):
                return bound.home if isinstance(bound, Bound) and bound.bindings else module
            module, name = binding.module, binding.name
        return module

    def _vocabulary(self, module: str) -> Vocabulary | None:
        packages = self._packages(module)
        folder = self.index.store.folder
        cache = ""
        if folder is not None and packages:
            source = self.index.finder.find(packages[0])
            place = (source.path or source.folders) if source is not None else ""
            cache = os.path.join(folder, f"command-{_digest(f'{module} {place}')}.msgpack")
            remembered = _remembered(cache, self.index.store.code)
            if remembered is not None and self._stamp(remembered.packages) == remembered.stamp:
                return remembered.vocabulary
        vocabulary, packages = self._spelled(module, packages)
        if cache:
            stamp = self._stamp(packages, time.time_ns())
            entry = _Remembered(self.index.store.code, packages, stamp, vocabulary)
            replace_cache(cache, msgspec.msgpack.encode(entry))
        return vocabulary

    def _stamp(self, packages: Iterable[str], begun: int | None = None) -> str:
        """A digest of the names and states of all sources of some packages; see `cache.state` for `begun`."""
        files = sorted(path for package in packages for path in self._files(package))
        return _digest("\n".join(f"{path} {state(path, begun)}" for path in files))

    def _spelled(self, module: str, packages: list[str]) -> tuple[Vocabulary | None, list[str]]:
        """What the packages spell, and those that their groups of commands import; None without a known framework."""
        flags, words = set(_ALWAYS), set[str]()
        framework = opens = False
        source = self.index.finder.find(module)
        subcommands = _SEVERAL.search(_text(source.path) if source is not None else "") is not None
        packages = list(packages)
        size = 0
        for package in packages:  # grows while it is walked
            for path in self._files(package):
                size += _size(path)
                if size > _MOST_BYTES:
                    return None, packages
                text = _text(path)
                flags.update(_FLAG.findall(text))
                opens |= _OPEN.search(text) is not None
                if not _FRAMEWORK.search(text):
                    continue
                framework = True
                words.update(_words(text), (Path(path).stem.replace("_", "-"),))
                if "typer" in text or "click" in text:
                    for name in _PARAMETER.findall(text):
                        flag = name.replace("_", "-")
                        flags.update((f"--{flag}", f"--no-{flag}"))
                if _GROUPS.search(text):
                    packages += self._others(_IMPORTED.findall(text), packages)
        if not framework:
            return None, packages
        return Vocabulary(frozenset(flags), frozenset(words), subcommands, opens), packages

    def _others(self, tops: Iterable[str], known: list[str]) -> list[str]:
        finder = self.index.finder
        new = (top for top in dict.fromkeys(tops) if top not in known and top not in _FRAMEWORKS)
        return [top for top in new if not finder.is_standard(top) and finder.find(top) is not None]

    def _packages(self, module: str) -> list[str]:
        """The package of the entry point, and those that its module takes names from: a command may be only a door."""
        tops = [module.partition(".")[0]]
        shape = self.index.module(module)
        for bindings in shape.members.values() if shape is not None else ():
            for binding in bindings:
                if isinstance(binding, Alias):
                    tops.append(binding.module.partition(".")[0])
        return [tops[0], *self._others(tops[1:], tops[:1])]

    def _files(self, package: str) -> Iterator[str]:
        source = self.index.finder.find(package)
        if source is None:
            return
        if source.path and not source.folders:
            self.rests_on.add(source.path)
            yield source.path
        for root in source.folders:
            for folder, _, names in os.walk(root):
                self.rests_on.add(folder)
                for name in names:
                    if name.endswith(".py"):
                        path = os.path.join(folder, name)
                        self.rests_on.add(path)
                        yield path


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[1] or match[2] or match[3]
        yield from (word, word.replace("_", "-"), word.lower())


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _remembered(path: str, code: str) -> _Remembered | None:
    try:
        with open(path, "rb") as stream:
            remembered = msgspec.msgpack.decode(stream.read(), type=_Remembered)
    except (OSError, msgspec.MsgspecError):
        return None
    return remembered if remembered.code == code else None


def _entry_points(path: str) -> dict[str, str]:
    text = _text(path)
    if "console_scripts" not in text:
        return {}
    if _CONTINUED.search(text) is None:
        return _plain_entry_points(text)
    import configparser

    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return dict(parser["console_scripts"]) if parser.has_section("console_scripts") else {}


def _plain_entry_points(text: str) -> dict[str, str]:
    """As `configparser` reads a file in which every entry is on a line of its own, and many times faster."""
    found: dict[str, str] = {}
    section = None
    for line in map(str.strip, text.split("\n")):
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        if line[0] == "[" and "]" in line:
            section = line[1 : line.rindex("]")]
        elif section is None or not equals or not name:
            return {}  # it is no such file
        elif section == "console_scripts":
            found[name.strip()] = value.strip()
    return found


def _project_scripts(path: Path) -> dict[str, str]:
    import tomllib

    try:
        project = tomllib.loads(path.read_text("utf-8")).get("project")
    except (OSError, ValueError):
        return {}
    scripts = project.get("scripts") if isinstance(project, dict) else None
    if not isinstance(scripts, dict):
        return {}
    return {name: target for name, target in scripts.items() if isinstance(target, str)}
