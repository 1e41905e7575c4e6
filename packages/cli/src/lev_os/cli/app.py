"""The root command and the table of its subcommands."""

from __future__ import annotations

import click

from . import __version__
from .lazy import LazyGroup

_HERE = "lev_os.cli.commands"

COMMANDS = {
    "new": (f"{_HERE}.new", "Make a package that works from the first minute."),
    "dev": (f"{_HERE}.dev", "Watch a package: check it, refresh its stubs."),
    "check": (f"{_HERE}.check", "Everything that can be said of a package before a model runs."),
    "explain": (f"{_HERE}.explain", "What a finding's code means and how to mend it."),
    "rules": (f"{_HERE}.rules", "Every rule of `lev check`."),
    "approve": (f"{_HERE}.approve", "Which contexts of dependencies a person has read."),
    "list": (f"{_HERE}.list", "Packages of this project and what they export."),
    "show": (f"{_HERE}.show", "What a model gets for a specifier."),
    "resolve": (f"{_HERE}.resolve", "Which file or object a specifier stands for."),
    "export": (f"{_HERE}.export", "Write packages out for coding agents and other hosts."),
    "build": (f"{_HERE}.build", "Types, schemas of tools, wheel and sdist."),
    "bundle": (f"{_HERE}.bundle", "The contexts that matter most for a task, within a budget."),
    "import": (f"{_HERE}.import_", "Make a package out of skills, instructions or prompts you have."),
    "budget": (f"{_HERE}.budget", "What packages weigh: tokens, bytes, import; against their budgets."),
    "run": (f"{_HERE}.run", "Run a flow once, or over a file of inputs."),
    "runs": (f"{_HERE}.runs", "Look at runs; answer what waits for a person."),
    "chat": (f"{_HERE}.chat", "Talk to an agent of a package."),
    "worker": (f"{_HERE}.worker", "Take durable runs from queues and drive them."),
    "schedule": (f"{_HERE}.schedule", "Begin durable runs at given times."),
    "calibrate": (f"{_HERE}.calibrate", "How well conditions are judged, and which thresholds they need."),
    "memory": (f"{_HERE}.memory", "What is remembered: look, add, move, erase."),
    "serve": (f"{_HERE}.serve", "Serve agents over HTTP: OpenAI-compatible, and A2A."),
    "mcp": (f"{_HERE}.mcp", "Serve packages and flows to an MCP host."),
    "lsp": (f"{_HERE}.lsp", "Serve an editor: findings, completion, renaming."),
    "lint-eval": (f"{_HERE}.lint_eval", "How right the rules are, over labelled files."),
    "schema": (f"{_HERE}.schema", "The JSON Schema of a file format."),
    "demo": (f"{_HERE}.demo", "See it all work, without a key."),
    "doctor": (f"{_HERE}.doctor", "What works here, and how to get the rest."),
    "completion": (f"{_HERE}.completion", "Completion for bash, zsh or fish."),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 fine, 1 findings, 2 usage or broken input, 3 failed, 4 denied, 5 waiting for a person, "
    "130 interrupted.",
)
@click.version_option(__version__, "-V", "--version", prog_name="lev", message="%(prog)s %(version)s")
def app() -> None:
    """One toolchain for packages that serve programs and language models.

    \b
    Examples:
      lev new package acme-billing
      lev list
      lev show acme_support/contexts/executive
      lev run acme_support/flows/triage --input '{"message": "Charged twice!"}'
    """
