"""`contexts(spec)`: what a package says to a model, in an agent's instructions, and more of it on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lev_os.core import Context, LevError, tool
from lev_os.core.packaging import Export, Package, find, load_package
from lev_os.core.packaging.for_llm import parsed
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from ._lending import Lender

_KINDS = ("context", "skill", "personality")


def contexts(*specs: str | Package | Context) -> AbstractCapability[Any]:
    """Contexts of packages as instructions, in this order.

    A specifier (`acme_support/contexts/tone`) names one context. A package stands for what it loads up front, its
    export `.`; the agent can read its other contexts with the tool `read_context`. Raises `LevError` for what is not
    exported or is no context, and for a context with parameters.
    """
    up_front: list[Context] = []
    on_request: dict[str, Export] = {}
    for spec in specs:
        if isinstance(spec, Context):
            up_front.append(spec)
        elif isinstance(spec, Package) or "/" not in spec.removeprefix("lev://"):
            package = spec if isinstance(spec, Package) else load_package(spec)
            up_front += _front(package)
            on_request |= {export.specifier: export for export in package.exports() if _is_more(export)}
        else:
            package, subpath = find(spec)
            up_front.append(_context(package.export(subpath)))
    if not up_front and not on_request:
        raise LevError("no context is named", help='contexts("acme_support") or contexts("acme_support/contexts/tone")')
    return _Contexts(tuple(up_front), on_request)


def as_instructions(parts: Iterable[Context | str]) -> list[str]:
    """Contexts and texts as instructions: a context says its name, a text is what it is."""
    return [part if isinstance(part, str) else _marked(part) for part in parts]


@dataclass(init=False, eq=False)
class _Contexts(Lender):
    def __init__(self, up_front: Sequence[Context], on_request: dict[str, Export]) -> None:
        self.up_front = tuple(up_front)
        self.on_request = on_request

    def get_instructions(self) -> list[str]:
        listed = [f"- {name}: {_context(export).description}" for name, export in self.on_request.items()]
        more = ["\n".join(["More can be read with `read_context`:", *listed])] if listed else []
        return [*as_instructions(self.up_front), *more]

    def get_toolset(self) -> AbstractToolset[Any] | None:
        if not self.on_request:
            return None
        names = Literal[tuple(self.on_request)]  # type: ignore[valid-type]  # known only when the agent is made

        @tool(effects=(), idempotent=True)
        def read_context(name: names) -> str:  # type: ignore[valid-type]  # the same
            """Read one of the package's other contexts."""
            return _context(self.on_request[name]).text

        # The annotation is a value of this function, which a string of it would not find.
        read_context.__annotations__["name"] = names
        return FunctionToolset([read_context])


def _front(package: Package) -> list[Context]:
    """What a package loads up front: its export `.`, if that is a text."""
    found = [export for export in package.exports() if export.subpath == "." and "llm-first" in export.conditions]
    return [_read(export) for export in found if package.resolve(".", "llm-first").path is not None]


def _is_more(export: Export) -> bool:
    return export.subpath != "." and export.kind in _KINDS and "llm" in export.conditions


def _context(export: Export) -> Context:
    if export.kind not in _KINDS:
        raise LevError(
            f"{export.specifier} is a {export.kind}, not a context", help="`lev list --kind context` lists contexts"
        )
    return _read(export)


def _read(export: Export) -> Context:
    if export.subpath == ".":
        text, path = export.package.read(".", "llm-first")
        found = Context.parse(text, path=str(path), package=export.package, specifier=export.specifier)
    else:
        found = parsed(export, "llm-first" if "llm-first" in export.conditions else "llm")
    if found.params:
        raise LevError(
            f"{found.specifier} has parameters ({', '.join(found.params)})", help="only a flow has values for them"
        )
    return found


def _marked(context: Context) -> str:
    return f'<context name="{context.specifier}">\n{context.text.strip()}\n</context>'
