"""Flags and subcommands in documents that the installed commands do not have."""

from __future__ import annotations

from collections.abc import Iterator

from ...drift import findings
from ...project import Project
from ...rule import Example, Finding, rule

_ACME = {
    "pyproject.toml": '[project]\nname = "acme"\nversion = "2.9"\nscripts = {acme = "acme.cli:main"}\n',
    "src/acme/__init__.py": "",
    "src/acme/cli.py": (
        "import argparse\n\n\ndef main():\n    parser = argparse.ArgumentParser()\n"
        "    parser.add_argument('--output-dir')\n    parser.parse_args()\n"
    ),
}


@rule(
    "CTX313",
    "unknown-flag",
    summary="A document gives a command a flag or a subcommand that the installed command does not have.",
    on="project",
    severity="error",
    why="The command stops with a usage message, and the agent begins to guess.",
    mend="Use a flag that the installed command has; `--help` lists them.",
    verified="2026-11-22",
    bad=Example({**_ACME, "AGENTS.md": "```bash\nacme --out-dir=build\n```\n"}, ("AGENTS.md", 2, 6)),
    good=Example({**_ACME, "AGENTS.md": "```bash\nacme --output-dir=build\n```\n"}),
)
def unknown_flag(project: Project) -> Iterator[Finding]:
    """Long flags and subcommands of Python commands made with argparse, Click or Typer."""
    return findings(project, "CTX313")
