"""Examples of flows, each in the smallest package that exports it."""

from __future__ import annotations

from ..rule import Example

_MANIFEST = """\
format = 1
name = "acme"

[exports]
"./contexts/*" = { llm = "./contexts/*.md" }
"./flows/*" = { llm = "./flows/*.yaml" }
"./tools/*" = { python = "acme.tools:*" }
"""
_HEAD = "flowmind: 1\nname: work\n"
FLOW = "acme/flows/work.yaml"


def flow(
    body: str, at: tuple[int, int] | None = None, *, tools: str = "", more: dict[str, str] | None = None
) -> Example:
    """A package with one flow; `at` is a line and column of it, `tools` the text of `tools.py`.

    A body that does not begin with `flowmind:` gets that line and a name, so its first line is line 3.
    """
    text = body if body.startswith("flowmind:") else _HEAD + body
    files = {"acme/__init__.py": "", "acme/lev.toml": _MANIFEST, FLOW: text, **(more or {})}
    if tools:
        files["acme/tools.py"] = "from lev_os.core import tool\n\n\n" + tools
    return Example(files, None if at is None else (FLOW, *at))
