"""A small package on disk, a desk over it, and a host that speaks to it with the SDK's own client."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lev_os.mcp import Desk, build_server
from lev_os.mcp.catalog import Catalog
from mcp import Client

FILES = {
    "__init__.py": "",
    "lev.toml": """
        format = 1
        description = "Stories with a counter."
        deps = "storydesk.tools:make"
        [exports]
        "./contexts/*" = { llm = "./contexts/*.md" }
        "./flows/*" = { llm = "./flows/*.yaml" }
        "./tools/*" = { python = "storydesk.tools:*" }
    """,
    "contexts/style.md": """
        ---
        name: style
        description: How stories are told.
        ---
        Plain words.
    """,
    "tools.py": '''
        import os
        from pathlib import Path
        from lev_os.core import tool, ToolContext

        __all__ = ["birthplace", "count_words", "publish", "shout", "slow", "erase", "lookup"]

        def make():
            return {"place": "Paris"}

        @tool(effects={"reads_private"})
        def birthplace(ctx: ToolContext, name: str) -> str:
            """Where somebody was born."""
            return ctx.deps["place"]

        @tool(effects=())
        def count_words(text: str) -> int:
            """Count the words of a text."""
            with Path(os.environ["STORYDESK_LOG"]).open("a") as log:
                log.write("count_words\\n")
            return len(text.split())

        @tool(effects={"writes_external", "irreversible"})
        def publish(text: str) -> str:
            """Put a text on the web."""
            with Path(os.environ["STORYDESK_LOG"]).open("a") as log:
                log.write("publish\\n")
            return "published: " + text

        @tool(effects=())
        def shout(text: str, mark: str = "!") -> dict[str, str]:
            """Say it louder."""
            return {"text": text.upper() + mark}

        @tool(effects=())
        def slow(seconds: float) -> str:
            """Take a while."""
            import time
            time.sleep(seconds)
            return "done"

        @tool(effects=())
        def erase(text: str) -> str:
            """Always breaks."""
            raise RuntimeError("the disk is on fire")

        @tool(effects={"runs_code"})
        def lookup(text: str) -> str:
            """Evaluate something."""
            return text
    ''',
    "flows/story.yaml": """
        flowmind: 1
        name: story
        description: Tell a story in one line.
        input: {name: string}
        output: {text: string, words: integer}
        context: [./contexts/style]
        steps:
          - id: draft
            ask: "Write one line about ${input.name}."
            returns: {text: string, mood: {enum: [calm, loud]}}
            tools: [./tools/birthplace]
          - id: words
            call: ./tools/count_words
            with:
              text: "${draft.text}"
          - return:
              text: "${draft.text}"
              words: "${words}"
    """,
    "flows/release.yaml": """
        flowmind: 1
        name: release
        description: Publish a text when a person says so.
        input: {text: string}
        output: {said: string}
        steps:
          - id: approval
            wait: approval
            about: "${input.text}"
            returns: {approved: boolean, note: {type: string, default: ""}}
          - if: "!approval.approved"
            then:
              - return: {said: "no"}
          - id: said
            call: ./tools/publish
            with:
              text: "${input.text}"
          - return:
              said: "${said}"
    """,
    "flows/pair.yaml": """
        flowmind: 1
        name: pair
        description: Ask two things at once.
        input: {}
        output: {left: string, right: string}
        steps:
          - id: both
            parallel:
              left:
                - id: word
                  ask: Say left.
              right:
                - id: word
                  ask: Say right.
          - return:
              left: "${both.left.word}"
              right: "${both.right.word}"
    """,
}


def write_package(folder: Path) -> Path:
    """The package `storydesk` in a folder; returns the package's own folder."""
    root = folder / "storydesk"
    for name, text in FILES.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text).lstrip("\n"))
    return root


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose package is importable; its tools write what they did into `log`."""
    write_package(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("STORYDESK_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


Call = Callable[..., Awaitable[dict[str, Any]]]
Script = Callable[[Call], Awaitable[None]]
Play = Callable[..., None]


def calling(client: Client) -> Call:
    """A client's tool call as its structured reply."""

    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        result = await client.call_tool(tool, arguments)
        assert isinstance(result.structured_content, dict), result
        return result.structured_content

    return call


@pytest.fixture
def play(project: Path) -> Play:
    """Play a scripted host against a server in this process; every play is a new server on the same project."""

    def run(script: Script, **catalog: Any) -> None:
        async def main() -> AssertionError | None:
            served = Catalog.load([str(project / "storydesk")], **catalog)
            async with Client(build_server(served, Desk(served, project))) as client:
                try:
                    await script(calling(client))
                except AssertionError as failure:  # outside the client's task groups it reads as pytest wrote it
                    return failure
            return None

        failure = asyncio.run(main())
        if failure is not None:
            raise failure

    return run
