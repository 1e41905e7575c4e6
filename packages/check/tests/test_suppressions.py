"""Suppressions: they need a reason, may end, and are told of when they do nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lev_os.check import Diagnostic, Finding, check
from lev_os.check.files import File
from lev_os.check.registry import rules
from lev_os.check.rule import RULES, rule
from lev_os.check.suppressions import suppress, suppressions_of

Write = Callable[..., Path]
HEAD = "---\nname: pdf\ndescription: Reads PDFs. Use it for PDFs.\n---\n"


@pytest.fixture(autouse=True)
def word() -> Iterator[None]:
    """A rule about the word `bad`; where it says `worse`, its finding is hard."""
    rules()

    @rule("CTX998", "word", summary="", on="file", severity="error", why="", mend="", bad=(), good=())
    def word(file: File) -> Iterator[Finding]:
        at = file.text.find("bad")
        while at >= 0:
            yield Finding((at, at + 3), "bad", hard=file.text.startswith("worse", at + 4))
            at = file.text.find("bad", at + 1)

    rules.cache_clear()
    yield
    del RULES["CTX998"]
    rules.cache_clear()


def found(body: str, write: Write) -> list[tuple[str, int]]:
    """What is found in a skill with this body, whose first line is the fifth."""
    write("skills/pdf/SKILL.md", HEAD + body)
    return [
        (item.code, item.line) for item in check(["."]).diagnostics if item.code[:3] == "CHK" or item.message == "bad"
    ]


COMMENT = "<!-- lev-ignore CTX998: quoted -->"


def test_in_a_head(write: Write) -> None:
    """A head is YAML, so a suppression in it is a comment of YAML, for its line or the next; never for the file."""
    head = "---\nname: pdf\n# lev-ignore CTX998: quoted\ndescription: bad. Use it.\n{}---\nbad\n"
    file = write("skills/pdf/SKILL.md", head.format("license: bad # lev-ignore CTX998: so be it\n"))
    found = [item.line for item in check(["."]).diagnostics if item.message == "bad"]
    assert found == [7]
    file.write_text(head.format("license: MIT # lev-ignore CTX998: so be it\n"))
    assert ("CHK902", 5) in [(item.code, item.line) for item in check(["."]).diagnostics]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (f"bad {COMMENT}\nbad\n", [("CTX998", 6)]),
        (f"x\n{COMMENT}\nbad\nbad\n", [("CTX998", 8)]),
        (f"x\n\n{COMMENT}\n\n\nbad\nbad\n", [("CTX998", 11)]),
        (f"{COMMENT}\nx\n\nbad\nbad\n", []),
        ("<!-- lev-ignore CTX9: quoted -->\n\nbad\n", []),
        ("<!-- lev-ignore SEC101,CTX998: quoted -->\n\nbad\n", []),
        ("<!--lev-ignore CTX998 : quoted, and\n  explained -->\n\nbad\n", []),
        (f"```\n{COMMENT}\n```\n\nbad\n", [("CTX998", 9)]),
    ],
    ids=["its line", "the next line", "the next that is not blank", "the file", "a family", "two codes", "two lines",
         "an example"],
)  # fmt: skip
def test_what_a_suppression_holds_for(write: Write, body: str, left: list[tuple[str, int]]) -> None:
    """Its own line, the next, or at the top the whole file."""
    assert found(body, write) == left


def test_two_at_the_top(write: Write) -> None:
    """Each holds for the whole file."""
    body = f"<!-- lev-ignore SEC201: shown -->\n{COMMENT}\n\nbad\n"
    assert found(body, write) == [("CHK902", 5)]


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("<!-- lev-ignore CTX998 -->", "CHK903"),
        ("<!-- lev-ignore CTX998: -->", "CHK903"),
        ("<!-- lev-ignore CTX998: old (until 2020-02-29) -->", "CHK904"),
        ("<!-- lev-ignore CTX998: old (until 2020-02-30) -->", "CHK905"),
        ("<!-- lev-ignore CTX998: old (until 2999-02-30) -->", "CHK905"),
        ("<!-- lev-ignore CTX998: old (until 2999-1-1) -->", "CHK905"),
        ("<!-- lev-ignore CTX998: old (until 1 May 2999) -->", "CHK905"),
        ("<!-- lev-ignore ctx998: old -->", "CHK905"),
        ("<!-- lev-ignore -->", "CHK905"),
    ],
)
def test_suppressions_without_effect(write: Write, comment: str, code: str) -> None:
    """They are told of, and what they are about is too."""
    assert found(f"x\n\n{comment}\nbad\n", write) == [(code, 7), ("CTX998", 8)]


def test_an_unused_one(write: Write) -> None:
    """Told of, unless its rule did not run."""
    assert found(f"{COMMENT}\n", write) == [("CHK902", 5)]
    assert check(["."], ignore=["CTX998"]).diagnostics == ()
    assert check(["."], select=["SEC"]).diagnostics == ()


def test_hard_findings_cannot_be_suppressed(write: Write) -> None:
    """Neither here nor in the project's configuration."""
    write(
        "pyproject.toml",
        '[tool.lev.check.per-file-ignores]\n"skills/" = {codes = ["CTX998"], reason = "they are old"}\n',
    )
    assert found(f"{COMMENT}\n\nbad worse\n", write) == [("CHK906", 5), ("CTX998", 7)]
    assert found("bad\n", write) == []


