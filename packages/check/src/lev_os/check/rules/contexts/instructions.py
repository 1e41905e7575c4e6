"""AGENTS.md and its siblings: imports, and the heads of rules, commands and agents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ...facts import fact
from ...files import File
from ...patterns import Pattern
from ...project import Project
from ...rule import Example, Finding, rule
from .._head import key_span, meant_by, value_span
from .names import VERIFIED

_IMPORT = Pattern(
    r"(?:(?<=\s)|^)@(?P<path>(?:~/|\.{0,2}/)?[\w.-]+(?:/[\w.-]+)*\.(?:md|mdc|txt|json|ya?ml|toml))\b", re.M
)


@fact("imports", kinds={"instructions"}, type=tuple[tuple[str, int, int], ...])
def imports(file: File) -> tuple[tuple[str, int, int], ...]:
    """The files that a CLAUDE.md or GEMINI.md takes in with `@path`, with their places; not those in code."""
    if "@" not in file.text or not file.path.name.startswith(("CLAUDE", "GEMINI")):
        return ()
    return tuple(
        (found["path"], *found.span())
        for found in _IMPORT.finditer(file.text)
        if file.markdown.code_at(found.start()) is None
    )


@rule(
    "CTX701",
    "import-missing",
    summary="CLAUDE.md or GEMINI.md imports a file that does not exist.",
    on="project",
    severity="error",
    why="`@path` takes the file into the prompt. A missing one is passed over in silence.",
    mend="Correct the path; it is relative to the file that imports. To mention a path only, write it in backquotes.",
    source="https://code.claude.com/docs/en/memory",
    verified=VERIFIED,
    bad=Example({"CLAUDE.md": "See @docs/style.md for style.\n"}, ("CLAUDE.md", 1, 5)),
    good=Example({"CLAUDE.md": "@AGENTS.md\nMention `@docs/style.md` or me@x.md.\n", "AGENTS.md": "Text.\n"}),
)
def import_missing(project: Project) -> Iterator[Finding]:
    """Imports without a file; those from the home folder are the user's own and are not looked at."""
    for file, found in project.facts(imports):
        for path, start, end in found:
            whole = os.path.join(file.path.parent, path)
            project.uses(whole)
            if not path.startswith("~") and not os.path.exists(whole):
                message = f"the imported file `{path}` does not exist"
                yield Finding((start, end), message, file=file.where)


_CURSOR = frozenset({"description", "globs", "alwaysApply"})


@rule(
    "CTX702",
    "cursor-rule-head",
    summary="A Cursor rule's frontmatter decides nothing, or not what it seems to.",
    on="file",
    kinds={"instructions"},
    severity="warning",
    why="A rule applies always (`alwaysApply: true`), to files (`globs`), or when its `description` fits. With none of "
    "them it applies only when it is named by hand.",
    mend="Write one of the three; `globs` is text with commas between patterns, `alwaysApply` is true or false.",
    source="https://docs.cursor.com/context/rules",
    verified=VERIFIED,
    bad=(
        Example({".cursor/rules/a.mdc": "---\nalwaysApply: sometimes\n---\nText.\n"}, (".cursor/rules/a.mdc", 2, 14)),
        Example({".cursor/rules/a.mdc": "---\nglob: '*.ts'\n---\nText.\n"}, (".cursor/rules/a.mdc", 2, 1)),
    ),
    good=Example({".cursor/rules/a.mdc": "---\ndescription:\nglobs: '*.ts,*.tsx'\nalwaysApply: false\n---\nText.\n"}),
)
def cursor_rule_head(file: File) -> Iterator[Finding]:
    """The three keys of a `.mdc` file."""
    if not file.path.name.endswith(".mdc"):
        return
    read = file.head
    if read is None:
        return
    head, fields = read
    always = fields.get("alwaysApply")
    if always is not None and not isinstance(always, bool):
        yield Finding(value_span(file, head, "alwaysApply"), "`alwaysApply` must be true or false")
    for key in fields:
        if key not in _CURSOR and (key == "glob" or meant_by(str(key), _CURSOR - fields.keys())):
            yield Finding(
                key_span(file, head, key), f"Cursor does not know `{key}`", f"known: {', '.join(sorted(_CURSOR))}"
            )


