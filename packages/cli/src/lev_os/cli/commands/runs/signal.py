"""`lev runs signal`."""

from __future__ import annotations

import asyncio

import click

from ...durable import database_option
from ...options import RunName, given_value, json_value_option
from ...output import print_json, print_line


@click.command("signal")
@click.argument("run", type=RunName())
@click.argument("name")
@click.option("--value", metavar="JSON|@FILE|-", help="What to say (default: null).")
@database_option
@json_value_option
def command(run: str, name: str, value: str | None, database: str | None, given: str | None) -> None:
    """Say something to the wait NAME of a durable run. What comes before the wait is open is kept for it.

    Each message answers one wait of that name, in the order in which they are sent. What a principle wants approved
    is answered with `lev runs approve` alone.

    \b
    Examples:
      lev runs signal 20261122-150405-a1b2c3d4e5f6 paid --value '{"cents": 500}'
      lev runs signal 20261122-150405-a1b2c3d4e5f6 paid --json '{"cents": 500}'
    """
    from lev_os.workflow import send

    from ...driving import read_value
    from ...durable import existing

    as_json, text, option = given_value(given, value, "--value")
    said = None if text is None else read_value(text, option)
    first = asyncio.run(send(run, name, said, database=existing(database)))
    if as_json:
        print_json({"run": run, "name": name, "sent": first})
    else:
        print_line("sent" if first else "it was answered before; the first answer stands")