def test_in_yaml(write: Write) -> None:
    """A comment of YAML, beside or above."""
    file = File(
        Path("x.yaml"), "x.yaml", "flow", "a: 1\nb: 2 # lev-ignore FLW401: so it is\n# lev-ignore FLW402: no\nc: 3\n"
    )
    assert [(item.codes, item.line) for item in suppressions_of(file)] == [(("FLW401",), 2), (("FLW402",), 4)]


def test_the_last_day_counts() -> None:
    """`until` is the last day on which it holds."""
    file = File(Path("x.md"), "x.md", "context", "<!-- lev-ignore CTX998: old (until 2026-11-30) -->\nbad\n")
    items = {"x.md": suppressions_of(file)}
    diagnostic = Diagnostic("CTX998", "error", "x.md", 2, 1, 2, 4, "bad")
    ran = {"ran": lambda codes: True}
    assert suppress([diagnostic], items, today="2026-11-30", **ran)[0] == []
    left, count = suppress([diagnostic], items, today="2026-12-01", **ran)
    assert ([item.code for item in left], count) == (["CTX998", "CHK904"], 0)


CONSTITUTION = """\
constitution: 1
name: acme
principles:
  - id: ACME-001
    statement: No promises.
    scope: {artifacts: [context, run]}
    checks: [{regex: guaranteed}]
    tests:
      violates: [{request: {about: guaranteed}}, {request: {about: guaranteed gains}}]
      complies: [{request: {about: likely}}, {request: {about: likely gains}}]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("name: acme", "name: acme\nextra: 1"),
        ("statement:", "statment:"),
        ("guaranteed}", "'('}"),
        ("[", "[["),
    ],
    ids=["none", "unknown key", "misspelt key", "no pattern", "no YAML"],
)
def test_a_mistake_in_the_constitution_makes_no_suppression_unused(write: Write, old: str, new: str) -> None:
    """What is suppressed is found all the same, or nobody knows whether it would be."""
    exports = '[exports]\n"./contexts/*" = {llm = "./contexts/*.md"}\n'
    write("acme/__init__.py", "")
    write("acme/lev.toml", 'format = 1\nconstitution = "./constitution.yaml"\n' + exports)
    write("acme/constitution.yaml", CONSTITUTION.replace(old, new, 1))
    comment = "<!-- lev-ignore CON511: a quotation -->"
    write("acme/contexts/tone.md", f"---\ndescription: x\n---\n# Tone\n\n{comment}\nguaranteed\n")
    found = [item.code for item in check(["."]).diagnostics if item.file.endswith("tone.md")]
    assert found == []
    write("acme/contexts/tone.md", f"---\ndescription: x\n---\n# Tone\n\n{comment}\nlikely\n")
    found = [item.code for item in check(["."]).diagnostics if item.file.endswith("tone.md")]
    assert found == (["CHK902"] if not old else [])
