"""From an agent to its binding, and from a binding to an agent that keeps to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from lev_os.core import LevError
from lev_os.memory import Scope

from .binding import Binding

if TYPE_CHECKING:
    from ..agent import Agent


def bind(agent: Agent, session: str, *, scope: Scope | None = None, bound_by: str = "person") -> Binding:
    """All that an agent has, as the binding of a session; narrow it from here."""
    links = agent.links
    return Binding(
        agent=agent.declared.specifier,
        session=session,
        personalities=tuple(context.specifier for context in links.personalities),
        tools=(*(card.specifier for card in links.tools), *(flow.specifier or flow.name for flow in links.flows)),
        scope=scope,
        constitution={law.specifier or law.name: law.digest for law in links.constitutions},
        limits=agent.declared.limits,
        bound_by=bound_by,
    )


def bound_agent(binding: Binding, **options: Any) -> Agent:
    """The agent of a binding, with no more than the binding allows; `options` are those of `Agent` but
    `scope`, which is the binding's. A `memory` is left aside when the binding has none.

    Raises `LevError` when there is no such agent, or when its package's constitution is another one by now.
    """
    from ..agent import Agent

    whole = Agent.from_package(binding.agent)
    own = bind(whole, binding.session)
    allowed = binding.narrowed(tools=[tool for tool in binding.tools if tool in own.tools], limits=own.limits)
    missing = sorted(set(binding.constitution) - set(own.constitution))
    theirs = binding.constitution
    other = sorted(name for name, digest in own.constitution.items() if theirs.get(name, digest) != digest)
    if missing or other:
        raise LevError(
            f"the session is bound to {', '.join([*missing, *other])}, which is not what {binding.agent} obeys here",
            help="install the version that the session began with, or begin a new session",
        )
    declared = whole.declared
    flows = {flow.specifier for flow in whole.links.flows}
    narrowed = replace(
        declared,
        tools=tuple(tool for tool in allowed.tools if tool not in flows),
        flows=tuple(tool for tool in allowed.tools if tool in flows),
        personalities=tuple(one for one in binding.personalities if one in own.personalities),
        limits=allowed.limits,
        memory=declared.memory if binding.scope is not None else None,
    )
    if binding.scope is None:
        return Agent(narrowed, scope={}, **{**options, "memory": None})
    scope = {k: v for k, v in msgspec.to_builtins(binding.scope).items() if v}
    return Agent(narrowed, scope=scope, **options)
