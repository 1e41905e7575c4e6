"""`lev import`: what people have becomes a package that loads; what could not be taken is told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from lev_os.core import Context, Flow, load_package
from lev_os.core.bidirectional import Machine
from lev_os.core.errors import LevError
from lev_os.export.importing import FORMATS, read
from lev_os.export.importing.dotprompt import picoschema
from lev_os.export.importing.making import make
from lev_os.export.importing.taken import Taken
from lev_os.export.writing.blocks import BEGIN, END


def lay(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


APM = {
    "apm.yml": "name: team-rules\nversion: 1.2.0\ndescription: How we work.\nauthor: Ada\nscripts:\n  x: codex\n"
    "dependencies:\n  apm:\n    - microsoft/design\n  mcp:\n    - name: github\n",
    ".apm/instructions/python.instructions.md": "---\ndescription: Python.\napplyTo: 'src/**/*.{py,pyi},tests/**'\n"
    "---\n# Python\n\nUse types.\n",
    ".apm/context/domain.context.md": "# Domain\n\nAn order has lines.\n",
    ".apm/agents/reviewer.agent.md": "---\ndescription: Reviews.\ntools: [read]\n---\nBe strict.\n",
    ".apm/prompts/summary.prompt.md": "---\ndescription: Sum up.\ninput: [topic]\nmode: ask\n---\n"
    "Sum up ${input:topic} for ${input:reader:who reads it} within ${BUDGET}.\n",
    ".apm/skills/tidy/SKILL.md": "---\nname: tidy\ndescription: Tidy up.\n---\nText.\r\n",
    ".apm/skills/tidy/scripts/run.sh": "#!/bin/sh\n",
    ".apm/hooks/hooks.json": "{}",
}


def test_apm(tmp_path: Path) -> None:
    """Instructions keep their globs, prompts become flows, skills stay as they are; the rest is told."""
    taken = read("apm", lay(tmp_path, APM))
    assert (taken.name, taken.version, taken.description) == ("team-rules", "1.2.0", "How we work.")
    assert set(taken.contexts) == {"python", "domain", "reviewer-agent"}
    assert b'lev-applies-to: "src/**/*.{py,pyi} tests/**"' in taken.contexts["python"]
    assert taken.contexts["python"].endswith(b"---\n# Python\n\nUse types.\n")
    assert taken.skills["tidy"]["SKILL.md"] == APM[".apm/skills/tidy/SKILL.md"].encode()  # type: ignore[union-attr]  # text
    flow = Flow.parse(taken.flows["summary"])
    assert flow.tree.input_schema["required"] == ["topic", "reader"]
    for what in ("microsoft/design", "github", "`scripts`", "hooks", "`tools`", "`mode`"):
        assert any(what in note for note in taken.notes), what


def test_a_flow_made_of_a_prompt_fills_in_what_the_prompt_did(tmp_path: Path) -> None:
    """And leaves alone what only looks like a place of ours."""
    from lev_os.core.bidirectional import run_sync

    taken = read("apm", lay(tmp_path, APM))
    asked = []

    def model(request: Mapping[str, object]) -> dict[str, str]:
        asked.append(str(request))
        return {"answer": "Short."}

    result = run_sync(Flow.parse(taken.flows["summary"]), {"topic": "orders", "reader": "Ada"}, model=model)
    assert result.output == {"text": "Short."}
    assert "Sum up orders for Ada within ${BUDGET}." in asked[0]


def test_intent(tmp_path: Path) -> None:
    """Nested skills get one name, keys of its own move under metadata."""
    head = "name: {}\ndescription: Use it.\ntype: core\nlibrary: db\nlibrary_version: '1.0'\nrequires:\n  - a\n  - b\n"
    files = {
        "package.json": json.dumps({"name": "@acme/db", "version": "2.0.0", "dependencies": {"x": "1"}}),
        "skills/core/SKILL.md": f"---\n{head.format('core')}---\nCore.\n",
        "skills/core/queries/SKILL.md": f"---\n{head.format('core/queries')}---\n"
        "[a](../references/a.md#x) [c](../SKILL.md) [w](../../gone.md)\n\n[a]: ../references/a.md\n",
        "skills/core/references/a.md": "A.\n",
    }
    taken = read("intent", lay(tmp_path, files))
    assert taken.name == "acme-db"
    assert set(taken.skills) == {"core", "core-queries"}
    assert set(taken.skills["core"]) == {"SKILL.md", "references/a.md"}
    assert taken.skills["core-queries"]["SKILL.md"].decode() == (
        '---\nname: core-queries\ndescription: "Use it."\nmetadata:\n  type: core\n  library: db\n'
        '  library_version: "1.0"\n  requires: a b\n---\n'
        "[a](../core/references/a.md#x) [c](../core/SKILL.md) [w](../../gone.md)\n\n[a]: ../core/references/a.md\n"
    )
    assert any("npm packages" in note for note in taken.notes)


def test_skills(tmp_path: Path) -> None:
    """Byte for byte; the same one in two places once; one that nobody could use is told."""
    skill = b"\xef\xbb\xbf---\r\nname: tidy\r\ndescription: Tidy.\r\n---\r\nText"
    files = {
        ".agents/skills/tidy/SKILL.md": skill,
        ".agents/skills/tidy/bin/x": b"\x00\x01",
        ".claude/skills/tidy/SKILL.md": skill,
        "skills/Old_Name/SKILL.md": "---\nname: old\ndescription: Old.\n---\n",
        "skills/empty/SKILL.md": "No head.\n",
        "skills/bad/SKILL.md": b"\xff\xfe",
        "node_modules/x/skills/theirs/SKILL.md": skill + b".",
    }
    lay(tmp_path, files)
    (tmp_path / ".agents/skills/tidy/bin/x").chmod(0o755)
    taken = read("skills", tmp_path)
    assert set(taken.skills) == {"tidy", "old-name"}
    assert taken.skills["tidy"] == {"SKILL.md": skill, "bin/x": b"\x00\x01"}
    assert taken.executable == {"tidy/bin/x"}
    assert any("its name is old-name now" in note for note in taken.notes)
    assert any("skills/empty" in note and "without a description" in note for note in taken.notes)
    assert any("skills/bad" in note and "not UTF-8" in note for note in taken.notes)


def test_agents_md(tmp_path: Path) -> None:
    """Files below the root keep what they are about; what we wrote ourselves is left out."""
    files = {
        "AGENTS.md": f"# Work\n\nTest first.\n\n{BEGIN}\nours\n{END}\n",
        "CLAUDE.md": "# Work\n\nTest first.\n\n",
        "src/api/AGENTS.md": "Use types.\n",
        ".github/instructions/py.instructions.md": '---\napplyTo: "**/*.py"\ndescription: Python.\n---\nText.\n',
        ".cursor/rules/ts.mdc": "---\ndescription: TypeScript.\nglobs: src/**/*.ts,*.tsx\n---\nText of TS.\n",
    }
    taken = read("agents-md", lay(tmp_path, files))
    assert set(taken.contexts) == {"agents", "src-api-agents", "py", "ts"}
    assert b"ours" not in taken.contexts["agents"]
    assert b'lev-applies-to: "src/api/**"' in taken.contexts["src-api-agents"]
    assert b'lev-applies-to: "src/**/*.ts *.tsx"' in taken.contexts["ts"]
    assert any("CLAUDE.md: not taken again: it says the same as AGENTS.md" in note for note in taken.notes)
    assert set(read("agents-md", tmp_path / "src/api/AGENTS.md").contexts) == {"agents"}


def test_agents_md_imports(tmp_path: Path) -> None:
    """`@AGENTS.md` is what a context requires; a file that is not taken is told, and code and addresses are neither."""
    files = {
        "AGENTS.md": "Use tabs.\n",
        "CLAUDE.md": "@AGENTS.md\n\nSee @docs/git.md, me@a.md and `@x.md`.\n",
        "api/CLAUDE.md": "@../AGENTS.md\n",
    }
    taken = read("agents-md", lay(tmp_path, files))
    assert set(taken.contexts) == {"agents", "claude"}
    claude = Context.parse(taken.contexts["claude"])
    assert claude.requires == ("./contexts/agents",)
    assert claude.body == "See @docs/git.md, me@a.md and `@x.md`.\n"
    assert taken.notes == [
        "CLAUDE.md: `@docs/git.md` stays as it is, and nothing reads that file: it is not taken",
        "api/CLAUDE.md: not taken: it says no more than what it imports",
    ]


def test_tile(tmp_path: Path) -> None:
    """Docs with the entry page as the index, steering as contexts that come first, skills; nothing from outside."""
    tile = {
        "name": "acme/orders",
        "version": "1.0.0",
        "summary": "Orders.",
        "describes": "pkg:pypi/orders@1.0.0",
        "docs": "docs/index.md",
        "steering": {"money": {"rules": "rules/money.md"}, "out": {"rules": "../secret.md"}},
        "skills": {"tidy": {"path": "skills/tidy/SKILL.md"}},
        "evals": {},
    }
    files = {
        "t/tile.json": json.dumps(tile),
        "t/docs/index.md": "# Orders\n\nSee [lines](lines.md).\n",
        "t/docs/lines.md": "# Lines\n",
        "t/rules/money.md": "# Money\n\nCents only.\n",
        "t/skills/tidy/SKILL.md": "---\nname: tidy\ndescription: Tidy.\n---\n",
        "secret.md": "x",
    }
    taken = read("tile", lay(tmp_path, files) / "t")
    assert (taken.name, set(taken.contexts), set(taken.skills)) == ("orders", {"index", "lines", "money"}, {"tidy"})
    assert b'lev-priority: "90"' in taken.contexts["money"]
    for what in ("pkg:pypi/orders", "../secret.md", "`evals`"):
        assert any(what in note for note in taken.notes)


def test_dotprompt(tmp_path: Path) -> None:
    """Types from Picoschemas, roles as instruction and data; a template with logic stays a text."""
    files = {
        "greet.prompt": "---\nmodel: x/y\ninput:\n  schema:\n    name: string, who\n    style?: string\n"
        "  default:\n    name: Guest\noutput:\n  schema:\n    greeting: string\n    tone(enum): [warm, cool]\n---\n"
        '{{! a comment }}{{role "system"}}Greet {{name}} in {{style}}.\n{{role "user"}}\nHello\n',
        "loop.prompt": "{{#each items}}{{this}}{{/each}}\n",
        "_part.prompt": "x",
    }
    taken = read("dotprompt", lay(tmp_path, files))
    tree = Flow.parse(taken.flows["greet"]).tree
    assert tree.input_schema["properties"]["name"] == {"type": "string", "description": "who", "default": "Guest"}
    assert tree.input_schema["required"] == []
    assert tree.output_schema is not None
    assert tree.output_schema["properties"]["tone"] == {"enum": ["warm", "cool"]}
    assert "Greet ${input.name} in ${has(input.style) ? input.style : ''}." in taken.flows["greet"]
    assert set(taken.contexts) == {"loop"}
    assert any("its template has '{{#each items}}'" in note for note in taken.notes)
    assert any("`model` is not taken" in note for note in taken.notes)


def test_what_may_miss_in_a_prompt(tmp_path: Path) -> None:
    """Optional values of the input are empty texts in the prompt, and those of the answer may miss in the output."""
    text = (
        "---\ninput: {schema: {who?: string}}\noutput: {schema: {mood?: string, age: integer}}\n---\nGreet {{who}}.\n"
    )
    flow = Flow.parse(read("dotprompt", lay(tmp_path, {"a.prompt": text})).flows["a"])
    machine = Machine(flow)
    [effect] = machine.start({}).effects
    assert effect.request["instruction"] == "Greet ."
    outcome = machine.submit(effect.token, {"answer": {"age": 3}}).outcome
    assert outcome is not None
    assert outcome.output == {"age": 3}


def test_what_a_prompt_loses_as_a_context(tmp_path: Path) -> None:
    """Roles and schemas are told."""
    text = (
        "---\ninput: {schema: {x: string}}\noutput: {schema: {y: string}}\n---\n{{role 'system'}}A\n{{#if x}}{{/if}}\n"
    )
    taken = read("dotprompt", lay(tmp_path, {"a.prompt": text, "b.prompt": "{{#if x}}{{/if}}\n"}))
    assert [note for note in taken.notes if "does not have" in note] == [
        "a.prompt: a context does not have who says what (its roles), the types of its input, the schema of its answer"
    ]


def test_picoschema() -> None:
    """Arrays, objects, enumerations, descriptions, what may be missing; JSON Schema stays what it is."""
    made = picoschema({"tags(array, what for)": "string", "at?": {"x": "integer"}, "any": "any"})
    assert made["properties"]["tags"] == {"type": "array", "items": {"type": "string"}, "description": "what for"}
    assert made["properties"]["at"]["properties"] == {"x": {"type": "integer"}}
    assert made["properties"]["any"] == {}
    assert made["required"] == ["tags", "any"]
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert picoschema(schema) == schema


def test_prompty(tmp_path: Path) -> None:
    """Types from inputs or samples; `system:` and `user:` as instruction and data."""
    files = {
        "basic.prompty": "---\nname: Basic\ndescription: Answer.\nmodel:\n  api: chat\nsample:\n  question: Why?\n"
        "  count: 3\n---\nsystem:\nYou help {{firstName}}.\n\nuser:\n{{question}} {{count}}\n",
        "second.prompty": "---\nname: Second\ninputs:\n  - name: q\n    kind: string\n    default: x\noutputs:\n"
        "  - name: a\n    kind: string\n---\nAnswer {{q}}.\n",
        "logic.prompty": "---\nname: Logic\n---\nsystem:\n{% for x in y %}{{x}}{% endfor %}\n",
    }
    taken = read("prompty", lay(tmp_path, files))
    tree = Flow.parse(taken.flows["basic"]).tree
    assert {name: schema["type"] for name, schema in tree.input_schema["properties"].items()} == {
        "question": "string",
        "count": "integer",
        "firstName": "string",
    }
    assert "You help ${input.firstName}." in taken.flows["basic"]
    second = Flow.parse(taken.flows["second"]).tree
    assert second.output_schema is not None
    assert second.output_schema["required"] == ["a"]
    assert set(taken.contexts) == {"logic"}


def test_what_cannot_be_a_context_is_told(tmp_path: Path) -> None:
    """Hidden characters, bytes that are no text, a head that is broken: the rest is taken."""
    files = {
        "AGENTS.md": "fine\n",
        "a/AGENTS.md": "hid\u202eden\n",
        "b/AGENTS.md": b"\xff\xfe",
        "c/AGENTS.md": "---\nname: [\n---\nx\n",
    }
    taken = read("agents-md", lay(tmp_path, files))
    assert set(taken.contexts) == {"agents"}
    assert sum("not taken" in note for note in taken.notes) == 3
    assert "a/AGENTS.md: not taken: line 1: CTX003 hidden character U+202E (right-to-left override)" in taken.notes


@pytest.mark.parametrize(
    ("format", "place"),
    [
        ("skills", "s/SKILL.md"),
        ("intent", "skills/s/SKILL.md"),
        ("agents-md", "s/AGENTS.md"),
        ("apm", ".apm/context/s.context.md"),
        ("dotprompt", "s.prompt"),
        ("prompty", "s.prompty"),
        ("tile", "docs/s.md"),
    ],
)
def test_links_and_pipes_are_not_read(format: str, place: str, tmp_path: Path) -> None:
    """A link may lead anywhere, a pipe never ends."""
    (tmp_path / "secret").write_text("---\nname: s\ndescription: Secret.\n---\nSecret.\n")
    root = lay(
        tmp_path / "root",
        {
            "apm.yml": "name: x\n",
            "package.json": "{}",
            "tile.json": '{"name": "a/b", "docs": "docs/index.md"}',
            "docs/index.md": "x\n",
        },
    )
    for make_it in (lambda file: file.symlink_to(tmp_path / "secret"), os.mkfifo):
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        make_it(file)
        try:
            taken = read(format, root)
        except LevError:
            taken = Taken("x")
        assert b"Secret" not in b"".join(taken.contexts.values())
        assert not taken.skills
        assert not taken.flows
        file.unlink()


@pytest.mark.parametrize("format", FORMATS)
def test_a_folder_with_nothing_of_the_format(format: str, tmp_path: Path) -> None:
    """Is told so, and so is a path that is not there."""
    with pytest.raises(LevError):
        read(format, tmp_path)
    with pytest.raises(LevError, match="there is no"):
        read(format, tmp_path / "missing")


def test_names_do_not_meet(tmp_path: Path) -> None:
    """Two files of one name are two contexts."""
    files = {
        "apm.yml": "name: x\n",
        ".apm/context/a.context.md": "1\n",
        ".github/instructions/a.instructions.md": "2\n",
    }
    assert set(read("apm", lay(tmp_path, files)).contexts) == {"a", "a-2"}


def test_the_package_loads_and_is_made_once(tmp_path: Path) -> None:
    """Every export is there; a folder that holds something is not touched."""
    taken = read("apm", lay(tmp_path / "from", APM))
    made = make(taken, into=tmp_path / "to")
    package = load_package(tmp_path / "to")
    assert {export.specifier for export in package.exports() if export.kind != "file"} >= {
        "team_rules/contexts/python",
        "team_rules/flows/summary",
        "team_rules/skills/tidy",
    }
    assert all((made.root / file).is_file() for file in made.files)
    with pytest.raises(LevError, match="not an empty folder"):
        make(taken, into=tmp_path / "to")
    with pytest.raises(LevError, match="--name"):
        make(taken, name="json", into=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_empty_prompt(tmp_path: Path) -> None:
    """The reason is told without a place in our own sources."""
    taken = read("dotprompt", lay(tmp_path, {"i.prompt": ""}))
    assert taken.notes == ['i.prompt: taken as a context, not as a flow: `ask`: "" is shorter than 1 character']
