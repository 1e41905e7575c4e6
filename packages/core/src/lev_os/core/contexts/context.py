"""`Context`: one Markdown file as a model gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import tokens
from ..canonical import digest_bytes
from ..errors import Problem
from . import render
from .frontmatter import DEFAULT_PRIORITY, read_frontmatter
from .markdown import Span, read_layout
from .references import Reference, read_reference
from .source import Lines, read

if TYPE_CHECKING:
    from ..packaging import Package


@dataclass(frozen=True)
class Context:
    """A context. `body` is its Markdown as written; `text` is what a model sees of it.

    In `text` a link to a code object has become that object's signature and first docstring line. `problems` are
    warnings (links that lead nowhere); errors are raised by `parse`.
    """

    specifier: str
    name: str
    description: str
    frontmatter: Mapping[str, Any]
    metadata: Mapping[str, str]
    body: str
    text: str
    kind: str = "context"
    priority: int = DEFAULT_PRIORITY
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()
    path: Path | None = None

    @classmethod
    def parse(
        cls,
        text: str | bytes,
        *,
        path: str | Path | None = None,
        package: Package | None = None,
        specifier: str | None = None,
    ) -> Context:
        """Read a context; raises `InvalidInput` with every problem, each at file:line:column.

        Files that its links name are read only inside `package`, or beside `path` when there is no package.
        """
        file = None if path is None else Path(path)
        shown = None if file is None else str(file)
        source = read(text, path=shown)
        head = read_frontmatter(source, path=shown)
        layout = read_layout(head.body)
        lines = Lines(head.body.encode(), shown, first_line=head.body_line)
        found = (read_reference(link, lines.at(link.span[0]), file=file, package=package) for link in layout.links)
        references = tuple(reference for reference in found if reference is not None)
        params = head.words("lev-params")
        visible = _expand(head.body, references)
        if params:
            render.check(head.body, layout.code, params, lines)
        name = head.data.get("name") or _default_name(specifier, file)
        return cls(
            specifier=specifier or name,
            name=name,
            description=head.data.get("description") or "",
            frontmatter=head.data,
            metadata=head.metadata,
            body=head.body,
            text=visible,
            kind=head.metadata.get("lev-kind") or ("skill" if file and file.name == "SKILL.md" else "context"),
            priority=int(head.metadata.get("lev-priority", DEFAULT_PRIORITY)),
            requires=head.words("lev-requires"),
            conflicts=head.words("lev-conflicts"),
            params=params,
            references=references,
            problems=tuple(reference.problem for reference in references if reference.problem),
            path=file,
        )

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the hash of `text`."""
        return digest_bytes(self.text.encode())

    @cached_property
    def tokens(self) -> int:
        """The o200k tokens of `text`."""
        return tokens.count(self.text)

    def render(self, scope: Mapping[str, Any]) -> str:
        """`text` with every `${…}` outside code evaluated over `scope`; `text` itself when there are no `lev-params`.

        Raises `LevError` when a parameter is missing from `scope` or an expression fails.
        """
        return render.render_text(self.text, self.params, scope, self.specifier)


def _default_name(specifier: str | None, file: Path | None) -> str:
    if specifier:
        return specifier.rsplit("/", 1)[-1]
    if file is None:
        return "context"
    return file.parent.name if file.name == "SKILL.md" and file.parent.name else file.stem


def _expand(body: str, references: tuple[Reference, ...]) -> str:
    """The body with links to code objects replaced by what a model needs to know of them."""
    changes = [(found.span, _shown(found)) for found in references if found.signature is not None]
    return _replace(body, changes) if changes else body


def _replace(body: str, changes: list[tuple[Span, str]]) -> str:
    data = body.encode()
    pieces: list[bytes] = []
    end = 0
    for (start, stop), text in sorted(changes):
        pieces += [data[end:start], text.encode()]
        end = stop
    return b"".join([*pieces, data[end:]]).decode()


def _shown(found: Reference) -> str:
    assert found.signature is not None
    ticks = "``" if "`" in found.signature.text else "`"
    return f"{ticks}{found.signature.text}{ticks}{_summary(found.signature.summary)}"


def _summary(summary: str) -> str:
    """In brackets; as code when it holds what would be an expression in the text around it."""
    if not summary:
        return ""
    return f" (`{summary}`)" if "${" in summary else f" ({summary})"
