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
    """Line and character, in UTF-16 units, behind the first `before`."""
    offset = text.index(before) + len(before)
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset), len(text[start:offset].encode("utf-16-le")) // 2


def test_broken_while_typing_and_mended(acme: Path, play: Play) -> None:
    """A text that stops being YAML has one finding at its place, and none when it is whole again."""
    text = (acme / REFUND).read_text("utf-8")

    async def scene(editor: Editor) -> None:
        editor.open(REFUND)
        assert await editor.diagnostics(REFUND) == []
        editor.change(REFUND, text.replace("steps:", "steps: [", 1), 2)
        codes = [found.code for found in await editor.diagnostics(REFUND, 2)]
        assert codes == ["YML101"]
        editor.change(REFUND, text, 3)
        assert await editor.diagnostics(REFUND, 3) == []

    play(acme, scene)


def test_findings_stand_where_an_editor_counts_them(acme: Path, play: Play) -> None:
    """Behind an emoji a column is two units further on in UTF-16, and one in UTF-32."""
    text = 'flowmind: 1\nname: a\nsteps:\n  - return: {a: "🦑 ${nothing}"}\n'
    for encodings, character in ((None, 21), (["utf-32"], 20)):

        async def scene(editor: Editor, character: int = character) -> None:
            editor.open("flows/a.yaml", text)
            (found,) = await editor.diagnostics("flows/a.yaml")
            assert (found.code, found.range.start) == ("FLW201", lsp.Position(3, character))

        play(acme, scene, encodings=encodings)


def test_hover_says_what_an_export_is(acme: Path, play: Play) -> None:
    """A tool's card, a step's type, a principle and a key, each where the cursor is."""
    text = (acme / REFUND).read_text("utf-8")

    async def scene(editor: Editor) -> None:
        async def shown(name: str, text: str, before: str) -> str:
            found = await editor.client.text_document_hover_async(
                lsp.HoverParams(**editor.at(name, *place(text, before)))
            )
            assert found is not None
            assert isinstance(found.contents, lsp.MarkupContent)
            return found.contents.value

        editor.open(REFUND)
        assert "reads_private" in await shown(REFUND, text, "call: ./tools/find_c")
        assert "`decision`: {approved: boolean, note: string}" in await shown(REFUND, text, "id: deci")
        assert "`decision.approved`: boolean" in await shown(REFUND, text, "!decision.app")
        assert "Suspend until a person" in await shown(REFUND, text, "    wa")
        constitution = (acme / "constitution.yaml").read_text("utf-8")
        editor.open("constitution.yaml")
        assert "needs a person's approval" in await shown("constitution.yaml", constitution, "id: ACME-0")
        manifest = (acme / "lev.toml").read_text("utf-8")
        editor.open("lev.toml")
        assert "tokens" in await shown("lev.toml", manifest, '\n"')

    play(acme, scene)


def test_definition_goes_to_other_files_and_languages(acme: Path, play: Play) -> None:
    """A tool is Python source, a flow another file, an inherited constitution another package's."""
    text = (acme / REFUND).read_text("utf-8")

    async def scene(editor: Editor) -> None:
        async def found(name: str, text: str, before: str) -> tuple[str, str]:
            params = lsp.DefinitionParams(**editor.at(name, *place(text, before)))
            location = await editor.client.text_document_definition_async(params)
            assert isinstance(location, lsp.Location)
            path = Path(location.uri.removeprefix("file://"))
            return path.name, path.read_text("utf-8").splitlines()[location.range.start.line]

        editor.open(REFUND)
        name, line = await found(REFUND, text, "call: ./tools/find_c")
        assert name == "tools.py"
        assert "def find_customer" in line
        assert (await found(REFUND, text, "flow: ./flows/esc"))[0] == "escalate.yaml"
        assert (await found(REFUND, text, '"${deci'))[1].strip() == "- id: decision"
        editor.open("constitution.yaml")
        constitution = (acme / "constitution.yaml").read_text("utf-8")
        assert (await found("constitution.yaml", constitution, "extends: [lev_os"))[0] == "baseline.yaml"

    play(acme, scene)


@pytest.mark.parametrize(
    ("typed", "before", "expected"),
    [
        ('  - set: {x: "${decision.', "${decision.", {"approved", "note"}),
        ("  - id: again\n    call: ./to", "./to", {"./tools/find_order", "./tools/refund"}),
        ("  - id: again\n    wait: approval\n    time", "    time", {"timeout", "on_timeout", "returns"}),
        ("  - whi", "- whi", {"while", "ask", "id"}),
        ('  - if: "cust', '"cust', {"customer", "order", "input"}),
    ],
)  # fmt: skip
def test_completion_in_a_file_that_does_not_parse(
    acme: Path, play: Play, typed: str, before: str, expected: set[str]
) -> None:
    """Fields, tools, keys, kinds of steps and names are proposed while the last line is half written."""
    text = (acme / REFUND).read_text("utf-8").partition("  - id: money")[0] + typed

    async def scene(editor: Editor) -> None:
        editor.open(REFUND, text)
        params = lsp.CompletionParams(**editor.at(REFUND, *place(text[::-1], "")))
        line = text.count("\n")
        params.position = lsp.Position(line, len(text) - text.rfind("\n") - 1)
        found = await editor.client.text_document_completion_async(params)
        assert isinstance(found, lsp.CompletionList)
        assert expected <= {item.label for item in found.items}

    play(acme, scene)