@rule(
    "CTX703",
    "instructions-apply-to",
    summary="A `.instructions.md` file does not say which files it is for.",
    on="file",
    kinds={"instructions"},
    severity="warning",
    why="Copilot adds `.github/instructions/*.instructions.md` to a request only where `applyTo` matches a file.",
    mend='Write `applyTo: "**"`, or the patterns with commas between them.',
    source="https://docs.github.com/en/copilot/how-tos/configure-custom-instructions/add-repository-instructions",
    verified=VERIFIED,
    bad=Example(
        {".github/instructions/py.instructions.md": "---\napplyTo: [1]\n---\nText.\n"},
        (".github/instructions/py.instructions.md", 2, 10),
    ),
    good=Example({".github/instructions/py.instructions.md": '---\napplyTo: "**/*.py"\n---\nText.\n'}),
)
def instructions_apply_to(file: File) -> Iterator[Finding]:
    """The key `applyTo`."""
    if not file.path.name.endswith(".instructions.md"):
        return
    read = file.head
    if read is None:
        if file.markdown.head is None:
            yield Finding((0, 1), "without `applyTo` the instructions are used only when they are attached by hand",
                          'begin with ---, `applyTo: "**"`, ---', severity="info")  # fmt: skip
        return
    head, fields = read
    value = fields.get("applyTo")
    if isinstance(value, str) and value.strip():
        return
    if value is None:
        if "description" not in fields:
            yield Finding((0, 3), "the instructions have no `applyTo`", 'write `applyTo: "**"`', severity="info")
    elif not (isinstance(value, list) and value and all(isinstance(item, str) for item in value)):
        yield Finding(value_span(file, head, "applyTo"), "`applyTo` must be patterns of files")


_AGENT_NAME = Pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@rule(
    "CTX704",
    "agent-head",
    summary="A Claude Code agent has no name or description.",
    on="file",
    kinds={"agent"},
    severity="error",
    why="Claude Code needs `name` and `description` to offer the agent; without them the file is not loaded.",
    mend="Write both: a name of lower-case letters and hyphens, and when the agent should be used.",
    source="https://code.claude.com/docs/en/sub-agents",
    verified=VERIFIED,
    bad=Example({".claude/agents/review.md": "---\nname: review\n---\nText.\n"}, (".claude/agents/review.md", 1, 1)),
    good=Example({".claude/agents/review.md": "---\nname: review\ndescription: Reviews code.\n---\nText.\n"}),
)
def agent_head(file: File) -> Iterator[Finding]:
    """The required keys of an agent."""
    read = file.head
    if read is None:
        if file.markdown.head is None and file.path.name != "README.md":
            yield Finding((0, 1), "the agent has no frontmatter, so it is not loaded", severity="warning")
        return
    head, fields = read
    for key in ("name", "description"):
        if not isinstance(fields.get(key), str) or not fields[key].strip():
            yield Finding(value_span(file, head, key) if key in fields else (0, 3), f"the agent has no `{key}`")


_COMMAND_KEYS = frozenset(
    {"description", "allowed-tools", "argument-hint", "arguments", "model", "disable-model-invocation", "name",
     "user-invocable", "when_to_use", "effort", "context", "agent", "hooks", "paths", "shell", "disallowed-tools"}
)  # fmt: skip


@rule(
    "CTX705",
    "command-head",
    summary="A key in a Claude Code command's frontmatter is misspelt.",
    on="file",
    kinds={"command"},
    severity="warning",
    why="Unknown keys are ignored in silence: a misspelt `allowed-tools` grants nothing. Keys of other tools (`tags`, "
    "`agents`) are left alone: only what differs from a key of Claude Code in case, hyphens or a letter is reported.",
    mend="Correct the spelling.",
    source="https://code.claude.com/docs/en/slash-commands",
    verified=VERIFIED,
    bad=(
        Example({".claude/commands/a.md": "---\nallowed_tools: Read\n---\nText.\n"}, (".claude/commands/a.md", 2, 1)),
        Example({".claude/commands/a.md": "---\ndescripton: Lints.\n---\nText.\n"}, (".claude/commands/a.md", 2, 1)),
    ),
    good=Example({".claude/commands/a.md": "---\nallowed-tools: Read\ntags: x\nmode: y\n---\nText.\n"}),
)
def command_head(file: File) -> Iterator[Finding]:
    """Keys that are nearly a known one."""
    read = file.head
    if read is None:
        return
    for key in read[1]:
        meant = None if key in _COMMAND_KEYS else meant_by(str(key), _COMMAND_KEYS - read[1].keys())
        if meant is not None:
            yield Finding(key_span(file, read[0], key), f"Claude Code does not know `{key}`", f"write `{meant}`")
