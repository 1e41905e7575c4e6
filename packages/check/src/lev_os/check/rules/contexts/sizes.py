"""How much of a model's attention files take: tokens, lines, and the limits of hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator

from lev_os.core import tokens

from ...facts import fact
from ...files import File
from ...project import Project
from ...rule import Example, Finding, rule
from .._head import skill, value_span
from .names import SPECIFICATION, VERIFIED

_LIMITS = {"skill": (5_000, 6_000), "instructions": (6_000, 12_000), "command": (2_000, 4_000), "agent": (2_000, 4_000)}
"""By kind of file, the tokens from which a finding is an info, and from which a warning."""
_DENSEST = 3
"""Bytes of a token in all but the densest one in a hundred pages: files too short to reach a limit are not counted."""


@fact("tokens", kinds=_LIMITS, type=int)
def size(file: File) -> int:
    """The o200k tokens of a file that may reach a limit; 0 for one that cannot."""
    return tokens.count(file.text) if len(file.data) >= _LIMITS[file.kind][0] * _DENSEST else 0


@rule(
    "CTX501",
    "too-many-tokens",
    summary="A file takes more tokens than its kind should.",
    on="project",
    severity="info",
    why="Instructions are read in every session, a skill whenever it is used; what they take is not there for work, "
    "and long ones are followed less well. Info from 5,000 tokens of a skill (the specification's advice), 6,000 of "
    "instructions, 2,000 of a command or agent; a warning from 6,000, 12,000 and 4,000. Counted exactly (o200k).",
    mend="Move what is seldom needed into files that are read on request.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\n", "Read every page of it.\n" * 900, at=(1, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n", "Read every page of it.\n" * 100),
)
def too_many_tokens(project: Project) -> Iterator[Finding]:
    """Each file against the limits of its kind."""
    for file, count in project.facts(size):
        info, warning = _LIMITS[file.kind]
        if count > info:
            limit = warning if count > warning else info
            yield Finding(
                (0, 1), f"{count:,} tokens; a file of this kind should have at most {limit:,}",
                "move what is seldom needed into files that are read on request",
                file=file.where, severity="warning" if count > warning else None,
            )  # fmt: skip


@rule(
    "CTX502",
    "skill-lines",
    summary="A SKILL.md has more than 500 lines.",
    on="file",
    kinds={"skill"},
    severity="info",
    why="The specification advises fewer than 500 lines: all of them are loaded when the skill is used.",
    mend="Move details into `references/`.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs.\n", "Line.\n\n" * 260, at=(501, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n", "Line.\n\n" * 200),
)
def skill_lines(file: File) -> Iterator[Finding]:
    """The number of lines."""
    lines = file.text.count("\n")
    if lines > 500:
        start = file.offset(501)
        yield Finding((start, start + 1), f"the skill has {lines:,} lines; fewer than 500 are advised")


_CODEX = 32 * 1024


@rule(
    "CTX503",
    "codex-chain",
    summary="The AGENTS.md files that apply to a folder are longer than Codex reads.",
    on="project",
    severity="warning",
    why="Codex joins the AGENTS.md files from the root of the repository down to where it works and stops at 32 KiB "
    "(`project_doc_max_bytes`): the last ones, which are the nearest, are cut off in silence.",
    mend="Shorten them, or move parts into files that they link to.",
    source="https://developers.openai.com/codex/guides/agents-md",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Text of rules. \n" * 2100}, ("AGENTS.md", 1, 1)),
    good=Example({"AGENTS.md": "Text of rules. \n" * 100, "a/AGENTS.md": "Text.\n"}),
)
def codex_chain(project: Project) -> Iterator[Finding]:
    """The sum of bytes from the outermost checked AGENTS.md down to each."""
    sizes = {file.path.parent: (file, count) for file, count in project.facts(agents_bytes) if count}
    for folder, (file, own) in sizes.items():
        above = sum(sizes[parent][1] for parent in folder.parents if parent in sizes and parent != folder)
        if above + own > _CODEX and above <= _CODEX:
            chain = "with those above it " if above else ""
            yield Finding((0, 1), f"{chain}{above + own:,} bytes; Codex reads at most {_CODEX:,}", file=file.where)


@fact("agents-bytes", kinds={"instructions"}, type=int)
def agents_bytes(file: File) -> int:
    """The bytes of an AGENTS.md; 0 for other instructions."""
    return len(file.text.encode("utf-8", "replace")) if file.path.name == "AGENTS.md" else 0


@rule(
    "CTX504",
    "windsurf-rule-length",
    summary="A Windsurf rule is longer than 12,000 characters.",
    on="file",
    kinds={"instructions"},
    severity="warning",
    why="Windsurf cuts a rule off after 12,000 characters.",
    mend="Split the rule.",
    source="https://docs.windsurf.com/windsurf/cascade/memories",
    verified=VERIFIED,
    bad=Example({".windsurf/rules/a.md": "Text of rules. \n" * 800}, (".windsurf/rules/a.md", 751, 1)),
    good=Example({".windsurf/rules/a.md": "Text of rules. \n" * 700, "AGENTS.md": "Text of rules. \n" * 800}),
)
def windsurf_rule_length(file: File) -> Iterator[Finding]:
    """The characters of rules of Windsurf alone."""
    limit = 12_000
    if len(file.text) > limit and (file.path.parent.parent.name == ".windsurf" or file.path.name == ".windsurfrules"):
        yield Finding((limit, limit + 1), f"the rule has {len(file.text):,} characters; Windsurf reads {limit:,}")


_LISTING, _EACH = 8_000, 1_536


@fact("described", kinds={"skill"}, type=int)
def described(file: File) -> int:
    """The characters that a skill takes in Claude Code's list of skills; 0 for one that is not listed."""
    read = file.head
    if read is None or read[1].get("disable-model-invocation") is True:
        return 0
    name, text = read[1].get("name"), read[1].get("description")
    return min(len(f"{name}{text}"), _EACH)


