"""`lev demo`."""

from __future__ import annotations

import click

from ..options import python_option


@click.command("demo")
@click.argument("message", required=False)
@click.option("--model", metavar="MODEL", help="Who writes the reply (default: `local` if installed, else a template).")
@click.option("--durable", is_flag=True, help="The second act: 200 messages, three workers, one of them killed.")
@python_option
def command(message: str | None, model: str | None, durable: bool, python: str | None) -> int:
    """See it all work, without a key: list, show, run a flow, then drive the same flow over MCP.

    Takes under a minute. When nothing is sure what MESSAGE is about, a person decides: you, on a terminal; without
    one the demonstration ends there, with the line that answers.

    \b
    Examples:
      lev demo
      lev demo "My card was stolen yesterday!"
      lev demo --durable
    """
    if durable:
        from ..demo import durable as second

        return second.tell(python=python)
    from ..demo import tell

    return tell(message, model=model, python=python)
