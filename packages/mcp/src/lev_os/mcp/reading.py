"""What a host reads: resources (texts and the files of skills), skills, and personalities as prompts."""

from __future__ import annotations

import base64
import mimetypes
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import mcp_types as wire
from lev_os.core.contexts import Context
from lev_os.core.errors import LevError
from lev_os.core.llm_runtime.prompts import data

from mcp.shared.exceptions import MCPError

from .catalog import Catalog, nearest
from .skills import EXTENSION, FILE, Shelf

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.lowlevel.server import Server

ABOUT = "about"
"""The argument of every prompt: what the personality looks at."""


class GetSkill(wire.RequestParams):
    """The parameters of `skills/get`."""

    uri: str


class ListSkillsResult(wire.CacheableResult):
    """The result of `skills/list`; everything is on one page."""

    result_type: Literal["complete"] = "complete"
    skills: list[dict[str, Any]]


class GetSkillResult(wire.CacheableResult):
    """The result of `skills/get`."""

    result_type: Literal["complete"] = "complete"
    skill: dict[str, Any]


class Reading:
    """The reading side of a server over a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._shelf = Shelf(catalog.skills)

    def register(self, server: Server[Any]) -> None:
        """Offer skills, as the SDK's generic extension, when there are some."""
        if self._shelf.skills:
            server.extensions[EXTENSION] = {}
            server.add_request_handler("skills/list", wire.PaginatedRequestParams, self.list_skills)
            server.add_request_handler("skills/get", GetSkill, self.get_skill)

    async def list_skills(
        self, context: ServerRequestContext[Any, Any], page: wire.PaginatedRequestParams
    ) -> ListSkillsResult:
        return ListSkillsResult(skills=self._shelf.entries(), ttl_ms=0, cache_scope="private")

    async def get_skill(self, context: ServerRequestContext[Any, Any], asked: GetSkill) -> GetSkillResult:
        skill = self._shelf.skills.get(asked.uri)
        if skill is None:
            hint = nearest(asked.uri, list(self._shelf.skills))
            raise MCPError(wire.INVALID_PARAMS, f"there is no skill {asked.uri[:200]!r}{hint}")
        try:
            return GetSkillResult(skill=skill.entry(), ttl_ms=0, cache_scope="private")
        except LevError as error:
            raise MCPError(wire.INVALID_PARAMS, str(error)) from None

    async def list_resources(
        self, context: ServerRequestContext[Any, Any], page: wire.PaginatedRequestParams | None
    ) -> wire.ListResourcesResult:
        texts = [
            wire.Resource(
                uri=uri,
                name=export.specifier,
                description=export.kind,
                mime_type="application/yaml" if export.kind in ("flow", "constitution") else "text/markdown",
            )
            for uri, (_, export) in self._catalog.texts.items()
            if not self._shelf.holds(export)
        ]
        return wire.ListResourcesResult(resources=[*texts, *self._skill_files()])

    def _skill_files(self) -> list[wire.Resource]:
        found = []
        for entry in self._shelf.entries():
            head = entry["frontmatter"]
            for file in entry["resources"]:
                main = file["uri"] == entry["uri"]
                found.append(
                    wire.Resource(
                        uri=file["uri"],
                        name=head["name"] if main else file["uri"].removeprefix(entry["uri"].removesuffix(FILE)),
                        description=head["description"] if main else f"a file of the skill {head['name']}",
                        mime_type=_mime(file["uri"]),
                        size=file["size"],
                    )
                )
        return found

    async def read_resource(
        self, context: ServerRequestContext[Any, Any], asked: wire.ReadResourceRequestParams
    ) -> wire.ReadResourceResult:
        if asked.uri.startswith("skill://"):
            return self._skill_file(asked.uri)
        found = self._catalog.texts.get(asked.uri)
        if found is None:
            raise self._no_resource(asked.uri)
        _, export = found
        try:
            text = export.for_llm()["text"]
        except LevError as error:
            raise MCPError(wire.INVALID_PARAMS, str(error)) from None
        return wire.ReadResourceResult(contents=[wire.TextResourceContents(uri=asked.uri, text=text)])

    def _skill_file(self, uri: str) -> wire.ReadResourceResult:
        place = self._shelf.file(uri)
        if place is None:
            raise self._no_resource(uri)
        try:
            content = place.read_bytes()
        except OSError as error:
            raise MCPError(wire.INVALID_PARAMS, f"{uri} cannot be read: {error.strerror}") from None
        held: wire.TextResourceContents | wire.BlobResourceContents
        try:
            held = wire.TextResourceContents(uri=uri, text=content.decode("utf-8"), mime_type=_mime(uri))
        except UnicodeDecodeError:
            held = wire.BlobResourceContents(uri=uri, blob=base64.b64encode(content).decode(), mime_type=_mime(uri))
        return wire.ReadResourceResult(contents=[held])

    def _no_resource(self, uri: str) -> MCPError:
        hint = nearest(uri, [*self._catalog.texts, *self._shelf.skills])
        return MCPError(wire.INVALID_PARAMS, f"there is no resource {uri[:200]!r}{hint}")

    @cached_property
    def _personalities(self) -> dict[str, Context]:
        """The personalities by the names of their prompts; two of one name are told apart by their packages."""
        contexts = [
            Context.parse(text, path=path, package=package, specifier=export.specifier)
            for package, export in self._catalog.personalities
            for text, path in [package.read(export.subpath)]
        ]
        taken = Counter(context.name for context in contexts)
        return {
            context.name if taken[context.name] == 1 else context.specifier.replace("/", "."): context
            for context in contexts
        }

    async def list_prompts(
        self, context: ServerRequestContext[Any, Any], page: wire.PaginatedRequestParams | None
    ) -> wire.ListPromptsResult:
        return wire.ListPromptsResult(
            prompts=[
                wire.Prompt(
                    name=name,
                    description=personality.description or personality.metadata.get("lev-question"),
                    arguments=[
                        wire.PromptArgument(name=ABOUT, description="what to look at from this side", required=False),
                        *(wire.PromptArgument(name=param, required=True) for param in personality.params),
                    ],
                )
                for name, personality in self._personalities.items()
            ]
        )

    async def get_prompt(
        self, context: ServerRequestContext[Any, Any], asked: wire.GetPromptRequestParams
    ) -> wire.GetPromptResult:
        personality = self._personalities.get(asked.name)
        if personality is None:
            hint = nearest(asked.name, list(self._personalities))
            raise MCPError(wire.INVALID_PARAMS, f"there is no prompt {asked.name[:200]!r}{hint}")
        given = asked.arguments or {}
        if unknown := sorted(given.keys() - {ABOUT, *personality.params}):
            raise MCPError(wire.INVALID_PARAMS, f"{asked.name} takes no {unknown[0][:200]!r}")
        try:
            text = personality.render(given)
        except LevError as error:
            raise MCPError(wire.INVALID_PARAMS, str(error)) from None
        if about := given.get(ABOUT):
            text = f"{text.strip()}\n\nLook at this:\n{data(about)}"
        message = wire.PromptMessage(role="user", content=wire.TextContent(type="text", text=text))
        return wire.GetPromptResult(description=personality.description, messages=[message])


def _mime(uri: str) -> str:
    if uri.endswith(".md"):
        return "text/markdown"
    return mimetypes.guess_type(uri)[0] or "application/octet-stream"
