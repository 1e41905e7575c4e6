"""The MCP server: lists and reads what the catalog offers, and hands calls to the desk."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mcp_types as wire
from lev_os.core.errors import LevError
from lev_os.core.listening import Listen

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

from . import replies
from .annotations import hints
from .arguments import FLOW_CALLS, read_arguments
from .catalog import Catalog, Offered, nearest
from .desk import Desk, summary
from .driving import Lent
from .hosted import Hosted, undo
from .progress import watched
from .reading import Reading
from .refusals import Refusing
from .replies import Reply

Context = ServerRequestContext[Any, Any]
_ERRORS = frozenset({"invalid", "failed", "denied", "conflict"})


def serve(
    packages: Sequence[str],
    *,
    root: str | Path = ".",
    all_tools: bool = False,
    tools: tuple[str, ...] | None = None,
    http: Listen | None = None,
    lent: Lent | None = None,
) -> None:
    """Serve packages (import names or folders): over stdin and stdout until the host closes them, or over HTTP.

    `root` is the project whose `.lev` folder keeps runs and secret. At most eight tools are exported, the flow
    tools among them, unless `all_tools` is set or `tools` names them. `lent` is what every run gets. Raises
    `LevError` before the first message when a package or a tool cannot be used.
    """
    catalog = Catalog.load(packages, only=tools, every=all_tools)
    desk = Desk(catalog, Path(root), lent)
    server = build_server(catalog, desk)

    async def over_stdio() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(Refusing(incoming, outgoing), outgoing, server.create_initialization_options())

    with closing(desk):
        if http is None:
            asyncio.run(over_stdio())
        else:
            from .http import serve_http

            serve_http(server, http)


def build_server(catalog: Catalog, desk: Desk) -> Server[Any]:
    """The SDK's server over a catalog and a desk; any transport of the SDK can run it."""
    listed = [_exported(offered) for offered in catalog.tools]
    if catalog.flows:
        listed[:0] = _flow_tools(catalog)
    reading = Reading(catalog)

    async def list_tools(context: Context, page: wire.PaginatedRequestParams | None) -> wire.ListToolsResult:
        return wire.ListToolsResult(tools=listed)

    async def call_tool(
        context: Context, call: wire.CallToolRequestParams
    ) -> wire.CallToolResult | wire.InputRequiredResult:
        arguments = call.arguments or {}
        try:
            async with watched(context):
                return await answer(context, call, arguments)
        except LevError as error:
            return _result(replies.invalid(str(error).split("\n"), next="tools/list"), error=True)
        except Exception as error:  # the host must get a reply, and its model no traceback
            place = traceback.extract_tb(error.__traceback__)[-1]  # its words may be those of an argument or an answer
            what = f"{type(error).__name__} at {place.filename}:{place.lineno}"
            print(f"lev mcp: {call.name} failed: {what}", file=sys.stderr)
            reason = f"{call.name} could not be carried out ({type(error).__name__}); the server's log says more"
            return _result({"kind": "failed", "error": {"kind": "flow", "message": reason}}, error=True)

    async def answer(
        context: Context, call: wire.CallToolRequestParams, arguments: dict[str, Any]
    ) -> wire.CallToolResult | wire.InputRequiredResult:
        is_flow = call.name in FLOW_CALLS and bool(catalog.flows)
        offered = None if is_flow else catalog.tool(call.name)
        if offered is None and not is_flow:
            reason = _no_tool(catalog, call.name, [tool.name for tool in listed])
            return _result(replies.invalid([reason], next="tools/list"), error=True)
        by = _caller(context)
        hosted = Hosted(desk, context, by)
        reply: Reply | wire.InputRequiredResult
        if call.request_state is not None:
            state = desk.read_state(call.request_state)
            if state is None:
                reply = replies.invalid(["this state is not from here"], next="tools/list")
            else:
                reply = await hosted.go_on(state, call.input_responses)
        else:
            if offered is not None:
                first = await desk.call_tool(offered, arguments)
            else:
                first = await _flow_call(desk, call.name, arguments, by)
            try:
                reply = await hosted.drive(first)
            except asyncio.CancelledError:
                if offered is not None or call.name == "flow_start":
                    await undo(desk, first)
                raise
        if isinstance(reply, wire.InputRequiredResult):
            return reply
        return _direct(reply) if offered is not None else _result(reply, error=reply["kind"] in _ERRORS)

    server = Server(
        "lev",
        version=version("lev-os-mcp"),
        instructions=_instructions(catalog),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=reading.list_resources,
        on_read_resource=reading.read_resource,
        on_list_prompts=reading.list_prompts if catalog.personalities else None,
        on_get_prompt=reading.get_prompt if catalog.personalities else None,
    )
    reading.register(server)
    return server


