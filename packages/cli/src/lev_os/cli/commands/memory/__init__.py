"""`lev memory`: one file for each of its commands."""

from __future__ import annotations

import click

from ...lazy import LazyGroup

_HERE = "lev_os.cli.commands.memory"


@click.group(
    "memory",
    cls=LazyGroup,
    lazy={
        "add": (f"{_HERE}.add", "Remember a text."),
        "search": (f"{_HERE}.search", "What answers a question."),
        "as-of": (f"{_HERE}.as_of", "What would have answered it at a time."),
        "why": (f"{_HERE}.why", "What the score of each answer is made of."),
        "show": (f"{_HERE}.show", "One record, with every field."),
        "history": (f"{_HERE}.history", "Everything that happened to a record."),
        "forget": (f"{_HERE}.forget", "Take records back; can be undone."),
        "restore": (f"{_HERE}.restore", "Undo that records were forgotten or superseded."),
        "erase": (f"{_HERE}.erase", "Destroy records for good."),
        "export": (f"{_HERE}.export", "Everything, with its history: JSON or Markdown."),
        "import": (f"{_HERE}.import_", "Take an export in."),
        "import-from": (f"{_HERE}.import_from", "Take in what mem0, LangGraph, notes or Mastra hold."),
        "migrate": (f"{_HERE}.migrate", "Move everything to another memory, and check it."),
        "consolidate": (f"{_HERE}.consolidate", "Tidy: facts, duplicates, stale notes."),
        "reindex": (f"{_HERE}.reindex", "Make the index again."),
        "stats": (f"{_HERE}.stats", "What there is."),
    },
)
def command() -> None:
    """Look at what is remembered, and change it.

    The memory is `--memory URL`, else LEV_MEMORY, else `memory` under `[tool.lev]` in pyproject.toml, else
    `.lev/memory.db` of the project.

    \b
    Examples:
      lev memory add "Ada takes her tea without milk" --type semantic --user ada
      lev memory search "how does she drink tea?" --user ada
      lev memory export > memory.jsonl
    """
