"""`Binding`: agent, personalities, tools, memory scope, constitutions and limits of one session; a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import cached_property
from typing import Any

import msgspec
from lev_os.core import LevError, canonical
from lev_os.core.agents import AgentLimits
from lev_os.memory import Scope

_LIMITS = tuple(field.name for field in fields(AgentLimits))


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """What one session is bound to. All names are specifiers.

    `tools` are the only tools and flows that the agent may call. `limits` bound each of its answers. `scope` is whose
    memory it sees; None is no memory. `constitution` maps each constitution that holds to its digest, so that another
    text under the same name is noticed. `bound_by` says who chose the agent: `person`, `rule`, `classifier:…`, a
    model's name, or `handoff`.
    """

    agent: str
    session: str
    personalities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    scope: Scope | None = None
    constitution: dict[str, str] = {}
    limits: AgentLimits = AgentLimits()
    bound_by: str = "person"

    def __post_init__(self) -> None:
        for name in _LIMITS:
            value = getattr(self.limits, name)
            if value is not None and not value >= 0:
                raise LevError(f"the limit `{name}` cannot be {value}", help="a limit is 0 or more, or left out")

    @cached_property
    def digest(self) -> str:
        """Names the binding: `sha256:` and the hash of its canonical JSON."""
        return canonical.digest(msgspec.to_builtins(self))

    def narrowed(
        self,
        *,
        agent: str | None = None,
        bound_by: str | None = None,
        personalities: Iterable[str] | None = None,
        tools: Iterable[str] | None = None,
        scope: Scope | None = None,
        constitution: dict[str, str] | None = None,
        limits: AgentLimits | None = None,
    ) -> Binding:
        """This binding with less: fewer tools and lenses, a smaller scope, more constitutions, lower limits.

        Tools and personalities that this binding lacks are left out. Raises `LevError` for a scope that is not inside
        this one's, and for a constitution that has another text here.
        """
        return msgspec.structs.replace(
            self,
            agent=agent or self.agent,
            bound_by=bound_by or self.bound_by,
            personalities=_among(self.personalities, personalities),
            tools=_among(self.tools, tools),
            scope=_inside(self.scope, scope),
            constitution=_both(self.constitution, constitution or {}),
            limits=_stricter(self.limits, limits or AgentLimits()),
        )


def _among(own: tuple[str, ...], wanted: Iterable[str] | None) -> tuple[str, ...]:
    return own if wanted is None else tuple(name for name in wanted if name in own)


def _stricter(one: AgentLimits, other: AgentLimits) -> AgentLimits:
    """The lower of each limit by itself."""
    return AgentLimits(**{name: _least(getattr(one, name), getattr(other, name)) for name in _LIMITS})


def _least(one: Any, other: Any) -> Any:
    return min((value for value in (one, other) if value is not None), default=None)


def _inside(own: Scope | None, wanted: Scope | None) -> Scope | None:
    if wanted is None or own is None:
        return own if wanted is None else _refuse_scope("this session has no memory")
    fields = msgspec.to_builtins(own)
    for name, value in fields.items():
        if getattr(wanted, name) != value:
            return _refuse_scope(f"its {name} is not this session's")
    return wanted


def _refuse_scope(why: str) -> Scope:
    raise LevError(
        f"the memory scope cannot be taken: {why}", help="a binding can only see less than the one before it"
    )


def _both(own: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    other = sorted(name for name, digest in more.items() if own.get(name, digest) != digest)
    if other:
        raise LevError(
            f"{', '.join(other)} has another text here than where the session comes from",
            help="install the same version in both places, or begin a new session",
        )
    return {**own, **more}
