"""`lev worker`."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import click

from ..durable import database_option
from ..options import model_options, python_option


@click.command("worker")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Take runs from it; may be given several times.")
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), default=10, show_default=True, help="Runs at a time in this worker."
)
@click.option("--rate", metavar="N/TIME", help="How many runs of the queue may begin, over all workers: 10/s, 100/5m.")
@click.option("--name", metavar="NAME", help="This worker's own name (default: host and process).")
@click.option(
    "--drain",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds for what is under way at the end.",
)
@click.option(
    "--metrics", "port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on this loopback port."
)
@database_option
@model_options
@python_option
def command(
    queues: tuple[str, ...],
    concurrency: int,
    rate: str | None,
    name: str | None,
    drain: float,
    port: int | None,
    database: str | None,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
) -> None:
    """Take durable runs from queues and drive them, until SIGTERM or Ctrl-C.

    Several workers share a queue, on one machine or many. What a worker that died had under way, the others go on
    with. A worker that is told to stop finishes the effects under way and gives its runs back. Concurrency and rate
    belong to the queue: what the last worker said holds for all.

    \b
    Examples:
      lev worker --database postgresql://localhost/acme
      lev worker --queue refunds --queue default --concurrency 20 --name refunds-1
      lev worker --rate 10/s --metrics 9464
    """
    from lev_os.workflow import worker
    from lev_os.workflow.metrics import serving

    from ..catalog import make_importable
    from ..driving import ModelChoice
    from ..durable import needed, worlds
    from ..output import note

    kept = needed(database)
    make_importable(python)
    choice = ModelChoice(model, allow_weak_decisions)

    async def work() -> None:
        stop, started = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        saying = asyncio.ensure_future(_say(started, queues or ("default",)))
        try:
            await worker(
                queue=queues or "default",
                concurrency=concurrency,
                rate=rate,
                database=kept.url,
                name=name,
                stop=stop,
                started=started,
                drain=drain,
                make_world=worlds(choice),
            )
        finally:
            saying.cancel()
        note("stopped; what was not finished is back in its queue")

    with serving(kept, port) if port is not None else contextlib.nullcontext():
        asyncio.run(work())


async def _say(started: asyncio.Event, queues: tuple[str, ...]) -> None:
    from ..output import note

    await started.wait()
    note(f"at work on {', '.join(queues)}; Ctrl-C stops")
