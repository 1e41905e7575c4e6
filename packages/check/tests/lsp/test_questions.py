"""What the server answers about a text and a place in it, asked without a server."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest
from lev_os.check.lsp.actions import actions
from lev_os.check.lsp.completion import completion
from lev_os.check.lsp.definition import definition
from lev_os.check.lsp.hover import hover
from lev_os.check.lsp.rename import renamable, rename
from lev_os.check.lsp.symbols import symbols
from lev_os.check.lsp.workspace import Open, Workspace
from lev_os.core.errors import LevError

EXAMPLE = Path(__file__).parents[4] / "examples" / "acme_support" / "src" / "acme_support"


@pytest.fixture
def acme(tmp_path: Path) -> Workspace:
    """A copy of the example package, open in an editor."""
    return Workspace((Path(copytree(EXAMPLE, tmp_path / "acme_support")),))


def opened(workspace: Workspace, name: str, text: str | None = None) -> Open:
    """A file, with another text than it has on disk when one is given."""
    path = workspace.root / name
    return workspace.open(path, path.read_text("utf-8") if text is None else text)


def shown(workspace: Workspace, name: str, before: str) -> str:
    """What is shown when the cursor stands behind the first `before`."""
    file = opened(workspace, name)
    found = hover(workspace, file, file.file.text.index(before) + len(before))
    return found[0] if found else ""


REFUND = "flows/refund.yaml"


@pytest.mark.parametrize(
    ("name", "before", "expected"),
    [
        (REFUND, "call: ./tools/find_c", "effects: reads_private"),
        (REFUND, "flow: ./flows/esc", "gives `{ticket: string, urgent: boolean}`"),
        (REFUND, "id: deci", "`decision`: {approved: boolean, note: string}"),
        (REFUND, "!decision.app", "`decision.approved`: boolean"),
        (REFUND, "input.amount", "`input.amount_cents`: integer"),
        (REFUND, "    wa", "Suspend until a person"),
        ("constitution.yaml", "id: ACME-0", "needs a person's approval"),
        ("constitution.yaml", "extends: [lev_os", "principles"),
        ("constitution.yaml", "on_viol", "one of `block`"),
        ("lev.toml", "\n\"", "tokens"),
        ("contexts/index.md", "](", "tokens"),
    ],
)  # fmt: skip
def test_hover(acme: Workspace, name: str, before: str, expected: str) -> None:
    """A tool's card, a flow's types, a step's result, a field, a key, a principle, an export, a linked context."""
    assert expected in shown(acme, name, before)


def test_hover_of_a_rule_and_of_nothing(acme: Workspace) -> None:
    """The code of a rule explains itself wherever it is written; plain text and gaps say nothing."""
    file = opened(acme, "contexts/tone.md", "# Tone\n\n<!-- lev-ignore CTX401: meant -->\n")
    found = hover(acme, file, file.file.text.index("CTX401") + 2)
    assert (found is not None and "breaks the rules" in found[0].lower()) or "skill" in (found or [""])[0]
    assert hover(acme, file, 3) is None


@pytest.mark.parametrize(
    ("name", "before", "file", "line"),
    [
        (REFUND, "call: ./tools/find_c", "tools.py", "def find_customer"),
        (REFUND, "flow: ./flows/esc", "escalate.yaml", "flowmind: 1"),
        (REFUND, 'about: "${pay', "refund.yaml", "payment:"),
        (REFUND, "!deci", "refund.yaml", "- id: decision"),
        (REFUND, "${input.ord", "refund.yaml", "input:"),
        ("constitution.yaml", "extends: [lev_os", "baseline.yaml", ""),
        ("lev.toml", '"./const', "constitution.yaml", "constitution: 1"),
        ("contexts/index.md", "](", "refund-policy.md", ""),
    ],
)  # fmt: skip
def test_definition(acme: Workspace, name: str, before: str, file: str, line: str) -> None:
    """A tool is Python source, a flow another file, a name its step, an inherited constitution another package's."""
    source = opened(acme, name)
    place = definition(acme, source, source.file.text.index(before) + len(before))
    assert place is not None
    assert place.path.name == file
    text = place.path.read_text("utf-8")
    assert line in text[place.start :].partition("\n")[0] or line in text[: place.end].rpartition("\n")[2] + ":"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('  - set: {x: "${decision.', {"approved", "note"}),
        ('  - set:\n      x: "${decision.', {"approved", "note"}),
        ('  - if: "!decision.ap', {"approved", "note"}),
        ("  - id: again\n    call: ./to", {"./tools/find_order", "./tools/refund"}),
        ("  - id: again\n    ask: Say it.\n    tools:\n      - ./t", {"./tools/find_order"}),
        ("  - id: again\n    ask: Say it.\n    context: [./c", {"./contexts/tone"}),
        ("  - flow: ./f", {"./flows/escalate"}),
        ("  - id: again\n    wait: approval\n    time", {"timeout: ", "on_timeout: ", "returns: "}),
        ("  - id: again\n    ", {"ask: ", "call: "}),
        ("  - whi", {"while: ", "ask: ", "id: "}),
        ('  - if: "cust', {"customer", "order", "input"}),
        ("  - for_each: x in cu", {"customer"}),
        ("  - id: again\n    ask: Say it.\n    returns:\n      text: str", {"string", "boolean"}),
        ("  - id: again\n    ask: |\n      About ${dec", {"decision"}),
    ],
)  # fmt: skip
def test_completion_while_typing(acme: Workspace, typed: str, expected: set[str]) -> None:
    """Fields, tools, flows, keys, kinds of steps, names and types, while the last line is half written."""
    text = (acme.root / REFUND).read_text("utf-8").partition("  - id: money")[0] + typed
    assert expected <= {item.text for item in completion(acme, opened(acme, REFUND, text), len(text))}


