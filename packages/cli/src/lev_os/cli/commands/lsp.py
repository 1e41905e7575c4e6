"""`lev lsp`."""

from __future__ import annotations

import importlib.util

import click

from ..errors import UsageProblem


@click.command("lsp")
def command() -> int:
    """Serve an editor: findings while you write, hover, definitions, completion, fixes, renaming of steps.

    An editor starts this itself and speaks the Language Server Protocol with it over standard input and output.

    \b
    Examples:
      lev lsp
    """
    if importlib.util.find_spec("pygls") is None:
        raise UsageProblem("lev lsp needs pygls, which is not installed", help="pip install 'lev-os[lsp]'")
    from lev_os.check.lsp.server import serve

    return serve()
