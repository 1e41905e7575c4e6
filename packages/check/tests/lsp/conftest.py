"""The language server as editors meet it: a process that speaks over stdio, driven by pygls' own client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

START = ["-c", "from lev_os.check.lsp.server import serve; serve()"]


@dataclass
class Editor:
    """A client with one folder open, and what the server has told it."""

    client: LanguageClient
    folder: Path
    said: dict[str, list[lsp.PublishDiagnosticsParams]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str | None = None) -> None:
        """Open a file, with another text than it has on disk when one is given."""
        text = (self.folder / name).read_text("utf-8") if text is None else text
        item = lsp.TextDocumentItem(self.uri(name), "yaml", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str, version: int) -> None:
        """Replace the whole text, as the server has asked for it."""
        document = lsp.VersionedTextDocumentIdentifier(version, self.uri(name))
        whole = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, whole))

    async def diagnostics(self, name: str, version: int | None = 1) -> list[lsp.Diagnostic]:
        """What the server finds in that version of a file; None is the version of a file that is not open."""
        while True:
            for params in reversed(self.said.get(self.uri(name), ())):
                if params.version == version:
                    return list(params.diagnostics)
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 30)

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        """A place in a file, as requests want it."""
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": lsp.Position(line, character),
        }


@asynccontextmanager
async def editing(folder: Path, start: list[str], encodings: list[str] | None = None) -> AsyncIterator[Editor]:
    """A server with `folder` open, shut down in the end as the protocol wants it."""
    client = LanguageClient("test", "1")
    editor = Editor(client, folder)

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def publish(params: lsp.PublishDiagnosticsParams) -> None:
        editor.said.setdefault(params.uri, []).append(params)
        editor.news.set()

    await client.start_io(sys.executable, *start)
    general = lsp.GeneralClientCapabilities(position_encodings=encodings)
    await client.initialize_async(
        lsp.InitializeParams(
            capabilities=lsp.ClientCapabilities(general=general),
            workspace_folders=[lsp.WorkspaceFolder(folder.as_uri(), "here")],
        )
    )
    client.initialized(lsp.InitializedParams())
    try:
        yield editor
        await asyncio.wait_for(client.shutdown_async(None), 30)
        client.exit(None)
        await asyncio.wait_for(client._server.wait(), 30)
        assert client._server.returncode == 0
    finally:
        if client._server.returncode is None:
            client._server.kill()
        await client.stop()


Scene = Callable[[Editor], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play() -> Play:
    """Run a scene in an editor: `play(folder, scene)`."""

    def run(folder: Path, scene: Scene, start: list[str] | None = None, encodings: list[str] | None = None) -> None:
        async def main() -> None:
            async with editing(folder, start or START, encodings) as editor:
                await scene(editor)

        asyncio.run(main())

    return run