def _no_tool(catalog: Catalog, name: str, listed: list[str]) -> str:
    if any(offered.name == name for offered in catalog.all_tools):
        return f"{name} is not among the tools of this server; start it with --tools {name} or --all-tools"
    return f"there is no tool {name[:200]!r}{nearest(name[:200], listed)}"


async def _flow_call(desk: Desk, name: str, arguments: dict[str, Any], by: str) -> Reply:
    read, errors = read_arguments(name, arguments)
    if errors:
        return replies.invalid(errors, next=FLOW_CALLS[name].example)
    match name:
        case "flow_start":
            return await desk.start(read["flow"], read["input"])
        case "flow_submit":
            return await desk.submit(read["token"], result=read["result"], tool_calls=read["tool_calls"], by=by)
        case "flow_status":
            return await desk.status(
                read["run"], token=read["token"], take_over=read["take_over"], resume=read["resume"]
            )
        case _:
            return await desk.cancel(read["run"], read["token"], read["reason"])


def _caller(context: Context) -> str:
    """Who decides when the host's model answers: `mcp:claude-code`."""
    client = context.session.client_params
    return f"mcp:{client.client_info.name}" if client is not None else "mcp"


def _result(reply: Reply, *, error: bool) -> wire.CallToolResult:
    return wire.CallToolResult(
        content=[wire.TextContent(type="text", text=replies.text(reply))], structured_content=reply, is_error=error
    )


def _direct(reply: Reply) -> wire.CallToolResult:
    """A direct call's value as any MCP host expects it; what the gate stopped, as a reply."""
    if reply["kind"] != "done":
        return _result(reply, error=reply["kind"] != "waiting")
    value = reply["output"]
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return wire.CallToolResult(
        content=[wire.TextContent(type="text", text=shown)],
        structured_content=value if isinstance(value, dict) else {"result": value},
    )


def _exported(offered: Offered) -> wire.Tool:
    told = hints(offered.card.declaration)
    return wire.Tool(
        name=offered.name,
        description=offered.card.description,
        input_schema={"type": "object", **offered.card.input_schema},
        annotations=wire.ToolAnnotations(
            read_only_hint=told.read_only,
            destructive_hint=told.destructive,
            idempotent_hint=told.idempotent,
            open_world_hint=told.open_world,
        ),
    )


def _flow_tools(catalog: Catalog) -> list[wire.Tool]:
    """The four flow tools. What a flow does is its tools' matter, behind the gate, so no hint says destructive."""
    flows = "\n".join(
        f"- {specifier}: {summary(package, export)}" for specifier, (package, export) in catalog.flows.items()
    )
    tools = []
    for name, spec in FLOW_CALLS.items():
        schema = spec.schema
        description = spec.description
        if name == "flow_start":
            description = f"{description}\nFlows:\n{flows}"
            flow = {**schema["properties"]["flow"], "enum": list(catalog.flows)}
            schema = {**schema, "properties": {**schema["properties"], "flow": flow}}
        tools.append(
            wire.Tool(
                name=name,
                description=description,
                input_schema=schema,
                output_schema=dict(replies.SCHEMA),
                annotations=wire.ToolAnnotations(
                    read_only_hint=False,
                    destructive_hint=False,
                    idempotent_hint=name != "flow_start",
                    open_world_hint=False,
                ),
            )
        )
    return tools


def _instructions(catalog: Catalog) -> str:
    names = ", ".join(package.name for package in catalog.packages)
    lines = [f"Packages served: {names}. Their contexts are resources (lev://…); read those a request names."]
    if catalog.flows:
        lines.append(
            "A flow runs here and asks you to do its parts: flow_start, then answer each request with the call in its "
            "`next`. A reply of kind `waiting` is for a person: tell your user, never try to answer it."
        )
    if missing := [offered.name for offered in catalog.all_tools if offered not in catalog.tools]:
        lines.append(f"Tools not exported now: {', '.join(missing)} (start the server with --all-tools or --tools).")
    return "\n".join(lines)