@pytest.mark.parametrize(
    ("typed", "expected", "never"),
    [
        ("format = 1\n", {"name = ", "constitution = "}, {"format = ", "exports = "}),
        ("format = 1\n[", {"[exports]", "[budget]"}, set()),
        ("format = 1\n[budget]\ncontext = 5\n", {"bundle = ", "import-ms = "}, {"context = "}),
        ('[exports]\n"./a/*" = { llm-first = "./a.md", ', {"llm = ", "python = ", "default = "}, {"llm-first = "}),
        ('[exports]\n"./contexts/*" = { llm = "./contexts/to', {"./contexts/tone.md"}, {"./contexts/index.md"}),
        ('constitution = "./con', {"./constitution.yaml"}, set()),
        ('name = "x" # ', set(), {"format = "}),
    ],
)  # fmt: skip
def test_completion_in_a_manifest(acme: Workspace, typed: str, expected: set[str], never: set[str]) -> None:
    """Tables, keys that are not there yet, conditions of an export, files of the package."""
    found = {item.text for item in completion(acme, opened(acme, "lev.toml", typed), len(typed))}
    assert expected <= found
    assert not never & found


def test_completion_knows_what_is_there(acme: Workspace) -> None:
    """A key that is there is not proposed again, nor a step that comes later, nor anything in plain Markdown."""
    whole = (acme.root / REFUND).read_text("utf-8")
    text = whole.replace("    timeout: 2d\n", "    \n", 1)
    proposed = {item.text for item in completion(acme, opened(acme, REFUND, text), text.index("    \n") + 4)}
    assert "timeout: " in proposed
    assert not {"wait: ", "about: ", "ask: "} & proposed
    early = whole.replace("${input.email}", "${", 1)
    assert {item.text for item in completion(acme, opened(acme, REFUND, early), early.index("${") + 2)} == {"input"}
    prose = opened(acme, "contexts/tone.md", "# Tone\n\nWrite ")
    assert completion(acme, prose, len(prose.file.text)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nname: tone\nmetadata:\n  lev-", {"lev-kind: ", "lev-priority: "}),
        ("---\nname: tone\nmetadata:\n  lev-kind: ", {"personality", "context"}),
        ("---\nmetadata:\n  lev-opposite: lev", {"lev_os.core/contexts/personalities/strategist"}),
        ("See [refunds](ref", {"refund-policy.md"}),
        ("See [refunds](lev:", {"lev://acme_support/contexts/refund-policy"}),
    ],
)
def test_completion_in_contexts(acme: Workspace, text: str, expected: set[str]) -> None:
    """Keys and words of the frontmatter, personalities, and the targets of links."""
    whole = f"{text}\n---\n" if text.startswith("---") else text
    assert expected <= {item.text for item in completion(acme, opened(acme, "contexts/tone.md", whole), len(text))}


LOOPS = """flowmind: 1
name: loops
input: {orders: {type: array, items: object}}
steps:
  - id: both
    parallel:
      left:
        - id: kind
          ask: Left?
        - set: {seen: "${kind}"}
      right:
        - id: kind
          ask: "Right, not ${input.orders}?"
  - id: each
    for_each: order in input.orders
    do:
      - id: total
        ask: 'Add up what''s in ${order.lines}.'
      - if: "total == 'none' || total.size() > 3"
        then: [{set: {t: "${total}"}}]
  - id: whole
    ask: |
      Together ${both.left.kind} and ${both['right'].kind},
      first ${each[0].total}, all ${each.map(e, e.total)} and ${each.exists(total, total.total == 'x')}.
  - for_each: one in each
    do:
      - ask: "Again ${one.total} ${whole}"
  - return: {kind: "${whole}"}
"""


