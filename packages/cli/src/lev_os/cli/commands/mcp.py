"""`lev mcp`."""

from __future__ import annotations

import importlib.util

import click

from ..errors import UsageProblem
from ..options import python_option


@click.command("mcp")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--max-tools", type=click.IntRange(4), default=8, show_default=True, help="Offer at most so many tools.")
@python_option
def command(packages: tuple[str, ...], max_tools: int, python: str | None) -> None:
    """Serve packages to an MCP host over stdio: contexts as resources, tools, and flows that its model drives.

    Without PACKAGE, those of the project.

    \b
    Examples:
      lev mcp acme_support
      claude mcp add acme -- uv run lev mcp acme_support
    """
    if importlib.util.find_spec("lev_os.mcp") is None or importlib.util.find_spec("mcp") is None:
        raise UsageProblem("lev mcp needs lev-os-mcp, which is not installed", help="pip install 'lev-os[mcp]'")
    from lev_os.mcp import serve_stdio

    from ..catalog import make_importable

    make_importable(python)
    serve_stdio(list(packages), max_tools=max_tools)
