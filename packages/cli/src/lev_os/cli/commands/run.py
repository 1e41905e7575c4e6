"""`lev run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..durable import database_option
from ..errors import STATUS_CODES, UsageProblem
from ..options import Specifier, json_option, model_options, python_option


@click.command("run")
@click.argument("specifier", type=Specifier("flow"))
@click.option("--input", "given", metavar="JSON|@FILE|-", help="The flow's input: JSON, a file of it, or stdin.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Default: .lev/runs/RUN.jsonl.")
@click.option(
    "--input-file", type=click.Path(dir_okay=False, path_type=Path), help="Many inputs: one JSON object on each line."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where a batch's answers go, a line each.")
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Inputs of a batch at a time."
)
@click.option("--durable", is_flag=True, help="Keep the run in a database and have a worker drive it.")
@click.option("--queue", default="default", show_default=True, help="Where a durable run waits for a worker.")
@click.option("--priority", type=click.IntRange(1), help="Of a durable run: 1 goes before 2.")
@click.option("--detach", is_flag=True, help="Print the name of a durable run, and do not wait for it.")
@database_option
@model_options
@python_option
@json_option
def command(
    specifier: str,
    given: str | None,
    journal: Path | None,
    input_file: Path | None,
    out: Path | None,
    concurrency: int,
    durable: bool,
    queue: str,
    priority: int | None,
    detach: bool,
    database: str | None,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
    as_json: bool,
) -> int:
    """Run a flow, once or over a file of inputs.

    The output goes to stdout, progress to stderr. Every run has a journal: `lev runs show RUN` reads it, and a run
    that was killed goes on with `lev runs resume RUN`. A batch that was killed goes on when the same command is
    given again; each input is answered exactly once. Given again later, it writes nothing and reports how things stand:
    a row that waited for a person counts as what its run has come to since.

    A durable run outlives this process: it is kept in the database, and driven by the workers of its queue. Where none
    is at work, this command is one until the run ends or waits for somebody.

    \b
    Examples:
      lev run acme_support/flows/triage --input '{"message": "Charged twice!"}'
      lev run ./flows/triage --input @message.json --model openai:gpt-5
      echo '{"name": "Ada"}' | lev run acme_billing/flows/greet --input - --json
      lev run ./flows/triage --input @message.json --durable --queue desk
      lev run ./flows/triage --input-file in.jsonl --out out.jsonl --concurrency 8
    """
    from ..driving import ModelChoice, load_flow, read_value

    choice = ModelChoice(model, allow_weak_decisions)
    if detach and not durable:
        raise UsageProblem("--detach is for durable runs", help="add --durable")
    if durable and (journal is not None or input_file is not None):
        raise UsageProblem("a durable run is kept in the database: no --journal, no --input-file")
    if input_file is not None or out is not None:
        if input_file is None or out is None:
            raise UsageProblem("a batch needs both --input-file and --out", help="see `lev run --help`")
        if given is not None or journal is not None:
            raise UsageProblem("--input and --journal are for one run, --input-file and --out for a batch")
        if input_file.exists() and out.exists() and input_file.samefile(out):
            raise UsageProblem("--out is the input file itself", help="give --out another name")
        from ..batch.command import run_batch

        return run_batch(
            load_flow(specifier, python), input_file, out, choice=choice, concurrency=concurrency, as_json=as_json
        )
    flow = load_flow(specifier, python)
    if given is None:
        raise UsageProblem("the flow's input is missing", help="--input JSON, --input @FILE, --input - or --input-file")
    value = read_value(given, "--input")
    if not isinstance(value, dict):
        raise UsageProblem("--input is not a JSON object", help='write {"name": value, …} with the flow\'s inputs')
    if durable:
        from ..durable import run_durable

        return run_durable(flow, value, database, choice, queue, priority, detach=detach, as_json=as_json)
    return _once(flow, value, journal, choice, as_json)


def _once(flow: Any, value: dict[str, Any], journal: Path | None, choice: Any, as_json: bool) -> int:
    from ..driving import run_once
    from ..showing import show_result

    result, seconds = run_once(flow, value, journal=journal, choice=choice)
    show_result(result, seconds, as_json=as_json)
    return STATUS_CODES[result.status]
