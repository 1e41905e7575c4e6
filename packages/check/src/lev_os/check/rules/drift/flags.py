"""Flags and subcommands in documents that the installed commands do not have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from ...project import Project
from ...rule import Example, Finding, rule
from .looked_up import looked_up

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
    known = project.once(looked_up)
    commands = known.commands
    for file, named in known.mentions:
        for command in named.commands:
            vocabulary = commands.vocabulary(command.program, as_module=command.module)
            if vocabulary is None:
                continue
            second = command.second
            if vocabulary.has_subcommands and second is not None and second.text not in vocabulary.words:
                message = f"`{command.program}` has no subcommand `{second.text}`"
                yield Finding((second.at, second.at + len(second.text)), message, file=str(file.path))
                continue
            for flag in command.flags:
                if flag.text not in vocabulary.flags:
                    close = get_close_matches(flag.text, vocabulary.flags, 1, 0.7)
                    yield Finding(
                        (flag.at, flag.at + len(flag.text)),
                        f"`{command.program}` has no flag `{flag.text}`",
                        f"did you mean `{close[0]}`?" if close else None,
                        file=str(file.path),
                    )
    installed = tuple(os.path.join(path, "") for path in project.environment.paths)
    project.uses(*(path for path in commands.rests_on if not path.startswith(installed)))
