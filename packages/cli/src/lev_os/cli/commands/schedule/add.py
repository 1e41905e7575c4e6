"""`lev schedule add`."""

from __future__ import annotations

import click

from ...durable import database_option
from ...errors import UsageProblem
from ...options import Specifier, json_option
from ...output import print_json, print_line


@click.command("add")
@click.argument("name")
@click.argument("specifier", type=Specifier("flow"))
@click.option("--cron", required=True, metavar="EXPRESSION", help="Five fields, or six with seconds first.")
@click.option("--zone", default="UTC", show_default=True, metavar="ZONE", help="Whose clocks count: Europe/Berlin.")
@click.option("--input", "given", default="{}", metavar="JSON|@FILE|-", help="The input of every run.")
@click.option("--queue", default="default", show_default=True, help="Where the runs wait for a worker.")
@click.option("--missed", type=click.Choice(["skip", "run"]), default="skip", show_default=True,
              help="Times that passed while no worker was there: leave them out, or make up for them.")  # fmt: skip
@database_option
@json_option
def command(
    name: str,
    specifier: str,
    cron: str,
    zone: str,
    given: str,
    queue: str,
    missed: str,
    database: str | None,
    as_json: bool,
) -> None:
    """Begin a flow at the times of a cron expression, once for each time however many workers there are.

    The flow is taken as its package has it at that time.

    \b
    Examples:
      lev schedule add digest ./flows/digest --cron "0 8 * * MON-FRI"
    """
    import msgspec
    from lev_os.workflow.schedules import add_schedule

    from ...driving import load_flow, read_value
    from ...durable import needed

    value = read_value(given, "--input")
    if not isinstance(value, dict):
        raise UsageProblem("--input is not a JSON object", help='write {"name": value, …} with the flow\'s inputs')
    kept = needed(database)
    flow = load_flow(specifier)
    made = add_schedule(name, flow.link().specifier, cron, value, zone=zone, queue=queue, missed=missed, database=kept)
    if as_json:
        print_json(msgspec.to_builtins(made))
    else:
        print_line(f"{made.name}: {made.flow} at {made.cron} ({made.zone})")
