"""`lev serve`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from ..errors import UsageProblem
from ..options import Specifier, model_options, python_option


@click.command("serve")
@click.argument("agents", nargs=-1, required=True, type=Specifier("agent"), metavar="AGENT...")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8770, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Holds the bearer token; without it one is made.")
@click.option("--allow-host", multiple=True, metavar="NAME[:PORT]", help="A further name that clients may ask for.")
@click.option("--no-a2a", is_flag=True, help="Leave out A2A: the OpenAI-compatible endpoint alone.")
@model_options
@python_option
def command(
    agents: tuple[str, ...],
    host: str,
    port: int,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    no_a2a: bool,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
) -> None:
    """Serve agents over HTTP until interrupted: at /v1 as OpenAI's chat completions, at /a2a/NAME over A2A.

    The model that clients name is the agent. Every request needs the token, on loopback too. A tool call that a person
    must approve cannot be approved this way; the answer says how.

    \b
    Examples:
      lev serve acme_support/agents/desk
      lev serve acme_support/agents/desk --port 9000 --token-file token
      lev serve acme_support/agents/desk --model openai:gpt-5
    """
    missing = [name for name in ("lev_os.agents", "starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageProblem(f"lev serve needs {missing[0]}, which is not installed", help="pip install 'lev-os[agents]'")
    from lev_os.agents.serving import application
    from lev_os.core.listening import Listen, read_token
    from lev_os.core.listening.serving import serve

    from ..chatting import by_name, open_agent
    from ..driving import ModelChoice

    choice = ModelChoice(model, allow_weak_decisions)
    served = by_name([open_agent(agent, choice, python) for agent in agents])
    token = None if token_file is None else read_token(token_file)
    serve(
        lambda address: application(served, address=address, a2a=not no_a2a),
        Listen(host, port, token, allow_host),
        name="lev serve",
    )
