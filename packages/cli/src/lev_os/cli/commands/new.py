"""`lev new`: make things from nothing."""

from __future__ import annotations

import click

from ..lazy import LazyGroup

_HERE = "lev_os.cli.commands"


@click.group(
    "new",
    cls=LazyGroup,
    lazy={"package": (f"{_HERE}.new_package", "A package with a context, a flow, a tool, a constitution and tests.")},
)
def command() -> None:
    """Make a package that works from the first minute.

    \b
    Examples:
      lev new package acme-billing
    """
