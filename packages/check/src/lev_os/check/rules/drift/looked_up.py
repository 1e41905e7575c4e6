"""All that a project's documents name, looked up in the APIs of its environment: once for every rule on drift."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from ...api.calls import Calls
from ...api.classes import Classes
from ...api.commands import Commands
from ...api.distributions import Distributions
from ...api.expressions import Expression, dotted
from ...api.finder import Finder
from ...api.index import Index
from ...api.types import Types
from ...api.values import InstanceValue, ModuleValue, OneOf, Value
from ...files import File
from ...project import Project
from .denied import line_denied, span_denied
from .fences import Bind, Block, FromImport, Import, Statement
from .follow import Drift, Follower, Scope
from .mentions import Mentions, expression, mentions

_WORD = re.compile(r"[A-Za-z_]\w*")
_NOT_MODULES = frozenset(
    {
        "py", "pyi", "md", "mdx", "rst", "txt", "json", "jsonl", "toml", "yaml", "yml", "cfg", "ini", "js",
        "ts", "tsx", "jsx", "css", "html", "htm", "xml", "svg", "png", "jpg", "csv", "sh", "lock", "log",
        "env", "db", "sqlite", "sql", "com", "org", "io", "dev", "net", "ai", "app", "co", "me", "rs",
        "go", "c", "h", "cpp", "java", "rb", "ipynb", "pdf", "exe", "zip", "gz", "whl", "tar", "pth", "so",
    }
)  # fmt: skip
_NOTHING = Mentions()


@dataclass(frozen=True)
class LookedUp:
    """What each file names, and what of it is not there; the rest is for what messages say about it."""

    mentions: tuple[tuple[File, Mentions], ...]
    drifts: tuple[tuple[File, tuple[Drift, ...]], ...]
    found: int
    """How many names were looked up and are there."""
    classes: Classes
    distributions: Distributions
    commands: Commands
    own: tuple[str, ...]
    """The folders that the project's own packages lie in."""


def looked_up(project: Project) -> LookedUp:
    """Look everything up; reads the environment, imports nothing."""
    own = source_folders(project)
    paths = tuple(dict.fromkeys([*own, *project.environment.paths]))
    index = Index(Finder(paths))
    classes = Classes(Types(index))
    calls = Calls(classes)
    every = tuple((file, named) for file, named in project.facts(mentions) if named != _NOTHING)
    drifts: list[tuple[File, tuple[Drift, ...]]] = []
    count = 0
    name = "drift " + blake2b("\0".join(paths).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    for file, named in every:
        settled = project.settled(file)
        if name in settled:
            continue
        found, looked = _of_file(file, named, calls)
        count += looked
        if told := tuple(drift for drift in found if not line_denied(_line(file.text, drift.at))):
            drifts.append((file, told))
        else:
            settled.add(name)
    index.store.save()
    project.uses(*index.finder.rested_on(project.environment.paths))
    distributions = Distributions(paths)
    return LookedUp(
        every, tuple(drifts), count, classes, distributions, Commands(index, distributions, own), own
    )  # fmt: skip


def source_folders(project: Project) -> tuple[str, ...]:
    """The folders that the project's own packages lie in: `src`, or beside `pyproject.toml`; for what lies in a
    site-packages, that."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for start in [str(project.root), *(os.path.dirname(file.path) for file in project.files)]:
        folder = start
        while folder not in seen:
            seen.add(folder)
            if os.path.basename(folder) == "site-packages":
                found[folder] = None
            elif any(os.path.isfile(os.path.join(folder, name)) for name in ("pyproject.toml", "setup.py")):
                for place in (os.path.join(folder, "src"), folder):
                    if os.path.isdir(place):
                        found[place] = None
            folder = os.path.dirname(folder)
    return tuple(found)


def _line(text: str, at: int) -> str:
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)]


def _of_file(file: File, named: Mentions, calls: Calls) -> tuple[list[Drift], int]:
    """The drifts of one document, in order of place, and how much was there."""
    drifts: list[Drift] = []
    shared: Scope = {}
    looked = 0
    for fence in named.fences:
        follower = Follower(calls)
        scope: Scope = {name: value for name, value in shared.items() if value is not None}
        follower.run(fence.body, scope)
        bound = set(_bound(fence.body))
        for name in bound:
            shared[name] = _agreed(shared, name, scope.get(name))
        looked += len(follower.looked)
        if not fence.denied:
            drifts += follower.drifts
    known: Scope = {name: value for name, value in shared.items() if value is not None}
    finder = calls.types.index.finder
    for spoken in named.spans:
        words = _WORD.findall(spoken.text)
        if known.keys().isdisjoint(words) and not finder.is_installed(words[0]):
            continue
        value = expression(spoken)
        top = dotted(value).partition(".")[0]
        module = top not in shared and _is_module_path(value, calls)
        follower = Follower(calls)
        follower.value(value, {**known, top: ModuleValue(top)} if module else dict(known))
        looked += len(follower.looked)
        if follower.drifts and not span_denied(file.text, spoken.span):
            drifts += follower.drifts
    unique = {(drift.what, drift.at): drift for drift in drifts}
    return sorted(unique.values(), key=lambda drift: drift.at), looked


def _agreed(shared: Scope, name: str, value: Value) -> Value:
    """What a name means in the whole document: nothing, as soon as two fences disagree."""
    if name not in shared:
        return value
    before = shared[name]
    if isinstance(before, InstanceValue) and isinstance(value, InstanceValue) and before.of.shape is value.of.shape:
        return before
    if isinstance(before, OneOf) or isinstance(value, OneOf):
        return None
    same = before == value or (getattr(before, "shape", 0) is getattr(value, "shape", 1))
    return before if same else None


def _bound(statements: tuple[Statement, ...]) -> Iterator[str]:
    """The names that a fence binds itself, at its top level."""
    for statement in statements:
        match statement:
            case Import(bound=name) | FromImport(bound=name):
                yield name
            case Bind(names=names):
                yield from names
            case Block(body=body):
                yield from _bound(body)
            case _:
                name = getattr(getattr(statement, "function", None) or getattr(statement, "shape", None), "name", "")
                if name:
                    yield name


def _is_module_path(expression: Expression, calls: Calls) -> bool:
    """Whether a dotted name in a span means an installed package, though no fence binds its first part.

    `mcp.tool` is as often a variable as a module, `config.yaml` a file and `acme.dev` a host. So the second part must
    be a module of the package, or look like a class.
    """
    top, _, rest = dotted(expression).partition(".")
    second, _, deeper = rest.partition(".")
    if not rest or rest.rpartition(".")[2] in _NOT_MODULES:
        return False
    finder = calls.types.index.finder
    source = finder.find(top)
    if finder.is_standard(top) or source is None or not source.is_package:
        return False
    return second[:1].isupper() or bool(deeper and finder.find(f"{top}.{second}"))