@rule(
    "CTX505",
    "listing-budget",
    summary="The descriptions of a project's skills do not fit into Claude Code's list of them.",
    on="project",
    severity="info",
    why="Claude Code spends 1 % of the context on the list: some 8,000 characters of 200,000 tokens, and 1,536 for one "
    "skill. What does not fit is shortened, so that the model may not find the skill.",
    mend="Shorten descriptions, or mark skills that only people start with `disable-model-invocation: true`.",
    source="https://code.claude.com/docs/en/skills",
    verified=VERIFIED,
    bad=Example(
        {
            f".claude/skills/s{n}/SKILL.md": f"---\nname: s{n}\ndescription: {'Reads PDFs. ' * 80}\n---\nText.\n"
            for n in range(9)
        },
        (".claude/skills/s8/SKILL.md", 3, 14),
    ),
    good=(
        Example({".claude/skills/s/SKILL.md": f"---\nname: s\ndescription: {'Reads PDFs. ' * 80}\n---\nText.\n"}),
        Example(
            {
                f"old.claude/skills/s{n}/SKILL.md": f"---\nname: s{n}\ndescription: {'Reads PDFs. ' * 80}\n---\nText.\n"
                for n in range(9)
            }
        ),
    ),
)
def listing_budget(project: Project) -> Iterator[Finding]:
    """The sum over the skills of one `.claude/skills`."""
    sums: dict[str, int] = {}
    for file, count in project.facts(described):
        root = os.path.dirname(file.folder)
        above, name = os.path.split(root)
        if name != "skills" or os.path.basename(above) != ".claude":
            continue
        before = sums.get(root, 0)
        sums[root] = before + count
        if before <= _LISTING < before + count and (read := file.head) is not None:
            yield Finding(
                value_span(file, read[0], "description"),
                f"with this skill the list of skills passes {_LISTING:,} characters",
                file=file.where,
            )
