"""`agents-md`: a pointer to each package in the files that coding agents read first; never a catalogue of texts.

Between markers in AGENTS.md (https://agents.md), CLAUDE.md, GEMINI.md and Copilot's instructions, as a rule of its own
for Cursor. A context that says which files it is about (`lev-applies-to`) is pointed to from the AGENTS.md nearest to
those files, and by the scoped rules of Copilot and Cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lev_os.core import Package

from ..target import Lost, Pointer, Rendered, Target
from ._parts import Page, Parts, compact
from ._skill import Skill, unshared

__all__ = ["TARGET"]

_BLOCKS = ("CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md")
_MOST = 20
"""Packages that are pointed to one by one."""
_MOST_WORDS = 160


def _render(packages: Sequence[Package]) -> Rendered:
    every = [Parts(package) for package in packages]
    skills = unshared(every)  # others of the same name may lie where a pointer would lead
    text = _text(every, skills)
    pointers = []
    files = {".cursor/rules/lev-packages.mdc": _rule("Packages that come with instructions", text, always=True)}
    for parts in every:
        for page in parts.pages:
            globs = tuple(page.context.metadata.get("lev-applies-to", "").split())
            if globs:
                line = _line(page, globs, skills)
                name = f"lev-{'-'.join(page.export.specifier.replace('.', '-').replace('_', '-').split('/'))}"
                pointers.append(Pointer(globs, line))
                files[f".cursor/rules/{name}.mdc"] = _rule(page.context.description, line, globs=globs)
                files[f".github/instructions/{name}.instructions.md"] = _scoped(line, globs)
    scoped = "".join(f"\n{pointer.line}" for pointer in pointers)
    others = text + (f"\n\nBefore you change files like these, read:\n{scoped}" if scoped else "")
    blocks = {"AGENTS.md": text, **dict.fromkeys(_BLOCKS[:2], others), _BLOCKS[2]: text}
    lost = tuple(
        Lost(parts.package.name, "is pointed to; its texts are read with the skill or with `lev show`")
        for parts in every
    )
    return Rendered(files, blocks, lost, pointers=tuple(pointers))


def _text(every: Sequence[Parts], skills: Sequence[Skill]) -> str:
    lines = ["## Packages that come with instructions", ""]
    if len(every) > _MOST:
        return "\n".join([*lines, f"{len(every)} packages: `lev list` names them, `lev show NAME` prints a text."])
    lines += ["Before you work with one of these, read its file; where it is missing, run the command.", ""]
    for parts in every:
        lines.append(f"- `{parts.package.name}`{_about(parts)}: {', '.join(_ways(parts, skills))}")
    return "\n".join(lines)


def _about(parts: Parts) -> str:
    words = parts.about.summary.rstrip(".")
    if len(words) > _MOST_WORDS:
        words = words[:_MOST_WORDS].rsplit(" ", 1)[0] + "…"
    return f" ({words})" if words else ""


def _ways(parts: Parts, skills: Sequence[Skill]) -> Iterator[str]:
    for skill in [skill for skill in skills if skill.package == parts.package.name][:3]:
        yield f"`.agents/skills/{skill.name}/SKILL.md`"
    yield f"`lev show {parts.package.name}`" if parts.index else f"`lev list {parts.package.name}`"


def _line(page: Page, globs: Sequence[str], skills: Sequence[Skill]) -> str:
    places = [(skill.name, skill.places.get(page.context.specifier)) for skill in skills]
    place = "".join(f"`.agents/skills/{name}/{path}`, " for name, path in places if path)
    files = ", ".join(f"`{glob}`" for glob in globs)
    about = f" ({page.context.description.rstrip('.')})" if page.context.description else ""
    return f"- {files}: {place}`lev show {page.export.specifier}`{about}"


def _rule(description: str, text: str, *, globs: Sequence[str] = (), always: bool = False) -> bytes:
    head = [f"description: {compact(description)}"]
    if globs:
        head.append(f"globs: {','.join(globs)}")
    head.append(f"alwaysApply: {'true' if always else 'false'}")
    return "\n".join(["---", *head, "---", text, ""]).encode()


def _scoped(line: str, globs: Sequence[str]) -> bytes:
    return (
        f"---\napplyTo: {compact(','.join(globs))}\n---\nBefore you change files like these, read:\n\n{line}\n".encode()
    )


TARGET = Target("agents-md", "pointers in AGENTS.md, CLAUDE.md, GEMINI.md, Copilot's and Cursor's files", _render)
