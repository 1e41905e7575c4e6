"""Frontmatter that is absent, unclosed or not YAML."""

from __future__ import annotations

from collections.abc import Iterator

from lev_os.core.errors import InvalidInput

from ...diagnostics import Edit, Fix, Severity
from ...files import File
from ...patterns import Pattern
from ...rule import Example, Finding, Span, rule
from .._head import skill
from .names import SPECIFICATION, VERIFIED

_KEY = Pattern(r"---[ \t]*\r?\n(?:[ \t]*#[^\n]*\n)*[A-Za-z][\w-]*[ \t]*:(?:\s|$)")
_PLAIN = Pattern(r"(?P<key>[A-Za-z][\w-]*):[ \t]+(?P<value>[^\s\"'|>&*!%@`\[{#][^\n]*?)[ \t\r]*$")
_HEADED = ("skill", "instructions", "command", "agent", "context", "resource")


@rule(
    "CTX101",
    "head-unclosed",
    summary="The frontmatter begins with --- and is never closed.",
    on="file",
    kinds=_HEADED,
    severity="error",
    why="Without a closing line the whole file is taken for text, or for YAML: its name and description are lost.",
    mend="End the frontmatter with a line that holds only ---.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=Example({"skills/pdf/SKILL.md": "---\nname: pdf\ndescription: x\n\nText.\n"}, ("skills/pdf/SKILL.md", 1, 1)),
    good=(skill("name: pdf\ndescription: Reads PDFs.\n"), Example({"AGENTS.md": "---\n\nText after a rule.\n"})),
)
def head_unclosed(file: File) -> Iterator[Finding]:
    """A first line `---` with keys below it and no end."""
    if file.text.startswith("---") and file.markdown.head is None and _KEY.match(file.text):
        yield Finding((0, 3), "the frontmatter is never closed", "end it with a line that holds only ---")


@rule(
    "CTX102",
    "head-no-mapping",
    summary="The frontmatter is YAML, but not `key: value` lines.",
    on="file",
    kinds=_HEADED,
    severity="error",
    why="Hosts read keys from the frontmatter; a list or a text has none.",
    mend="Write `key: value` lines, or put a blank line first if the dashes are a rule.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=skill("# only a comment\n- a list\n", at=(2, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def head_no_mapping(file: File) -> Iterator[Finding]:
    """A head of another form."""
    if not file.text.startswith("---"):
        return
    try:
        head = file.frontmatter
    except InvalidInput:
        return
    if head is not None and head.data is not None and not isinstance(head.data, dict):
        yield Finding(file.span_at(2), "frontmatter must be a list of `key: value` lines")


@rule(
    "CTX410",
    "head-not-yaml",
    summary="The frontmatter is not YAML.",
    on="file",
    kinds=_HEADED,
    severity="error",
    why="Hosts skip the file, or load it without its name and description. Most often a value holds `: ` and wants "
    "quotes. Outside of skills it is a warning: some hosts read such heads line by line.",
    mend="Put the value in quotes.",
    source="https://yaml.org/spec/1.2.2/",
    verified=VERIFIED,
    bad=skill("name: pdf\ndescription: Reads PDFs. Use when: a PDF is named.\n", at=(3, 34)),
    good=skill('name: pdf\ndescription: "Reads PDFs. Use when: a PDF is named."\n'),
)
def head_not_yaml(file: File) -> Iterator[Finding]:
    """Every problem of the head's YAML, but for hidden characters, which SEC1xx reports; not those of templates."""
    if not file.text.startswith(("---", "\ufeff---")):
        return
    try:
        _ = file.frontmatter
    except InvalidInput as error:
        for problem in error.problems:
            if problem.code not in ("YML103", "YML104") and "{{" not in file.text[:2000]:
                line = problem.at.line or 1
                fix = _quoted(file, line)
                span = file.span_at(line, problem.at.column or 1)
                yield Finding(
                    span, problem.message, problem.help, fix, severity=None if file.kind == "skill" else "warning"
                )


def _quoted(file: File, line: int) -> Fix | None:
    """Quotes around a plain value of one line that holds `: ` or ` #`."""
    start = file.offset(line)
    end = file.text.find("\n", start)
    found = _PLAIN.fullmatch(file.text[start : end if end >= 0 else len(file.text)])
    if found is None or not (": " in found["value"] or " #" in found["value"] or found["value"].endswith(":")):
        return None
    where: Span = (start + found.start("value"), start + found.end("value"))
    value = found["value"].replace("\\", "\\\\").replace('"', '\\"')
    return Fix("put the value in quotes", (Edit(*where, f'"{value}"'),))


@rule(
    "CTX414",
    "skill-without-head",
    summary="A SKILL.md has no frontmatter.",
    on="file",
    kinds={"skill"},
    severity="error",
    why="Without `name` and `description` no host offers the skill to a model. Claude Code takes them from the folder "
    "and the first paragraph, so under `.claude` this is a warning.",
    mend="Begin the file with a line ---, `name:` and `description:` lines, and a line ---.",
    source=SPECIFICATION,
    verified=VERIFIED,
    bad=Example({"skills/pdf/SKILL.md": "# PDF\n\nReads PDFs.\n"}, ("skills/pdf/SKILL.md", 1, 1)),
    good=skill("name: pdf\ndescription: Reads PDFs.\n"),
)
def skill_without_head(file: File) -> Iterator[Finding]:
    """Whether there is a head."""
    if file.text.startswith("\ufeff---"):
        yield Finding(
            (0, 4), "a byte order mark stands before the frontmatter", "save it without BOM", severity="warning"
        )
    elif file.markdown.head is None and not _KEY.match(file.text):
        severity: Severity | None = "warning" if "/.claude/" in f"/{file.name}" else None
        help_ = "hosts want a first line ---, then `name:` and `description:`, then ---"
        end = max(file.text.find("\n"), 1)
        yield Finding((0, end), "the file does not begin with frontmatter", help_, severity=severity)
