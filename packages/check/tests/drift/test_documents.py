"""Which parts of a document are read, where in it, and what it says itself of what it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lev_os.check import check
from lev_os.check.drift.fences import read_fence
from lev_os.check.drift.mentions import mentions
from lev_os.check.files import File

PACKAGE = {
    "pyproject.toml": '[project]\nname = "acme"\nscripts = {acme = "acme.cli:main"}\n',
    "src/acme/__init__.py": (
        "class Events:\n    def stream(self): ...\n\n\n"
        "class Client:\n    events: Events\n\n    def __init__(self, url: str = '') -> None: ...\n"
    ),
    "src/acme/more.py": "class Tool: ...\n",
    "src/acme/cli.py": "import click\n\n\n@click.group()\ndef main(): ...\n\n\n"
    "@main.command()\n@click.option('--out-file')\ndef build(out_file): ...\n",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one package, in which each test runs."""
    monkeypatch.setenv("LEV_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "project"
    for name, text in PACKAGE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(root)
    return root


def found(project: Path, text: str, name: str = "AGENTS.md") -> list[str]:
    """The findings in a document, as `line:column code`."""
    (project / name).write_text(text, encoding="utf-8")
    report = check([project / name], select=["CTX301", "CTX311", "CTX312", "CTX313"])
    return [f"{d.line}:{d.column} {d.code}" for d in report.diagnostics if d.severity != "info"]


IMPORT = "```python\nfrom acme import Client\nclient = Client()\n```\n"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("```python\nfrom acme import Nope\n```\n", ["2:18 CTX301"]),
        ("```python\nfrom acme import Client\nClient().events.my_event\n```\n", []),
        ("```python\nfrom acme import YourModel\n```\n", []),
        ("```py title='x.py'\nfrom acme import Nope\n```\n", ["2:18 CTX301"]),
        ("- in a list:\n\n  ```python\n  from acme import Nope\n  ```\n", ["4:20 CTX301"]),
        ("> ```python\n> from acme import Nope\n> ```\n", ["2:20 CTX301"]),
        ("```python\nä = 'é'; from acme import Nope\n```\n", ["2:27 CTX301"]),
        ("```pycon\n>>> from acme import (\n...     Nope,\n... )\nNope\n```\n", ["3:9 CTX301"]),
        ("```python\n    from acme import Nope\n```\n", ["2:22 CTX301"]),
        ("```python\nthis is prose\nfrom acme import Nope\n```\n", ["3:18 CTX301"]),
        ("```python\nfrom acme import Nope\n\nif x:\n```\n", ["2:18 CTX301"]),
        ("```javascript\nfrom acme import Nope\n```\n", []),
        ("```python\ntry:\n    from acme import Nope\nexcept ImportError:\n    Nope = None\n```\n", []),
        ("```python\nwith pytest.raises(ImportError):\n    from acme import Nope\n```\n", []),
        ("```python\nfrom acme import Nope  # removed in 2.0\n```\n", []),
        ("Do not write this:\n\n```python\nfrom acme import Nope\n```\n", []),
        ("# Migrating from 1.x\n\n```python\nfrom acme import Nope\n```\n", []),
        (f"{IMPORT}## Migrating from 1.x\n\nUse `client.events`, once `client.nope()`.\n", []),
        ("## Migrating from 1.x\n\nOnce `acme build --any`.\n", []),
        (f"{IMPORT}Then `client.nope()`.\n", ["5:14 CTX301"]),
        (f"{IMPORT}There is no `client.nope()`.\n", []),
        (f"{IMPORT}`client.nope()` was removed.\n", []),
        (f"{IMPORT}`client.nope` → `client.events`\n", []),
        (f"{IMPORT}This is not new. Then `client.nope()`.\n", ["5:31 CTX301"]),
        (f"{IMPORT}Then `Client(path='x')`.\n", ["5:14 CTX312"]),
        ("Then `client.nope()`.\n", []),
        ("See `acme.more.Nope` and `acme.Nope`.\n", ["1:16 CTX301", "1:32 CTX301"]),
        ("See `acme.toml`, `acme.dev`, `acme.nope`, `acme.yaml.bak`.\n", []),
        ("```sh\n$ acme build --out-file x --out-fil y\n```\n", ["2:27 CTX313"]),
        ("```sh\nuv run acme buidl\n```\n", ["2:13 CTX313"]),
        ("```sh\nacme build -- --any\nother --any\n```\n", []),
        ("Run `acme build --any`.\n", ["1:17 CTX313"]),
        ("Run `acme build --out-file=x`.\n", []),
    ],
)
def test_places(project: Path, text: str, places: list[str]) -> None:
    """Fences, sessions, spans and commands are read where they stand; what the text denies is left alone."""
    assert found(project, text) == places


def test_a_change_log_is_about_other_versions(project: Path) -> None:
    """Nothing in it is held against the installed one."""
    (project / ".claude" / "commands").mkdir(parents=True)
    assert found(project, "```python\nfrom acme import Nope\n```\n", ".claude/commands/migration.md") == []


def test_two_fences_that_disagree(project: Path) -> None:
    """A name that means two things in one document means nothing in its spans."""
    text = f"{IMPORT}```python\nclient = other()\n```\n\n`client.nope`\n"
    assert found(project, text) == []


@pytest.mark.parametrize(("between", "places"), [("", ["6:8 CTX301"]), ("## Elsewhere\n", [])])
def test_variables_hold_in_one_section(project: Path, between: str, places: list[str]) -> None:
    """A fence goes on with what the fences above it in its section have made; imports hold everywhere."""
    assert found(project, f"{IMPORT}{between}```python\nclient.nope()\n```\n") == places


def test_help_says_what_was_meant(project: Path) -> None:
    """The nearest name, a member of an attribute, or another module."""
    text = "```python\nfrom acme import Client, Tool\nclient = Client()\nclient.stream_events()\nclient.evnts\n```\n"
    (project / "AGENTS.md").write_text(text)
    said = [(d.message, d.help) for d in check([project / "AGENTS.md"], select=["CTX301"]).diagnostics]
    assert said == [
        ("`acme.Tool` does not exist in acme (this project)", "`Tool` is in `acme.more`"),
        ("`client.stream_events` does not exist in acme (this project)", "did you mean `client.events.stream`?"),
        ("`client.evnts` does not exist in acme (this project)", "did you mean `client.events`?"),
    ]


@given(st.text(alphabet=" \n\t>.()[]{}'\"#:=@abcimportfromclassdefé\x00\u2028\r", max_size=200))
def test_any_fence_can_be_read(code: str) -> None:
    """Whatever stands in a fence, reading it ends."""
    lines = code.split("\n")
    read_fence(code, [0] * len(lines))


@given(st.text(max_size=300), st.sampled_from(["python", "sh", "pycon"]))
def test_places_lie_in_the_document(code: str, language: str) -> None:
    """Every mention of any document can be taken from it."""
    text = f"- a\n\n  ```{language}\n{code}\n```\n`{code}`\n"
    named = mentions.extract(File(Path("/x/AGENTS.md"), "AGENTS.md", "instructions", text))
    assert all(0 <= flag.at <= len(text) for command in named.commands for flag in command.flags)
