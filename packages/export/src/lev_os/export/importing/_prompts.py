"""Prompt templates as flows: one question to a model, with typed input and, where it is declared, a typed answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lev_os.core import Flow
from lev_os.core.contexts.frontmatter import Frontmatter
from lev_os.core.errors import InvalidInput, LevError
from lev_os.core.flowmind.build import ask, return_

from .taken import Head, Taken, files_named, head_of

__all__ = ["Prompt", "messages_of", "object_of", "read_prompts", "take"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """`messages` are roles and texts; places are `variable`, by its first group. `unknown` finds what is no place."""

    name: str
    description: str
    messages: Sequence[tuple[str, str]]
    variable: re.Pattern[str]
    unknown: re.Pattern[str] | None = None
    input: dict[str, Any] = field(default_factory=dict)
    """Schemas of the input's fields."""
    optional: frozenset[str] = frozenset()
    output: Mapping[str, Any] | None = None


def read_prompts(
    path: Path,
    suffix: str,
    known: frozenset[str],
    prompt: Callable[[str, Frontmatter], Prompt],
    *,
    parts: str | None = None,
) -> Taken:
    """Every prompt at or below `path`: what `prompt` makes of a file's name without its suffix, and of what is in it.

    `known` are the keys of a head that are taken; files that begin with `parts` are parts of others, and are not.
    """
    root = path if path.is_dir() else path.parent
    taken = Taken(root.resolve().name)
    for file in files_named(root, f"*{suffix}") if path.is_dir() else [path]:
        where = file.relative_to(root).as_posix()
        if parts is not None and file.name.startswith(parts):
            taken.note(where, "not taken: it is a part of other prompts")
            continue
        head = head_of(file, taken, where)
        if head is None:
            continue
        for key in head.data:
            if key not in known:
                taken.note(where, f"`{key}` is not taken: who answers is decided where a flow runs")
        take(prompt(file.name.removesuffix(suffix), head), taken, where)
    return taken


def messages_of(body: str, role: re.Pattern[str]) -> list[tuple[str, str]]:
    """Roles and texts of a body in which `role` finds where another one speaks; the user does at first."""
    first, *rest = role.split(body)
    pairs = [("user", first), *zip(rest[::2], rest[1::2], strict=True)]
    return [(name, text) for name, text in pairs if text.strip()]


def take(prompt: Prompt, taken: Taken, where: str) -> None:
    """Take a prompt as a flow; as a context, and a note, when its template does more than fill in."""
    text = "\n\n".join(text for _, text in prompt.messages)
    reason = _why_not(prompt)
    if reason is None:
        try:
            taken.flow(prompt.name, _flow(prompt).to_yaml())
            return
        except InvalidInput as error:  # its places are those of a flow that is nowhere written
            reason = error.problems[0].message
        except LevError as error:
            reason = error.message.partition("\n")[0]
    taken.note(where, f"taken as a context, not as a flow: {reason}")
    lost = {
        "who says what (its roles)": any(role != "user" for role, _ in prompt.messages),
        "the types of its input": bool(prompt.input),
        "the schema of its answer": prompt.output is not None,
    }
    if any(lost.values()):
        taken.note(where, f"a context does not have {', '.join(what for what, had in lost.items() if had)}")
    taken.context(prompt.name, text, Head(prompt.description), where)


def object_of(fields: Mapping[str, Any], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The JSON Schema of an object with these fields."""
    required = [name for name, schema in fields.items() if name not in optional and "default" not in schema]
    return {"type": "object", "properties": dict(fields), "required": required, "additionalProperties": False}


def _why_not(prompt: Prompt) -> str | None:
    for role, text in prompt.messages:
        if role not in ("system", "user"):
            return f"it speaks as {role!r}"
        rest = prompt.variable.sub("", text)
        if prompt.unknown is not None and (found := prompt.unknown.search(rest)):
            return f"its template has {found[0]!r}"
    return None


def _flow(prompt: Prompt) -> Flow:
    fields = dict(prompt.input)
    for _, text in prompt.messages:
        for found in prompt.variable.finditer(text):
            name = found[1].partition(".")[0]
            fields.setdefault(name, {} if "." in found[1] else {"type": "string"})
    asked = [_filled(prompt, text) for role, text in prompt.messages if role == "system"]
    about = [_filled(prompt, text) for role, text in prompt.messages if role == "user"]
    if not asked:
        asked, about = about, []
    instruction, data = "\n\n".join(asked), "\n\n".join(about) or None
    if prompt.output is None:
        output: Mapping[str, Any] = object_of({"text": {"type": "string"}})
        steps = [ask(instruction, id="answer", about=data), return_({"text": "${answer}"})]
    else:
        output = prompt.output
        steps = [ask(instruction, id="answer", about=data, returns_schema=output), return_("${answer}")]
    return Flow.build(
        re.sub(r"[^a-z0-9]+", "-", prompt.name.lower()).strip("-") or "prompt",
        description=" ".join(prompt.description.split()) or None,
        input_schema=object_of(fields, prompt.optional) if fields else None,
        output_schema=output,
        steps=steps,
    )


def _filled(prompt: Prompt, text: str) -> str:
    """A text with its places as ours, and with what only looks like one of ours spelled out."""
    pieces = []
    at = 0
    for found in prompt.variable.finditer(text):
        first = found[1].partition(".")[0]
        may_miss = first in prompt.optional and "default" not in prompt.input[first]
        value = f"has(input.{first}) ? input.{found[1]} : ''" if may_miss else f"input.{found[1]}"
        pieces += [_literal(text[at : found.start()]), f"${{{value}}}"]
        at = found.end()
    return "".join([*pieces, _literal(text[at:])]).strip()


def _literal(text: str) -> str:
    return text.replace("${", '${"$"}{')
