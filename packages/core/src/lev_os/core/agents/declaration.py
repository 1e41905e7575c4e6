"""An agent as its file declares it, read with every problem at its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..documents import Document, check, nearest, read_yaml
from ..errors import InvalidInput, LevError, Problem
from ..flowmind._reader import seconds_of
from ..schemas import Schema
from .schema import VERSION, agent_schema

if TYPE_CHECKING:
    from ..packaging import Package
    from .links import AgentLinks

_REFERENCE: Final = re.compile(r"(?:lev://)?(?:\.|[A-Za-z_][A-Za-z0-9_.]*)/\S+")
_MODEL: Final = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9-]+)?:\S+")
_WHOLE: Final = ("local", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLimits:
    """Bounds of one run; None is unbounded, of `asks` Pydantic AI's 50. `time` is in seconds, `cost` in US dollars."""

    asks: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentMemory:
    """Which memory an agent has, what is fixed of its scope, and how many tokens are recalled up front."""

    url: str | None = None
    scope: Mapping[str, str] = field(default_factory=dict)
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDeclaration:
    """What `agents/*.yaml` says. References are as written; `instructions` are references and texts in order."""

    name: str
    description: str = ""
    model: str | None = None
    instructions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    personalities: tuple[str, ...] = ()
    memory: AgentMemory | None = None
    constitution: str | None = None
    prompts: tuple[str, ...] = ()
    limits: AgentLimits = AgentLimits()
    output_schema: Mapping[str, Any] | None = None
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    specifier: str = ""
    package: Package | None = field(default=None, compare=False)
    document: Document | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(
        cls,
        text: str | bytes,
        *,
        package: Package | None = None,
        path: str | None = None,
        specifier: str | None = None,
    ) -> AgentDeclaration:
        """Read a declaration; raises `InvalidInput` with every problem (AGT1xx). References are looked up by `link`."""
        found, problems = examine(text, package=package, path=path, specifier=specifier)
        if found is None:
            raise InvalidInput(problems)
        return found

    def link(self) -> AgentLinks:
        """What the references name; raises `InvalidInput` with every one that names nothing (AGT2xx)."""
        from .links import link

        return link(self)


def is_reference(text: str) -> bool:
    """Whether an item of `instructions` names a context; anything else is a text."""
    return _REFERENCE.fullmatch(text) is not None


def examine(
    text: str | bytes, *, package: Package | None = None, path: str | None = None, specifier: str | None = None
) -> tuple[AgentDeclaration | None, list[Problem]]:
    """The declaration, or None when there are problems."""
    try:
        document = read_yaml(text, path=path)
    except InvalidInput as error:
        return None, list(error.problems)
    problems = _shape(document) or list(_values(document))
    if problems:
        return None, sorted(problems, key=lambda problem: (problem.at.line or 0, problem.at.column or 0))
    return _declared(document, package, specifier), []


def _shape(document: Document) -> list[Problem]:
    """What the schema says, and of an unknown version only that."""
    data = document.data
    version = data.get("agent") if isinstance(data, Mapping) else None
    if isinstance(version, int | float) and not isinstance(version, bool) and version > VERSION:
        message = f"this is an agent of version {version}; this installation reads version {VERSION}"
        return [Problem("AGT102", message, document.at(("agent",)), "upgrade lev-os-core")]
    return check(document, agent_schema(), code="AGT101")


def _values(document: Document) -> list[Problem]:
    """What a schema cannot say."""
    data = document.data
    problems: list[Problem] = []
    model = data.get("model")
    if model is not None and model not in _WHOLE and not _MODEL.fullmatch(model):
        help_ = nearest(model, _WHOLE) or "write provider:model, such as `openai:gpt-5`; or local, test, script:FILE"
        problems.append(Problem("AGT103", f"{model!r} is not the name of a model", document.at(("model",)), help_))
    output = data.get("output_schema")
    if output is not None:
        try:
            Schema.of(output)
        except LevError as error:
            place = document.at(("output_schema",), key=True)
            problems.append(Problem("AGT104", f"`output_schema` is no JSON Schema: {error.message}", place, error.help))
        else:
            if output.get("type") != "object":
                place = document.at(("output_schema",), key=True)
                help_ = "write type: object; a single value is one of its properties"
                problems.append(Problem("AGT104", "`output_schema` is not the schema of an object", place, help_))
    time = data.get("limits", {}).get("time")
    if time is not None and not seconds_of(time):
        place = document.at(("limits", "time"))
        problems.append(Problem("AGT105", "a run that may take no time does nothing", place, "write 30s, 10m or 2h"))
    return problems


def _declared(document: Document, package: Package | None, specifier: str | None) -> AgentDeclaration:
    data: dict[str, Any] = document.data
    said = data.get("instructions", ())
    limits = dict(data.get("limits", {}))
    if "time" in limits:
        limits["time"] = seconds_of(limits["time"])
    memory = data.get("memory")
    return AgentDeclaration(
        name=data["name"],
        description=data.get("description", ""),
        model=data.get("model"),
        instructions=(said,) if isinstance(said, str) else tuple(said),
        tools=tuple(data.get("tools", ())),
        flows=tuple(data.get("flows", ())),
        personalities=tuple(data.get("personalities", ())),
        memory=None if memory is None else AgentMemory(**memory),
        constitution=data.get("constitution"),
        prompts=tuple(data.get("prompts", ())),
        limits=AgentLimits(**limits),
        output_schema=data.get("output_schema"),
        model_settings=data.get("model_settings", {}),
        specifier=specifier or data["name"],
        package=package,
        document=document,
    )
