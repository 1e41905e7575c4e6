"""`lev mcp`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..driving import ModelChoice
from ..errors import UsageProblem
from ..options import Specifier, model_options, python_option

if TYPE_CHECKING:
    from lev_os.agents import Agent

_MEMORY = "lev_os.memory"
_AGENTS = "lev_os.agents"


@dataclass(frozen=True, slots=True)
class _Things:
    """What the tools of memory and agents get as `ctx.deps`."""

    memory: Any = None
    agents: Mapping[str, Any] = field(default_factory=dict)


@click.command("mcp")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--tools", metavar="NAME,…", help="Offer exactly these tools, beside those that drive flows.")
@click.option("--all-tools", is_flag=True, help="Offer every exported tool, beyond the first eight.")
@click.option("--http", is_flag=True, help="Serve over streamable HTTP in place of stdio.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on, with --http.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Holds the bearer token; without it one is made.")
@click.option("--allow-host", multiple=True, metavar="NAME[:PORT]", help="A further name that clients may ask for.")
@click.option("--remember", is_flag=True, help="Offer remember and recall too, on the memory of `lev memory`.")
@click.option("--tenant", default="local", show_default=True, help="Whose memory, with --remember.")
@click.option("--user", help="Whose memory within the tenant, with --remember.")
@click.option("--agent", "agents", multiple=True, type=Specifier("agent"), help="Offer agent_ask, for this agent.")
@click.option("--pin", is_flag=True, help="Look at what the package's own MCP servers offer, and approve it.")
@click.option("--yes", is_flag=True, help="With --pin: do not ask before writing.")
@model_options
@python_option
def command(
    packages: tuple[str, ...],
    tools: str | None,
    all_tools: bool,
    http: bool,
    host: str,
    port: int,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    remember: bool,
    tenant: str,
    user: str | None,
    agents: tuple[str, ...],
    pin: bool,
    yes: bool,
    model: str | None,
    allow_weak_decisions: bool,
    python: str | None,
) -> None:
    """Serve packages to an MCP host: contexts as resources, skills, prompts, tools, and flows that its model drives.

    PACKAGE is an import name or a folder with a lev.toml; without one, the packages of this project are served.

    \b
    Examples:
      lev mcp acme_support
      claude mcp add acme -- uv run lev mcp acme_support
      lev mcp acme_support --http --port 8765
      lev mcp acme_support --pin
      lev mcp acme_support --remember --user ada
      lev mcp --agent acme_support/agents/desk --model openai:gpt-5
    """
    if not http and (token_file is not None or allow_host):
        raise UsageProblem("--token-file and --allow-host are for --http", help="add --http")
    if importlib.util.find_spec("lev_os.mcp") is None or importlib.util.find_spec("mcp") is None:
        raise UsageProblem("lev mcp needs lev-os-mcp, which is not installed", help="pip install 'lev-os[mcp]'")
    from ..catalog import make_importable
    from ..project import project_root

    served = packages or _of_project(python, needed=not (remember or agents))
    make_importable(python)
    if pin:
        _pin(served, yes=yes)
        return
    from lev_os.mcp import Lent, Listen, read_token, serve

    token = None if token_file is None else read_token(token_file)
    scope = {"tenant": tenant} | ({} if user is None else {"user": user})
    memory = _memory_url() if remember else None
    choice = ModelChoice(model, allow_weak_decisions)
    opened = _agents(agents, choice, python)
    # First, so that their tools are offered.
    first = tuple(name for name, wanted in ((_MEMORY, remember), (_AGENTS, agents)) if wanted)
    served = (*first, *(name for name in served if name not in first))
    serve(
        served,
        root=project_root(),
        all_tools=all_tools,
        tools=None if tools is None else tuple(name.strip() for name in tools.split(",")),
        http=Listen(host, port, token, allow_host) if http else None,
        lent=Lent(scope if remember else {}, lambda: _lent(memory, opened)),
    )


def _memory_url() -> str:
    if importlib.util.find_spec(_MEMORY) is None:
        raise UsageProblem(
            "--remember needs lev-os-memory, which is not installed", help="pip install 'lev-os[memory]'"
        )
    from .memory._opened import address

    return address(None)


def _agents(names: tuple[str, ...], choice: ModelChoice, python: str | None) -> dict[str, Agent]:
    if not names:
        return {}
    if importlib.util.find_spec(_AGENTS) is None:
        raise UsageProblem("--agent needs lev-os-agents, which is not installed", help="pip install 'lev-os[agents]'")
    from ..chatting import by_name, open_agent

    return by_name([open_agent(name, choice, python) for name in names])


@contextmanager
def _lent(memory: str | None, agents: Mapping[str, Agent]) -> Iterator[_Things]:
    """The memory is opened when something is first lent; no model chooses it, nor the agents."""
    if memory is None:
        yield _Things(None, agents)
        return
    from lev_os.memory import MemoryManager

    with MemoryManager.open_sync(memory) as opened:
        yield _Things(opened, agents)


def _pin(packages: tuple[str, ...], *, yes: bool) -> None:
    from lev_os.core.packaging import load_package
    from lev_os.mcp.pinning import look

    from ..output import note

    for name in packages:
        found = look(load_package(name))
        for change in found.changes:
            note(change)
        if not found.changes:
            note(f"{name}: nothing has changed")
        elif not yes:
            click.confirm(f"approve what the servers of {name} offer?", abort=True, err=True)
        found.write()


def _of_project(python: str | None, *, needed: bool) -> tuple[str, ...]:
    from ..catalog import discovery
    from ..project import project_root

    root = project_root()
    mine = [p for p in discovery(python).packages if p.error is None and p.root.is_relative_to(root)]
    # What is installed in the project's own `.venv` lies below its root too, and is not its own.
    found = tuple(p.name for p in mine if "site-packages" not in p.root.parts)
    if not found and needed:
        raise UsageProblem("this project has no package of its own to serve", help="name one: lev mcp PACKAGE")
    return found
