"""`lev lsp` as a real process: what an editor sends, and what it gets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from shutil import copytree

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from .conftest import Editor, Play

EXAMPLE = Path(__file__).parents[4] / "examples" / "acme_support" / "src" / "acme_support"
REFUND = "flows/refund.yaml"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """A copy of the example package."""
    return Path(copytree(EXAMPLE, tmp_path / "acme_support"))


def place(text: str, before: str) -> tuple[int, int]:
    """Line and UTF-16 unit behind the first `before`."""
    offset = text.index(before) + len(before)
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset), len(text[start:offset].encode("utf-16-le")) // 2


def test_a_tour(acme: Path, play: Play) -> None:
    """Open, break while typing, mend, ask everything, rename: each answer is what the protocol wants."""
    text = (acme / REFUND).read_text("utf-8")

    async def scene(editor: Editor) -> None:
        client = editor.client
        editor.open(REFUND)
        assert [
            found for found in await editor.diagnostics(REFUND) if found.severity == lsp.DiagnosticSeverity.Error
        ] == []
        editor.change(REFUND, text.replace("steps:", "steps: [", 1), 2)
        assert [found.code for found in await editor.diagnostics(REFUND, 2)] == ["YML101"]
        editor.change(REFUND, text, 3)
        assert "YML101" not in [found.code for found in await editor.diagnostics(REFUND, 3)]

        at = editor.at(REFUND, *place(text, "call: ./tools/find_c"))
        hover = await client.text_document_hover_async(lsp.HoverParams(**at))
        assert hover is not None
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "reads_private" in hover.contents.value
        target = await client.text_document_definition_async(lsp.DefinitionParams(**at))
        assert isinstance(target, lsp.Location)
        assert target.uri.endswith("/tools.py")
        found = await client.text_document_completion_async(lsp.CompletionParams(**at))
        assert isinstance(found, lsp.CompletionList)
        (tool,) = (item for item in found.items if item.label == "./tools/find_order")
        resolved = await client.completion_item_resolve_async(tool)
        assert isinstance(resolved.documentation, lsp.MarkupContent)
        assert "find_order" in resolved.documentation.value
        params = lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(editor.uri(REFUND)))
        symbols = await client.text_document_document_symbol_async(params)
        assert symbols is not None
        assert [symbol.name for symbol in symbols][:2] == ["customer", "order"]

        where = editor.at(REFUND, *place(text, "id: ord"))
        prepared = await client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**where))
        assert isinstance(prepared, lsp.PrepareRenamePlaceholder)
        assert prepared.placeholder == "order"
        edit = await client.text_document_rename_async(lsp.RenameParams(new_name="purchase", **where))
        assert edit is not None
        assert edit.changes is not None
        assert len(edit.changes[editor.uri(REFUND)]) == 5
        with pytest.raises(JsonRpcException, match="taken"):
            await client.text_document_rename_async(lsp.RenameParams(new_name="customer", **where))

    play(acme, scene)


@pytest.mark.parametrize(("encodings", "character"), [(None, 22), (["utf-32"], 21), (["utf-8"], 24)])
def test_places_as_the_editor_counts_them(acme: Path, play: Play, encodings: list[str] | None, character: int) -> None:
    """Behind an emoji a column is two units on in UTF-16, one in UTF-32 and four in UTF-8, as the client asked."""
    text = 'flowmind: 1\nname: a\nsteps:\n  - return: {a: "🦑 ${nothing}"}\n'

    async def scene(editor: Editor) -> None:
        editor.open("flows/a.yaml", text)
        (found,) = [item for item in await editor.diagnostics("flows/a.yaml") if item.code == "FLW201"]
        assert found.range.start == lsp.Position(3, character)
        what = lsp.CodeActionContext([found])
        params = lsp.CodeActionParams(lsp.TextDocumentIdentifier(editor.uri("flows/a.yaml")), found.range, what)
        offered = await editor.client.text_document_code_action_async(params)
        assert offered is not None
        assert "Suppress FLW201 (and say why)" in [action.title for action in offered]

    play(acme, scene, encodings=encodings)


def test_saving_checks_all_files(acme: Path, play: Play) -> None:
    """What another program has broken is found in the file that nobody has open, when anything is saved."""

    async def scene(editor: Editor) -> None:
        editor.open(REFUND)
        await editor.diagnostics(REFUND)
        (acme / "flows" / "escalate.yaml").write_text("flowmind: 1\nname: escalate\nsteps: [", "utf-8")
        params = lsp.DidSaveTextDocumentParams(lsp.TextDocumentIdentifier(editor.uri(REFUND)))
        editor.client.text_document_did_save(params)
        assert [found.code for found in await editor.diagnostics("flows/escalate.yaml", None)] == ["YML101"]

    play(acme, scene)


BROKEN_RULE = """
from lev_os.check.registry import rules
from lev_os.check.rule import Example, rule
rules()
@rule("TST999", "raises", summary="", on="file", severity="error", why="", mend="", bad=Example({}), good=Example({}))
def broken(file):
    raise RuntimeError("a rule of somebody")
rules.cache_clear()
from lev_os.check.lsp.server import serve
serve()
"""


def test_a_rule_that_raises_does_not_end_the_server(acme: Path, play: Play) -> None:
    """It is a finding of its own, the other findings still come, and the server still answers."""
    name = "skills/pdf/SKILL.md"

    async def scene(editor: Editor) -> None:
        editor.open(name, "---\nname: PDF\ndescription: Reads.\n---\n")
        assert {"CTX401", "CHK901"} <= {found.code for found in await editor.diagnostics(name)}
        assert await editor.client.text_document_hover_async(lsp.HoverParams(**editor.at(name, 3, 0))) is None

    play(acme, scene, start=["-c", BROKEN_RULE])


def test_huge_edits_and_cancelled_requests(acme: Path, play: Play) -> None:
    """A thousand steps pasted at once, requests withdrawn, two megabytes of nothing, and back again."""
    step = '  - id: s{0}\n    ask: Say {0}.\n    about: "${{input.message}}"\n'
    text = "flowmind: 1\nname: big\ninput: {message: string}\nsteps:\n" + "".join(map(step.format, range(1000)))
    name = "flows/big.yaml"

    async def scene(editor: Editor) -> None:
        editor.open(name, "flowmind: 1\n")
        editor.change(name, text, 2)
        where = lsp.HoverParams(**editor.at(name, 7, 8))
        for number in range(5):
            request = editor.client.protocol.send_request_async("textDocument/hover", where, msg_id=f"h{number}")
            editor.client.cancel_request(lsp.CancelParams(f"h{number}"))
            await asyncio.wait({asyncio.ensure_future(request)}, timeout=30)
        assert "FLW201" not in [found.code for found in await editor.diagnostics(name, 2)]
        rename = lsp.RenameParams(new_name="first", **editor.at(name, 7, 8))
        assert await editor.client.text_document_rename_async(rename) is not None
        editor.change(name, "flowmind: 1\n" + "x" * 2_000_000, 3)
        assert await editor.diagnostics(name, 3)
        editor.change(name, "", 4)
        await editor.diagnostics(name, 4)

    play(acme, scene)
