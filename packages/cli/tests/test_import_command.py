"""`lev import`: a package that passes `lev check`, and what is told on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Lev = Callable[..., Any]
SKILL = "---\nname: tidy\ndescription: Tidy up when asked to.\n---\n# Tidy\n\nPut things back.\n"
SAMPLES: dict[str, dict[str, str]] = {
    "apm": {
        "apm.yml": "name: team-rules\nversion: 1.0.0\ndescription: How we work.\n",
        ".apm/instructions/py.instructions.md": '---\ndescription: Python.\napplyTo: "**/*.py"\n---\nUse types.\n',
        ".apm/prompts/sum.prompt.md": "---\ndescription: Sum up.\ninput: [topic]\n---\nSum up ${input:topic}.\n",
        ".apm/skills/tidy/SKILL.md": SKILL,
    },
    "intent": {
        "package.json": '{"name": "@acme/db", "version": "1.0.0", "description": "A database."}',
        "skills/tidy/SKILL.md": SKILL.replace("description", "type: core\nlibrary: db\ndescription"),
        "skills/tidy/deep/SKILL.md": SKILL.replace("name: tidy", "name: tidy/deep"),
    },
    "skills": {".agents/skills/tidy/SKILL.md": SKILL, ".claude/skills/tidy/SKILL.md": SKILL},
    "agents-md": {
        "AGENTS.md": "# Work here\n\nTest first, then write. See [the docs](docs/x.md).\n",
        "src/AGENTS.md": "# Sources\n\nUse types everywhere.\n",
    },
    "tile": {
        "tile.json": json.dumps(
            {
                "name": "acme/orders",
                "version": "1.0.0",
                "summary": "Orders.",
                "docs": "docs/index.md",
                "steering": {"money": {"rules": "rules/money.md"}},
                "skills": {"tidy": {"path": "skills/tidy/SKILL.md"}},
            }
        ),
        "docs/index.md": "# Orders\n\nSee [lines](lines.md).\n",
        "docs/lines.md": "# Lines\n\nAn order has lines.\n",
        "rules/money.md": "# Money\n\nCents only.\n",
        "skills/tidy/SKILL.md": SKILL,
    },
    "dotprompt": {
        "greet.prompt": "---\nmodel: x/y\ndescription: Greets.\ninput:\n  schema:\n"
        "    name: string, who\n    style?: string\noutput:\n  schema:\n    greeting: string\n---\n"
        "Greet {{name}} in {{style}}.\n",
        "loop.prompt": "---\ndescription: Lists.\n---\n{{#each items}}{{this}}{{/each}}\n",
    },
    "prompty": {
        "basic.prompty": "---\nname: Basic\ndescription: Answers.\nsample:\n  question: Why?\n---\n"
        "system:\nYou are brief.\n\nuser:\n{{question}}\n",
    },
}


@pytest.mark.parametrize("format", SAMPLES)
def test_what_is_made_passes_the_check(format: str, lev: Lev, tmp_path: Path) -> None:
    """Without a single error; every export is listed."""
    for path, text in SAMPLES[format].items():
        file = tmp_path / "from" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    said = lev("import", "--from", format, "from", "--out", "made", "--name", "made-kit", "--json")
    assert said.code == 0, said.err
    assert said.json["name"] == "made_kit"
    checked = lev("check", "made", "--format", "json")
    assert checked.code == 0, checked.out
    exports = {export.partition("/")[2] for export in _exports(lev, tmp_path)}
    assert exports
    assert lev("export", "--to", "skills", "--package", "made/src/made_kit", "--out", "out").code == 0


def _exports(lev: Lev, tmp_path: Path) -> list[str]:
    from lev_os.core import load_package

    return [export.specifier for export in load_package(tmp_path / "made").exports()]


def test_notes_are_told_and_formats_completed(lev: Lev, tmp_path: Path) -> None:
    """On stderr for people."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop.prompt").write_text("{{#if x}}y{{/if}}\n")
    said = lev("import", "--from", "dotprompt", "a", "--name", "made-kit")
    assert said.code == 0
    assert "taken as a context, not as a flow" in said.err
    assert "made made_kit in made-kit" in said.out
    from click.shell_completion import ShellComplete
    from lev_os.cli.app import app

    complete = ShellComplete(app, {}, "lev", "_LEV_COMPLETE")
    assert "prompty" in {item.value for item in complete.get_completions(["import", "--from"], "p")}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--from", "xyz", "."), "nothing is known of the format 'xyz'"),
        (("--from", "apm", "missing"), "there is no missing"),
        (("--from", "apm", "."), "there is no apm.yml"),
        (("--from", "prompty", "."), "holds nothing of the format prompty"),
    ],
)
def test_what_cannot_be_taken(args: tuple[str, ...], says: str, lev: Lev, tmp_path: Path) -> None:
    """Exit code 2, and nothing is made."""
    said = lev("import", *args)
    assert said.code == 2
    assert says in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]
