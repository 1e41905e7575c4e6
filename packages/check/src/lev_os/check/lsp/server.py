"""The Language Server Protocol (3.17) around the questions of this package, spoken by pygls over stdio."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from lev_os.core.errors import LevError
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from ..diagnostics import Diagnostic, Edit
from ..registry import rules
from ..rule import Span
from .actions import Action, actions
from .checking import Checking
from .completion import Item, completion
from .definition import definition
from .hover import about_export, hover
from .positions import Lines
from .rename import renamable, rename
from .symbols import Symbol, symbols
from .workspace import Open, Workspace

_PAUSE = 0.08
"""Seconds of rest in typing before a file is checked."""
_LONG_PAUSE = 0.3
"""Seconds of further rest before the package and all other files are asked about it."""
_FIRST_PAUSE = 0.5
"""Seconds in which the files that an editor opens at once come before all others."""
_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}
_ITEMS = {
    "key": lsp.CompletionItemKind.Property,
    "reference": lsp.CompletionItemKind.Reference,
    "name": lsp.CompletionItemKind.Variable,
    "field": lsp.CompletionItemKind.Field,
    "function": lsp.CompletionItemKind.Function,
    "value": lsp.CompletionItemKind.EnumMember,
}
_SYMBOLS = {
    "step": lsp.SymbolKind.Function,
    "branch": lsp.SymbolKind.Namespace,
    "heading": lsp.SymbolKind.String,
    "principle": lsp.SymbolKind.Constant,
    "export": lsp.SymbolKind.Module,
}


class Server(LanguageServer):
    """Holds the workspace, and the checks that wait for a rest in typing."""

    def __init__(self, version: str) -> None:
        # Whole texts: pygls applies changes by lines that end where Python says, not where the protocol does.
        super().__init__("lev", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.files = Workspace()
        self.found: dict[Path, list[Diagnostic]] = {}
        self._checking: Checking | None = None
        self.ending = False
        """Whether the client has asked for `shutdown`."""
        self.exit_code = 0
        self._waiting: dict[str, asyncio.Task[None]] = {}

    @property
    def checking(self) -> Checking:
        """The checker of the folders that are open."""
        if self._checking is None:
            self._checking = Checking(self.files.roots or (Path.cwd(),))
        return self._checking

    def opened(self, uri: str) -> Open | None:
        """The open file of a URI."""
        path = to_fs_path(uri)
        return None if path is None else self.files.files.get(Path(path))

    def changed(self, uri: str, text: str, version: int | None, *, pause: float = _PAUSE) -> None:
        """Note a text and check it after a rest; an earlier check of it that still waits is dropped."""
        path = to_fs_path(uri)
        if path is not None:
            opened = self.files.open(Path(path), text, version)
            self._after(uri, pause, self._check(uri, opened))

    def check_everything(self, *, pause: float = 0.0) -> None:
        """Check all files after a rest."""
        self._after("", pause, self._check_everything())

    def _after(self, name: str, pause: float, work: Coroutine[Any, Any, None]) -> None:
        """Do something after a rest, in place of what waits under the same name."""

        async def later() -> None:
            try:
                await asyncio.sleep(pause)
            except asyncio.CancelledError:
                work.close()
                raise
            try:
                await work
            except Exception as error:  # a fault of ours is said; the editor keeps its server
                message = f"lev: {type(error).__name__}: {error}"
                self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, message))

        if waiting := self._waiting.pop(name, None):
            waiting.cancel()
        self._waiting[name] = asyncio.create_task(later())

    async def _check(self, uri: str, opened: Open) -> None:
        """Check the text alone at once, and with all that it belongs to after a longer rest."""
        path = opened.file.path
        for alone in (True, False):
            found = await self.checking.text(path, opened.file.text, alone=alone)
            if self.files.files.get(path) is not opened:
                return
            # What others say of the file stays until they are asked again.
            kept = [item for item in self.found.get(path, ()) if alone and _of_others(item)]
            if [*found, *kept] != self.found.get(path) or alone:
                self.found[path] = [*found, *kept]
                self._publish(uri, opened)
            if alone:
                await asyncio.sleep(_LONG_PAUSE)

    async def _check_everything(self) -> None:
        before = dict(self.files.files)
        report = await self.checking.everything({path: opened.file.text for path, opened in before.items()})
        by_path: dict[Path, list[Diagnostic]] = {path: [] for path in self.found}
        for item in report.diagnostics:
            by_path.setdefault(self.files.root / item.file, []).append(item)
        for path, found in by_path.items():
            opened = self.files.files.get(path)
            uri = from_fs_path(str(path))
            if uri is None or opened is not before.get(path) or found == self.found.get(path):
                continue
            if opened is not None and not path.exists():
                continue  # not saved yet: only its own check knows of it
            self.found[path] = found
            if shown := opened or self.files.read(path):
                self._publish(uri, shown)

    def _publish(self, uri: str, opened: Open) -> None:
        found = [_diagnostic(item, opened) for item in self.found.get(opened.file.path, ())]
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, opened.version))

    def forget(self, uri: str) -> None:
        """A file was closed: it counts as it is on disk."""
        path = to_fs_path(uri)
        if path is None:
            return
        self.files.close(Path(path))
        self._after(uri, 0, self.checking.close(Path(path)))
        self.check_everything(pause=_PAUSE)

    def shutdown(self) -> None:
        """Stop, as pygls wants it, and the checker with it."""
        if self._checking is not None:
            self._checking.stop()
        super().shutdown()  # type: ignore[no-untyped-call]  # pygls annotates most, not this


def serve() -> int:
    """Speak the protocol on standard input and output until the client ends it; the exit code that it wants then."""
    server = build()
    with open(os.dup(sys.stdout.fileno()), "wb") as own:  # pygls closes what it writes to, others still need theirs
        server.start_io(stdout=own)
    return server.exit_code


def build() -> Server:
    """A server with everything it answers."""
    from importlib.metadata import version

    server = Server(version("lev-os-check"))
    _documents(server)
    _questions(server)
    _changes(server)
    return server


def _documents(server: Server) -> None:
    @server.feature(lsp.INITIALIZED)
    def initialized(server: Server, params: lsp.InitializedParams) -> None:
        server.files.encoding = lsp.PositionEncodingKind(server.server_capabilities.position_encoding or "utf-16").value
        folders = [to_fs_path(uri) for uri in server.workspace.folders]
        roots = [Path(folder) for folder in folders if folder] or [Path(server.workspace.root_path or Path.cwd())]
        server.files.roots = tuple(roots)
        server.check_everything(pause=_FIRST_PAUSE)

    @server.feature(lsp.SHUTDOWN)
    def shutdown(server: Server, params: None) -> None:
        server.ending = True

    @server.feature(lsp.EXIT)
    def exit(server: Server, params: None) -> None:
        server.exit_code = 0 if server.ending else 1

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(server: Server, params: lsp.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        server.changed(document.uri, document.text, document.version, pause=0)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(server: Server, params: lsp.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        server.changed(document.uri, server.workspace.get_text_document(document.uri).source, document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def did_save(server: Server, params: lsp.DidSaveTextDocumentParams) -> None:
        server.files.refresh()
        server.check_everything()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(server: Server, params: lsp.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_files(server: Server, params: lsp.DidChangeWatchedFilesParams) -> None:
        server.files.refresh()
        server.check_everything(pause=_PAUSE)


def _questions(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def on_hover(server: Server, params: lsp.HoverParams) -> lsp.Hover | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        said = hover(server.files, opened, _offset(opened, params.position))
        if said is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, said[0]), _range(opened.lines, said[1]))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def on_definition(server: Server, params: lsp.DefinitionParams) -> lsp.Location | None:
        opened = server.opened(params.text_document.uri)
        place = definition(server.files, opened, _offset(opened, params.position)) if opened else None
        uri = from_fs_path(str(place.path)) if place else None
        if place is None or uri is None:
            return None
        try:
            lines = server.files.lines_of(place.path)
        except (OSError, ValueError):
            return None
        return lsp.Location(uri, _range(lines, (place.start, place.end)))

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION,
        lsp.CompletionOptions(trigger_characters=[".", "/", "{", " ", "("], resolve_provider=True),
    )
    def on_completion(server: Server, params: lsp.CompletionParams) -> lsp.CompletionList:
        opened = server.opened(params.text_document.uri)
        offset = _offset(opened, params.position) if opened else 0
        items = completion(server.files, opened, offset) if opened else []
        shown = [_item(opened, item, offset, index) for index, item in enumerate(items)] if opened else []
        return lsp.CompletionList(is_incomplete=False, items=shown)

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def on_resolve(server: Server, params: lsp.CompletionItem) -> lsp.CompletionItem:
        """What an export is costs reading it, so it is said of the proposal that somebody looks at."""
        data = params.data if isinstance(params.data, dict) else {}
        package = server.files.package_of(Path(str(data["file"]))) if "file" in data else None
        export = server.files.find(str(data.get("export")), package)
        if export is not None:
            params.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, about_export(export))
        return params

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def on_symbols(server: Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        opened = server.opened(params.text_document.uri)
        return [_symbol(opened.lines, symbol) for symbol in symbols(opened)] if opened else []


def _changes(server: Server) -> None:
    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    def on_actions(server: Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        opened = server.opened(uri)
        if opened is None:
            return []
        first, last = _offset(opened, params.range.start), _offset(opened, params.range.end)
        shown = []
        for found in server.found.get(opened.file.path, ()):
            start, end = _span(found, opened)
            if start <= last and first <= end:
                shown += [_action(uri, opened, found, action) for action in actions(opened.file, found)]
        return shown

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def on_prepare(server: Server, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        opened = server.opened(params.text_document.uri)
        found = renamable(server.files, opened, _offset(opened, params.position)) if opened else None
        if opened is None or found is None:
            return None
        return lsp.PrepareRenamePlaceholder(_range(opened.lines, found[1]), found[0])

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def on_rename(server: Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        opened = server.opened(params.text_document.uri)
        if opened is None:
            return None
        try:
            edits = rename(server.files, opened, _offset(opened, params.position), params.new_name)
        except LevError as error:
            raise JsonRpcInvalidParams(str(error)) from None
        return lsp.WorkspaceEdit(changes={params.text_document.uri: _edits(opened.lines, edits)})


# --- from ours to the protocol's


def _of_others(found: Diagnostic) -> bool:
    rule = rules().get(found.code)
    return rule is not None and rule.on in {"package", "project"}


def _offset(opened: Open, position: lsp.Position) -> int:
    return opened.lines.offset(position.line, position.character)


def _range(lines: Lines, span: Span) -> lsp.Range:
    return lsp.Range(lsp.Position(*lines.position(span[0])), lsp.Position(*lines.position(span[1])))


def _edits(lines: Lines, edits: Iterable[Edit]) -> list[lsp.TextEdit]:
    return [lsp.TextEdit(_range(lines, (edit.start, edit.end)), edit.text) for edit in edits]


def _span(found: Diagnostic, opened: Open) -> Span:
    file = opened.file
    return file.offset(found.line, found.column), file.offset(found.end_line, found.end_column)


def _diagnostic(found: Diagnostic, opened: Open) -> lsp.Diagnostic:
    message = f"{found.message}\n{found.help}" if found.help else found.message
    return lsp.Diagnostic(
        _range(opened.lines, _span(found, opened)), message, _SEVERITIES[found.severity], found.code, source="lev"
    )


def _item(opened: Open, item: Item, offset: int, index: int) -> lsp.CompletionItem:
    edit = lsp.TextEdit(_range(opened.lines, (item.start, offset)), item.text)
    about = lsp.MarkupContent(lsp.MarkupKind.Markdown, item.about) if item.about else None
    return lsp.CompletionItem(
        label=item.text.rstrip(": "), kind=_ITEMS[item.kind], detail=item.detail or None, documentation=about,
        text_edit=edit, filter_text=item.text, sort_text=f"{index:04}",
        data={"export": item.export, "file": opened.file.where} if item.export else None,
    )  # fmt: skip


def _symbol(lines: Lines, symbol: Symbol) -> lsp.DocumentSymbol:
    return lsp.DocumentSymbol(
        symbol.name, _SYMBOLS[symbol.kind], _range(lines, symbol.whole), _range(lines, symbol.name_span),
        detail=symbol.detail or None, children=[_symbol(lines, inner) for inner in symbol.inside],
    )  # fmt: skip


def _action(uri: str, opened: Open, found: Diagnostic, action: Action) -> lsp.CodeAction:
    return lsp.CodeAction(
        action.title, lsp.CodeActionKind.QuickFix, [_diagnostic(found, opened)], is_preferred=action.preferred,
        edit=lsp.WorkspaceEdit(changes={uri: _edits(opened.lines, action.edits)}),
    )  # fmt: skip
