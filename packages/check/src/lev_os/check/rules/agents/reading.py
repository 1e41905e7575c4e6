"""What reading an agent's declaration reports: its form, its values, and what it refers to."""

from __future__ import annotations

from functools import partial

from ...rule import Example, reported
from .._place import place

_MANIFEST = """\
format = 1

[exports]
"./agents/*" = { llm = "./agents/*.yaml" }
"./contexts/*" = { llm = "./contexts/*.md" }
"./flows/*" = { llm = "./flows/*.yaml" }
"./tools/*" = { python = "acme.tools:*" }
"""
_SOUND = """\
agent: 1
name: desk
description: Answers customers.
model: openai:gpt-5
instructions: [./contexts/tone]
tools: [./tools/find_order]
flows: [./flows/refund]
personalities: [lev_os.core/contexts/personalities/advocate]
limits: {asks: 10, time: 2m}
"""
_FILE = "acme/agents/desk.yaml"
_FILES = {
    "acme/lev.toml": _MANIFEST,
    "acme/contexts/tone.md": "---\nname: tone\ndescription: How the desk speaks.\n---\n# Tone\n\nBe brief.\n",
    "acme/tools.py": (
        "from lev_os.core import tool\n\n\n@tool(effects={'reads_private'})\ndef find_order(id: str) -> str:\n"
        '    """Find an order."""\n    return id\n'
    ),
    "acme/flows/refund.yaml": (
        "flowmind: 1\nname: refund\ndescription: Give money back.\ninput: {id: string}\nsteps:\n"
        '  - return: "${input.id}"\n'
    ),
}


def _agent(old: str = "", new: str = "", at: str | None = None) -> Example:
    """A package with one agent, of which one passage is changed."""
    assert old in _SOUND, old
    text = _SOUND.replace(old, new, 1)
    return Example({**_FILES, _FILE: text}, None if at is None else place(_FILE, text, at))


_reported = partial(reported, on="package", severity="error", good=_agent())

_reported(
    "AGT101",
    "agent-form",
    summary="An agent has a key or a value that its format does not know.",
    why="A misspelt key says nothing: the agent would run without what was meant, a limit among others.",
    mend="Correct the key or value; `lev schema agent` gives editors the whole format.",
    bad=_agent("instructions:", "instruction:", at="instruction:"),
)
_reported(
    "AGT102",
    "agent-version",
    summary="An agent is of a newer version than this installation reads.",
    why="What a newer format means cannot be guessed.",
    mend="Upgrade `lev-os-core`.",
    bad=_agent("agent: 1", "agent: 2", at="2"),
)
_reported(
    "AGT103",
    "agent-model",
    summary="The model of an agent is no name of a model.",
    why="It would be told only when the agent is first run, where the provider's error is harder to read.",
    mend="Write `provider:model`, such as `openai:gpt-5`, or `local`, `test`, `script:FILE`; or leave the line out.",
    bad=_agent("openai:gpt-5", "gpt 5", at="gpt 5"),
)
_reported(
    "AGT104",
    "agent-output",
    summary="The output schema of an agent is no JSON Schema of an object.",
    why="Models give structured answers as objects, and what cannot be checked is not worth declaring.",
    mend="Write `type: object` with the answer's fields under `properties`.",
    bad=_agent("limits:", "output_schema: {type: string}\nlimits:", at="output_schema"),
)
_reported(
    "AGT105",
    "agent-limit",
    summary="A limit of an agent lets nothing happen.",
    why="Every run would end before it begins.",
    mend="Write a duration such as `30s` or `2m`, or leave the limit out.",
    bad=_agent("2m", "0s", at="0s"),
)
_reported(
    "AGT201",
    "agent-context",
    summary="An instruction of an agent names a context that is not there, or is none.",
    why="The agent would not speak with what it was meant to know.",
    mend="Correct the name. What holds a space is taken for a text.",
    bad=_agent("./contexts/tone", "./contexts/tones", at="./contexts/tones"),
)
_reported(
    "AGT202",
    "agent-tool",
    summary="A tool of an agent is not exported, or is no function.",
    why="The agent could not be started.",
    mend="Correct the name, or export the function under `./tools/`.",
    bad=_agent("./tools/find_order", "./tools/find_oder", at="./tools/find_oder"),
)
_reported(
    "AGT203",
    "agent-flow",
    summary="A flow of an agent is not exported, cannot be read, or is no flow.",
    why="The agent could not be started.",
    mend="Correct the name, or mend the flow.",
    bad=_agent("./flows/refund", "./flows/refunds", at="./flows/refunds"),
)
_reported(
    "AGT204",
    "agent-personality",
    summary="A personality of an agent is not there, or is a context of another kind.",
    why="A lens needs the question that it asks; any other text would be advice without a view.",
    mend="Name a context with `lev-kind: personality`; core has eight.",
    bad=_agent("personalities/advocate", "personalities/advocat", at="lev_os.core/contexts"),
)
_reported(
    "AGT205",
    "agent-constitution",
    summary="The constitution that an agent names is not there, or cannot be read.",
    why="What it was meant to hold to would not hold; so it is not started at all.",
    mend="Correct the name, or leave the line out: the package's own constitution always holds.",
    bad=_agent("limits:", "constitution: ./flows/refund\nlimits:", at="./flows/refund\nlimits"),
)