def test_rename_changes_every_expression_and_nothing_else(acme: Path, play: Play) -> None:
    """All references of a step's id change, in CEL and templates; a taken or reserved name is refused."""
    text = (acme / REFUND).read_text("utf-8")

    async def scene(editor: Editor) -> None:
        editor.open(REFUND)
        where = editor.at(REFUND, *place(text, "id: ord"))
        edit = await editor.client.text_document_rename_async(lsp.RenameParams(new_name="purchase", **where))
        assert edit is not None
        assert edit.changes is not None
        changed = text.splitlines(keepends=True)
        for change in sorted(edit.changes[editor.uri(REFUND)], key=lambda e: -e.range.start.character):
            line = change.range.start.line
            changed[line] = (
                changed[line][: change.range.start.character]
                + change.new_text
                + changed[line][change.range.end.character :]
            )
        renamed = "".join(changed)
        assert "order.customer" not in renamed
        assert "purchase.paid_cents - purchase.refunded_cents" in renamed
        assert renamed.count("order_id") == text.count("order_id")
        editor.change(REFUND, renamed, 2)
        assert await editor.diagnostics(REFUND, 2) == []
        for name in ("customer", "in", "no good"):
            with pytest.raises(JsonRpcException):
                await editor.client.text_document_rename_async(lsp.RenameParams(new_name=name, **where))

    play(acme, scene)


def test_symbols_are_the_steps(acme: Path, play: Play) -> None:
    """The outline of a flow has its steps, with branches inside them."""

    async def scene(editor: Editor) -> None:
        editor.open(REFUND)
        params = lsp.DocumentSymbolParams(lsp.TextDocumentIdentifier(editor.uri(REFUND)))
        found = await editor.client.text_document_document_symbol_async(params)
        assert found is not None
        assert [symbol.name for symbol in found][:3] == ["customer", "order", "if"]
        assert isinstance(found[2], lsp.DocumentSymbol)
        assert found[2].children is not None
        assert [child.name for child in found[2].children] == ["then"]

    play(acme, scene)


BROKEN_RULE = """
from lev_os.check import Example, rule
from lev_os.check.registry import rules
rules()
@rule("TST999", "raises", summary="", on="file", severity="error", why="", mend="", bad=Example({}), good=Example({}))
def broken(file):
    raise RuntimeError("a rule of somebody")
rules.cache_clear()
from lev_os.check.lsp.server import serve
serve()
"""


def test_a_rule_that_raises_does_not_end_the_server(acme: Path, play: Play) -> None:
    """The other findings still come, and the server still answers."""

    async def scene(editor: Editor) -> None:
        editor.open("skills/pdf/SKILL.md", "---\nname: PDF\ndescription: Reads.\n---\n")
        assert "CTX401" in {found.code for found in await editor.diagnostics("skills/pdf/SKILL.md")}
        params = lsp.HoverParams(**editor.at("skills/pdf/SKILL.md", 0, 0))
        assert await editor.client.text_document_hover_async(params) is None

    play(acme, scene, start=["-c", BROKEN_RULE])


def test_huge_edits_and_cancelled_requests(acme: Path, play: Play) -> None:
    """A thousand steps, pasted at once and taken away again while requests are under way and withdrawn."""
    step = '  - id: s{0}\n    ask: Say {0}.\n    about: "${{input.message}}"\n'
    text = "flowmind: 1\nname: big\ninput: {message: string}\nsteps:\n" + "".join(map(step.format, range(1000)))

    async def scene(editor: Editor) -> None:
        editor.open("flows/big.yaml", "flowmind: 1\n")
        editor.change("flows/big.yaml", text, 2)
        where = editor.at("flows/big.yaml", 7, 8)
        for _ in range(5):
            request = asyncio.ensure_future(editor.client.text_document_hover_async(lsp.HoverParams(**where)))
            await asyncio.sleep(0)
            editor.client.cancel_request(lsp.CancelParams(1))
            request.cancel()
        found = await editor.diagnostics("flows/big.yaml", 2)
        assert not [item for item in found if item.severity == lsp.DiagnosticSeverity.Error]
        edit = await editor.client.text_document_rename_async(lsp.RenameParams(new_name="first", **where))
        assert edit is not None
        editor.change("flows/big.yaml", "x" * 2_000_000, 3)
        assert await editor.diagnostics("flows/big.yaml", 3)
        editor.change("flows/big.yaml", text[:200], 4)
        await editor.diagnostics("flows/big.yaml", 4)

    play(acme, scene)