@pytest.mark.parametrize(
    ("at", "new", "changed"),
    [
        ("- id: kind\n          ask: Left", "side", ["- id: side\n          ask: Left", "${side}\"}\n      right",
                                                      "${both.left.side} and ${both['right'].kind}"]),
        ("- id: kind\n          ask: \"R", "side", ["both['right'].side}", "${both.left.kind}"]),
        ("- id: whole\n    ask: |", "sort", ["- id: sort\n    ask: |", "${one.total} ${sort}", 'kind: "${sort}"',
                                            "${both.left.kind}"]),
        ("- id: total", "sum", ["id: sum", "sum == 'none' || sum.size() > 3", "each[0].sum", "e, e.sum",
                                "total, total.sum == 'x'", "${one.sum}", '{t: "${sum}"}']),
        ("- id: both", "pair", ["id: pair", "pair.left.kind", "pair['right']"]),
        ("- id: each", "every", ["every[0]", "every.map(e,", "one in every", "every.exists("]),
    ],
)  # fmt: skip
def test_rename_in_its_scope_and_through_loops_and_branches(
    acme: Workspace, at: str, new: str, changed: list[str]
) -> None:
    """Two branches may have the same id; results of loops and branches are read by it from outside."""
    file = opened(acme, "flows/loops.yaml", LOOPS)
    offset = LOOPS.index(at) + at.index("id: ") + 5
    renamed = LOOPS
    for edit in reversed(rename(acme, file, offset, new)):
        renamed = renamed[: edit.start] + edit.text + renamed[edit.end :]
    for part in changed:
        assert part in renamed
    old = at[at.index("id: ") + 4 :].partition("\n")[0]
    back = opened(acme, "flows/loops.yaml", renamed)
    undone = renamed
    for edit in reversed(rename(acme, back, renamed.index(f"id: {new}") + 5, old)):
        undone = undone[: edit.start] + edit.text + undone[edit.end :]
    assert undone == LOOPS


@pytest.mark.parametrize("new", ["both", "each", "input", "in", "no good", "0x", ""])
def test_rename_refuses_a_name_that_cannot_be(acme: Workspace, new: str) -> None:
    """A name that is taken, reserved or no name changes nothing."""
    file = opened(acme, "flows/loops.yaml", LOOPS)
    with pytest.raises(LevError):
        rename(acme, file, LOOPS.index("- id: whole\n    ask: |") + 7, new)


def test_rename_only_names_of_the_flow(acme: Workspace) -> None:
    """Keys, the input and what is no name cannot be renamed."""
    file = opened(acme, "flows/loops.yaml", LOOPS)
    assert renamable(acme, file, LOOPS.index("parallel") + 1) is None
    assert renamable(acme, file, LOOPS.index("input.orders") + 1) is None
    assert renamable(acme, file, LOOPS.index("id: each") + 5) == (
        "each",
        (LOOPS.index("each"), LOOPS.index("each") + 4),
    )


def test_rename_stops_where_a_context_reads_the_name(acme: Workspace) -> None:
    """A context takes the names of its `lev-params` from the flow; changing the flow alone would break it."""
    (acme.root / "contexts" / "p.md").write_text("---\nmetadata:\n  lev-params: whole\n---\nIt is ${whole}.\n", "utf-8")
    text = LOOPS.replace("steps:", "context: [./contexts/p]\nsteps:", 1)
    file = opened(acme, "flows/loops.yaml", text)
    with pytest.raises(LevError, match="lev-params"):
        rename(acme, file, text.index("- id: whole\n    ask: |") + 7, "sort")


def test_symbols(acme: Workspace) -> None:
    """Steps with their branches, headings by level, principles, exports."""
    steps = symbols(opened(acme, "flows/loops.yaml", LOOPS))
    assert [step.name for step in steps] == ["both", "each", "whole", "for_each", "return"]
    assert [inner.name for inner in steps[0].inside] == ["left", "right"]
    text = "# One\n\n## Two\n\ntext\n\n### Three\n\n## Four\n"
    (one,) = symbols(opened(acme, "contexts/tone.md", text))
    assert [(inner.name, [deep.name for deep in inner.inside]) for inner in one.inside] == [
        ("Two", ["Three"]),
        ("Four", []),
    ]
    assert symbols(opened(acme, "constitution.yaml"))[0].name == "ACME-001"
    assert "./tools/*" in [symbol.name for symbol in symbols(opened(acme, "lev.toml"))]


@pytest.mark.parametrize("kind", ["flow", "context"])
def test_suppressing_leaves_the_reason_to_its_author(acme: Workspace, kind: str) -> None:
    """The comment goes above the line, indented as it is; what is offered last is never the fix."""
    from lev_os.check import Diagnostic, Edit, Fix
    from lev_os.check.files import File

    text = "a:\n  - b\n" if kind == "flow" else "# A\n\n- b\n"
    fix = Fix("write c", (Edit(0, 1, "c"),))
    line = 2 if kind == "flow" else 3
    found = Diagnostic("FLW401", "error", "x", line, 5, line, 6, "wrong", fix=fix)
    first, last = actions(File(Path("x"), "x", kind, text), found)
    assert (first.title, first.preferred) == ("write c", True)
    (edit,) = last.edits
    mended = text[: edit.start] + edit.text + text[edit.end :]
    assert ("\n  # lev-ignore FLW401: \n  - b" if kind == "flow" else "\n<!-- lev-ignore FLW401:  -->\n- b") in mended
