"""What a file is, by its name, its folder and, for a YAML that was named itself, its first keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

INSTRUCTIONS = frozenset(
    {"AGENTS.md", "CLAUDE.md", "GEMINI.md", "AGENTS.override.md", "CLAUDE.local.md", ".cursorrules", ".windsurfrules"}
)

OF_EXPORTS = {
    "context": "context",
    "personality": "context",
    "skill": "skill",
    "flow": "flow",
    "constitution": "constitution",
    "agent": "declared-agent",
}
"""The kind of file behind a kind of export."""

_ENDS = (".md", ".mdc", ".toml", ".json", "rules")
_MARKDOWN_ENDS = (".md", ".markdown", ".mdc")
_YAML_ENDS = (".yaml", ".yml")
_FIRST_KEY = re.compile(r"^(?:(flowmind|constitution)[ \t]*:|agent[ \t]*:[ \t]*\d)", re.MULTILINE)


def kind_of(name: str, parents: Sequence[str]) -> str | None:
    """What a file is by its name and the names of its folders, outermost first; None for what no rule looks at."""
    if not name.endswith(_ENDS):
        return None
    if name == "SKILL.md":
        return "skill"
    if name in INSTRUCTIONS or name == "copilot-instructions.md" or name.endswith(".instructions.md"):
        return "instructions"
    if name.endswith(".mdc"):
        return "instructions" if "rules" in parents else None
    if name == "lev.toml":
        return "manifest"
    if name in ("plugin.json", "marketplace.json"):
        return "plugin"
    if name in (".mcp.json", "mcp.json"):
        return "mcp"
    if name == "hooks.json" and parents and parents[-1] == "hooks":
        return "hooks"
    return _markdown_kind(parents) if name.endswith(".md") else None


def _markdown_kind(parents: Sequence[str]) -> str | None:
    if tuple(parents[-2:]) in ((".windsurf", "rules"), (".claude", "rules")):
        return "instructions"
    if ".claude" in parents:
        for kind in ("commands", "agents"):
            if kind in parents:
                return kind.removesuffix("s")
    return "resource" if "skills" in parents else None


def kind_of_named(name: str) -> str | None:
    """What a file that was named itself is, when its name alone does not say: `document` is a YAML to be sniffed."""
    if name.endswith(_YAML_ENDS):
        return "document"
    return "context" if name.endswith(_MARKDOWN_ENDS) else None


def sniff(text: str) -> str | None:
    """`flow`, `constitution` or `declared-agent`, by the key that says its format's version; None for other YAML."""
    found = _FIRST_KEY.search(text)
    if found is None:
        return None
    return {"flowmind": "flow", "constitution": "constitution"}.get(found[1], "declared-agent")
