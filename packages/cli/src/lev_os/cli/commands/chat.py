"""`lev chat`."""

from __future__ import annotations

import importlib.util

import click

from ..errors import UsageProblem
from ..options import Specifier, json_option, model_options, python_option


@click.command("chat")
@click.argument("agent", type=Specifier("agent"))
@click.option("--message", "-m", metavar="TEXT|-", help="Say this, print the answer, and leave; `-` reads stdin.")
@click.option("--thread", metavar="NAME", help="Go on with a conversation, kept in .lev/threads.")
@click.option(
    "--approve", "approved", multiple=True, metavar="ID", help="Approve a tool call that the thread waits with."
)
@click.option("--refuse", "refused", multiple=True, metavar="ID", help="Refuse one.")
@model_options
@python_option
@json_option
def command(
    agent: str,
    message: str | None,
    thread: str | None,
    approved: tuple[str, ...],
    refused: tuple[str, ...],
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
    as_json: bool,
) -> int:
    """Talk to an agent of a package.

    Answers go to stdout, what the agent does along the way to stderr. A tool call that a person must approve is asked
    about here. Ctrl-C stops an answer; /help lists what else can be typed. With --message it is one answer: exit code
    4 when it is denied, 5 when it waits for a person.

    \b
    Examples:
      lev chat acme_support/agents/desk
      lev chat acme_support/agents/desk --thread monday --model openai:gpt-5
      lev chat acme_support/agents/desk -m "Where is A-7001?" --json
      lev chat acme_support/agents/desk --thread monday --approve call_1
    """
    if importlib.util.find_spec("lev_os.agents") is None or importlib.util.find_spec("pydantic_ai") is None:
        raise UsageProblem("lev chat needs lev-os-agents, which is not installed", help="pip install 'lev-os[agents]'")
    answers = {**dict.fromkeys(approved, True), **dict.fromkeys(refused, False)}
    if both := set(approved) & set(refused):
        raise UsageProblem(f"--approve and --refuse both name {', '.join(sorted(both))}", help="say one of them")
    if answers and thread is None:
        raise UsageProblem("--approve and --refuse answer calls of a thread", help="name it with --thread")
    if as_json and message is None and not answers:
        raise UsageProblem("--json is for one answer", help="add --message TEXT")
    if message is not None and answers:
        raise UsageProblem("--message and --approve are two turns", help="approve first, then go on")
    from ..chatting import Chat
    from ..driving import ModelChoice

    chat = Chat.open(agent, thread, ModelChoice(model, allow_weak_decisions), python)
    if message is None and not answers:
        return chat.talk()
    return chat.once(message, answers, as_json=as_json)
