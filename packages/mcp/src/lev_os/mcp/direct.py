"""A host's direct call of an exported tool as a flow of one step, so that nothing goes around the gate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lev_os.core.flowmind.flow import Flow
from lev_os.core.flowmind.link import LinkedFlow

from .catalog import Offered


def direct_flow(offered: Offered, arguments: Mapping[str, Any]) -> LinkedFlow:
    """The flow that calls the tool with its input. What a host's model writes counts as untrusted."""
    schema = {"type": "object", **offered.card.input_schema}
    schema["properties"] = {
        name: {**field, "x-lev-untrusted": True} if isinstance(field, Mapping) else field
        for name, field in schema.get("properties", {}).items()
    }
    document = {
        "flowmind": 1,
        "name": f"call-{offered.export.subpath.rsplit('/', 1)[-1].replace('_', '-')}",
        "description": f"A host called {offered.export.specifier}.",
        "input_schema": schema,
        "steps": [
            {
                "id": "value",
                "call": offered.export.specifier,
                "with": {name: f"${{input[{json.dumps(name)}]}}" for name in arguments},
            },
            {"return": "${value}"},
        ],
    }
    return Flow.parse(json.dumps(document), package=offered.package).link()
