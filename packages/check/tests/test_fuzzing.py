"""Whatever lies in a file, a check ends with diagnostics: no rule fails, nothing is raised, every place exists."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lev_os.check import Report, check
from lev_os.check.applying import RULE_FAILED
from lev_os.check.registry import rules

NAMES = (
    "AGENTS.md", "CLAUDE.md", "skills/pdf/SKILL.md", "skills/pdf/reference.md", ".claude/commands/x.md",
    ".claude/agents/x.md", ".cursor/rules/x.mdc", "plugin.json", ".claude-plugin/marketplace.json", ".mcp.json",
    "hooks/hooks.json", "acme/lev.toml", "acme/flows/one.yaml", "acme/flows/two.yaml", "acme/contexts/a.md",
    "acme/constitution.yaml", "acme/tools.py", "acme/__init__.py", "lev.lock",
)  # fmt: skip
MANIFEST = (
    b'format = 1\nconstitution = "./constitution.yaml"\n[exports]\n"./flows/*" = { llm = "./flows/*.yaml" }\n'
    b'"./contexts/*" = { llm = "./contexts/*.md" }\n"./tools/*" = { python = "acme.tools:*" }\n'
)
KNOWN = [text for rule in rules().values() for item in (*rule.bad, *rule.good) for text in item.files.values()]
PIECES = [
    b"", b"---\n", b"\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"`", b"```python\n", b"<!--", b"-->", b"[a](b)",
    b"\r", b"\xe2\x80\x8b", b"\xed\xa0\x80", b"${", b"}", b"a: &a [*a]\n", b"{" * 200, b"'" * 3, b"\xf3\xa0\x80\x81",
    b"a" * 5000, b"<!-- lev-ignore", b"# lev-ignore CTX301: x\n", b"\t", b"- [ ] ", b"| a | b |\n|--|--|\n",
]  # fmt: skip


def checked(files: Mapping[str, bytes]) -> Report:
    """A check of these files, with what must hold of any."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name, data in files.items():
                path = Path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            report = check(["."])
            for item in report.diagnostics:
                assert item.code != RULE_FAILED, item.message
                assert 1 <= item.line <= item.end_line, item
                assert item.column >= 1, item
                assert (item.line, item.column) <= (item.end_line, item.end_column), item
                assert (Path(item.file)).exists(), item
                text = Path(item.file).read_bytes().decode("utf-8", "replace")
                assert item.line <= text.count("\n") + 1, item
                for edit in item.fix.edits if item.fix else ():
                    assert 0 <= edit.start <= edit.end <= len(text), item
            return report
        finally:
            os.chdir(before)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An example of a rule, cut, doubled or with something put in; or no text at all."""
    data = draw(st.sampled_from(KNOWN)).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = draw(
            st.sampled_from((data[:at], data[at:], data[:at] + draw(st.sampled_from(PIECES)) + data[at:], data + data))
        )
    return data


trees = st.dictionaries(st.sampled_from(NAMES), st.one_of(mutated(), st.binary(max_size=50)), min_size=1, max_size=4)


@pytest.mark.slow
@given(trees, st.booleans())
@example({"AGENTS.md": b"\n" * 100_000}, False)
@example({"skills/pdf/SKILL.md": b"---\n" * 10_000}, False)
@example({"AGENTS.md": b"[" * 20_000}, False)
@example({"AGENTS.md": b"> " * 5_000 + b"x"}, False)
@example({"acme/flows/one.yaml": b"flowmind: 1\nname: one\nsteps:\n" + b"  - set: {a: 1}\n" * 2_000 + b"  - [\n"}, True)
@example({"acme/flows/one.yaml": b"flowmind: 1\nname: one\nsteps:\n  - flow: ./flows/one\n"}, True)
@settings(max_examples=300, deadline=None)
def test_anything(files: dict[str, bytes], package: bool) -> None:
    """Random files, alone and in a package."""
    checked(({"acme/lev.toml": MANIFEST, "acme/__init__.py": b""} if package else {}) | files)


@pytest.mark.slow
def test_examples_cut_anywhere() -> None:
    """Every example of every rule, without its end: what is half written is checked too."""
    chance = random.Random(1)
    for rule in rules().values():
        for item in (*rule.bad, *rule.good)[:2]:
            whole = {name: text.encode("utf-8", "surrogatepass") for name, text in item.files.items()}
            # A configuration that cannot be read ends the check, and has tests of its own.
            cuttable = sorted(whole.keys() - {"pyproject.toml"})
            if not cuttable:
                continue
            name = chance.choice(cuttable)
            cut = chance.randrange(len(whole[name]) + 1)
            checked(whole | {name: whole[name][:cut]})
