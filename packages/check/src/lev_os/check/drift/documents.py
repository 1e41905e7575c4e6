"""Following all the code of one document: fences share what they agree on, and spans speak of it."""

from __future__ import annotations

from collections.abc import Iterator

from ..api.calls import Calls
from ..api.expressions import Call, Expression, dotted
from ..api.values import ClassValue, FunctionValue, InstanceValue, ModuleValue, OneOf, Value
from ..files import File
from .denied import fence_denied, is_history, line_denied, span_denied
from .fences import Bind, Block, FromImport, Import, Statement
from .follow import Drift, Follower, Scope
from .mentions import FIRST, Mentions, Spoken, expression, program

_FILES = frozenset(("py", "pyi", "md", "rst", "txt", "json", "toml", "yaml", "yml", "cfg", "ini", "js", "html", "sh"))
_NOT_MODULES = frozenset(
    {
        "py", "pyi", "md", "mdx", "rst", "txt", "json", "jsonl", "toml", "yaml", "yml", "cfg", "ini", "js",
        "ts", "tsx", "jsx", "css", "html", "htm", "xml", "svg", "png", "jpg", "csv", "sh", "lock", "log",
        "env", "db", "sqlite", "sql", "com", "org", "io", "dev", "net", "ai", "app", "co", "me", "rs",
        "go", "c", "h", "cpp", "java", "rb", "ipynb", "pdf", "exe", "zip", "gz", "whl", "tar", "pth", "so",
    }
)  # fmt: skip


def drifts_in(file: File, named: Mentions, calls: Calls) -> tuple[list[Drift], list[int]]:
    """The drifts of one document in order of place, and the places of what is there."""
    if not _speaks_of_packages(named, calls):
        return [], []
    old = is_history(file)
    drifts: list[Drift] = []
    shared: Scope = {}
    looked: list[int] = []
    doubtful: list[tuple[tuple[Statement, ...], frozenset[str]]] = []
    section, here = 0, frozenset[str]()
    for fence in named.fences:
        here = here if fence.section == section else frozenset()
        section = fence.section
        follower = Follower(calls)
        scope = _known(shared, here)
        body = program(fence, file.text)
        follower.run(body, scope)
        bound = frozenset(_bound(body))
        for name in bound:
            shared[name] = _agreed(shared, name, scope.get(name))
        looked += follower.looked
        if follower.drifts and not old and not fence_denied(file, fence.start):
            doubtful.append((body, here))
        here |= bound
    for body, before in doubtful:  # once more: what it takes from others must be what all the others say
        follower = Follower(calls)
        follower.run(body, _known(shared, before))
        drifts += follower.drifts
    for spoken in named.spans:
        follower = _spoken(spoken, shared, calls)
        looked += follower.looked
        if follower.drifts and not span_denied(file, spoken.span):
            drifts += follower.drifts
    unique = {(drift.what, drift.at): drift for drift in drifts if not line_denied(_line(file.text, drift.at))}
    return sorted(unique.values(), key=lambda drift: drift.at), looked


def _speaks_of_packages(named: Mentions, calls: Calls) -> bool:
    """Whether anything can be looked up: a fence imports what is no part of Python, or a span names a package."""
    finder = calls.types.index.finder
    if any(not finder.is_standard(name) for fence in named.fences for name in fence.imports):
        return True
    firsts = {match[1] for spoken in named.spans if (match := FIRST.match(spoken.text))}
    return any(map(finder.is_installed, firsts))


def _line(text: str, at: int) -> str:
    end = text.find("\n", at)
    return text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)]


def _known(shared: Scope, here: frozenset[str] | None = None) -> Scope:
    """What is known of names: all of it, or what fences of one section (`here`) bind, and what the document imports."""
    return {
        name: value
        for name, value in shared.items()
        if value is not None
        and (here is None or name in here or isinstance(value, ModuleValue | ClassValue | FunctionValue))
    }


def _spoken(spoken: Spoken, shared: Scope, calls: Calls) -> Follower:
    """Follow one code span."""
    follower = Follower(calls)
    finder = calls.types.index.finder
    first = FIRST.match(spoken.text)
    if first is None or (first[1] not in shared and not finder.is_installed(first[1])):
        return follower
    value = expression(spoken)
    top, _, rest = dotted(value).partition(".")
    if rest in _FILES and not isinstance(value, Call):
        return follower
    scope = _known(shared)
    if top in scope:
        if not isinstance(scope[top], ModuleValue) and finder.find(top) is not None:
            return follower  # `mcp` the server, or `mcp` the module: the text does not say
        if "." in rest and not isinstance(value, Call) and scope[top] == ModuleValue(top):
            known = _is_module_path(value, calls)
            scope = scope if known else {}  # `logfire.experiment.name` is as often a key in a trace
    elif top not in shared and _is_module_path(value, calls):
        scope[top] = ModuleValue(top)
    follower.value(value, scope)
    return follower


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
