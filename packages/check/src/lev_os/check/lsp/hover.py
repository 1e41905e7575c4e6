"""What is said of the thing under the cursor, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lev_os.core import Constitution, Package
from lev_os.core.errors import LevError
from lev_os.core.packaging import Export
from lev_os.core.packaging.for_llm import parsed

from ..registry import rules
from ..rule import Rule, Span
from . import schema_walk
from .cursor import Code, Key, Link, Named, Principle, Reference, target_at
from .types import field_of, in_words, schema_of
from .workspace import Open, Workspace

_PREVIEW = 12
"""Lines of a text that are shown."""


def hover(workspace: Workspace, opened: Open, offset: int) -> tuple[str, Span] | None:
    """Markdown, and what it is about; None when there is nothing to say."""
    target = target_at(workspace, opened, offset)
    text: str | None = None
    match target:
        case Reference(export=export, text=written):
            text = about_export(export) if export else f"`{written}` resolves to nothing here"
        case Named():
            text = _name(workspace, opened, target)
        case Key(path=path):
            text = _key(opened, path)
        case Code(code=code):
            text = about_rule(rules()[code]) if code in rules() else None
        case Principle(id=principle):
            text = _principle(opened.package, principle)
        case Link():
            text = _link(workspace, opened, target)
    return (text, target.span) if text and target else None


def about_export(export: Export) -> str:
    """What an export is, what it resolves to for whom, and what it costs a model to read it."""
    try:
        return "\n\n".join((f"**{export.kind}** `{export.specifier}`", *_details(export), _resolves(export)))
    except LevError as error:
        return f"**{export.kind}** `{export.specifier}`\n\n{error.message}"


def _details(export: Export) -> list[str]:
    if export.kind == "tool":
        card = export.package.card(export.subpath)
        effects = card.declaration.effects
        said = "not declared" if effects is None else ", ".join(sorted(effects)) or "none"
        returns = in_words(card.output_schema) if card.output_schema else "any"
        return [card.description, f"takes `{in_words(card.input_schema)}`, gives `{returns}`", f"effects: {said}"]
    if "llm" not in export.conditions and "llm-first" not in export.conditions:
        return []
    if export.kind == "file":
        return [f"{export.for_llm()['tokens']:,} tokens"]
    value = parsed(export, "llm" if "llm" in export.conditions else "llm-first")
    if export.kind == "flow":
        tree = value.tree
        gives = f", gives `{in_words(tree.output_schema)}`" if tree.output_schema else ""
        return [tree.description, f"takes `{in_words(tree.input_schema)}`{gives}"]
    if export.kind in {"context", "skill", "personality"}:
        question = value.metadata.get("lev-question")
        shown = "\n".join(value.body.strip().splitlines()[:_PREVIEW])
        return [
            *([value.description] if value.description else []),
            *([f"asks: {question}"] if question else []),
            f"{value.tokens:,} tokens",
            f"---\n{shown}",
        ]
    if export.kind == "constitution":
        return [f"{len(value.principles)} principles"]
    return []


def _resolves(export: Export) -> str:
    lines = []
    for condition in export.conditions:
        try:
            lines.append(f"- {condition}: `{export.package.target(export.subpath, condition).target}`")
        except LevError:
            continue
    deprecated = [f"deprecated: {export.deprecated}"] if export.deprecated else []
    return "\n".join([*lines, *deprecated])


def _name(workspace: Workspace, opened: Open, target: Named) -> str | None:
    if opened.outline is None:
        return None
    schema = schema_of(workspace, opened, opened.outline, target.name)
    shown = ".".join((target.name.text, *target.fields))
    kind = in_words(field_of(schema, target.fields))
    step = target.name.step
    if target.name.kind == "id" and step is not None and not target.fields:
        said = step.data.get(step.kind)
        return (
            f"`{shown}`: {kind}\n\nthe result of `{step.kind}: {said}`"
            if isinstance(said, str)
            else f"`{shown}`: {kind}"
        )
    return f"`{shown}`: {kind}"


def _key(opened: Open, path: tuple[str | int, ...]) -> str | None:
    name = schema_walk.format_of(opened.file.kind)
    if name is None or opened.document is None or not path:
        return None
    found = schema_walk.properties(name, opened.document.data, path[:-1]).get(str(path[-1]))
    if found is None:
        return None
    said = [found.get("description") or "", f"one of {_listed(found['enum'])}" if "enum" in found else ""]
    kinds = _kinds()
    if path[-1] in kinds and opened.file.kind == "flow":
        said.insert(0, kinds[str(path[-1])])
    return f"`{path[-1]}`\n\n" + "\n\n".join(part for part in said if part)


def _kinds() -> Mapping[str, str]:
    """The kinds of steps with what each does."""
    definitions: Mapping[str, Any] = schema_walk.schema_of_format("flow")["$defs"]
    return {name: found["description"] for name, found in definitions.items() if name in found.get("properties", ())}


def _listed(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def about_rule(rule: Rule) -> str:
    """A rule's summary, why it matters and how to mend what it finds."""
    return f"**{rule.code}** {rule.name} ({rule.severity})\n\n{rule.summary}\n\n{rule.why}\n\n{rule.mend}"


def constitution_of(package: Package | None) -> Constitution | None:
    """What holds in a package; the baseline where it says nothing of its own, None when it cannot be read."""
    try:
        path = package.constitution_path if package is not None else None
        if path is None:
            return Constitution.baseline()
        return Constitution.parse(path.read_bytes(), package=package, path=str(path))
    except (LevError, OSError):
        return None


def _principle(package: Package | None, name: str) -> str | None:
    constitution = constitution_of(package)
    for principle in constitution.principles if constitution else ():
        if principle.id == name:
            head = f"**{principle.id}** ({principle.authority}, {principle.severity}, {principle.on_violation})"
            return "\n\n".join(
                part for part in (head, principle.statement, principle.rationale, principle.source) if part
            )
    return None


def _link(workspace: Workspace, opened: Open, target: Link) -> str | None:
    path = target.path
    if not path.exists():
        return f"`{path.name}` does not exist"
    if target.object is not None:
        from lev_os.core.contexts.signatures import read_signatures

        try:
            found = read_signatures(path.read_text("utf-8")).get(target.object)
        except (OSError, ValueError, SyntaxError):
            return None
        return f"```python\n{found.text}\n```\n\n{found.summary}" if found else None
    if path.suffix == ".md" and path.is_file():
        from lev_os.core.tokens import count

        text = path.read_text("utf-8", "replace")
        return f"`{workspace.shown(path.resolve())}`, {count(text):,} tokens"
    return f"`{workspace.shown(path.resolve())}`"
