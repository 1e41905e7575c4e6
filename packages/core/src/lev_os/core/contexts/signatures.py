"""What a model sees of a code object: its signature and first docstring line, from the syntax tree.

Nothing is imported: the contents of packages are data.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Signature:
    """`text` is one line, as in the source; `summary` the first docstring line, or empty."""

    text: str
    summary: str = ""


def read_signatures(source: str) -> dict[str, Signature]:
    """Every function, class and annotated name of a module, methods as `Class.method`; raises `SyntaxError`."""
    return dict(_members(ast.parse(source).body, ""))


def _members(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Signature]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, Signature(_function(node, prefix), _summary(node))
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, Signature(_class(node, prefix), _summary(node))
            yield from _members(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id, Signature(f"{prefix}{node.target.id}: {ast.unparse(node.annotation)}")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield prefix + target.id, Signature(prefix + target.id)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> str:
    arguments = node.args
    if arguments.args and (
        _is_tool_context(arguments.args[0]) or (prefix and arguments.args[0].arg in ("self", "cls"))
    ):
        arguments = ast.arguments(
            posonlyargs=arguments.posonlyargs,
            args=arguments.args[1:],
            vararg=arguments.vararg,
            kwonlyargs=arguments.kwonlyargs,
            kw_defaults=arguments.kw_defaults,
            kwarg=arguments.kwarg,
            defaults=arguments.defaults,
        )
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    word = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{word}{prefix}{node.name}({ast.unparse(arguments)}){returns}"


def _is_tool_context(argument: ast.arg) -> bool:
    """`ctx: ToolContext[...]` is given by Leviathan, not by the caller."""
    annotation = argument.annotation
    name = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return argument.arg == "ctx" and ast.unparse(name).endswith("ToolContext") if name else False


def _class(node: ast.ClassDef, prefix: str) -> str:
    bases = ", ".join(map(ast.unparse, node.bases))
    return f"class {prefix}{node.name}({bases})" if bases else f"class {prefix}{node.name}"


def _summary(node: _Definition) -> str:
    docstring = ast.get_docstring(node)
    return inspect.cleandoc(docstring).split("\n", 1)[0].strip() if docstring else ""
