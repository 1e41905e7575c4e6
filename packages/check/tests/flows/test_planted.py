"""Faults planted in large flows are found where they are, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from lev_os.check import Diagnostic, check
from random_flows import flow_texts

MANIFEST = """\
format = 1
name = "acme"
[exports]
"./flows/*" = { llm = "./flows/*.yaml" }
"./tools/*" = { python = "acme.tools:*" }
"""
TOOLS = """\
from lev_os.core import tool


@tool(effects=(), idempotent=True)
def pure(x: object) -> object: ...


@tool(effects={"ingests_untrusted", "reads_private"})
def read(x: object) -> object: ...


@tool(effects={"writes_external"})
def send(x: object) -> object: ...


def odd(x: object) -> object: ...
"""
HEAD = """\
flowmind: 1
name: large
input: {message: string, count: integer, plan: {enum: [free, paid]}}
output: {reply: string}
steps:
  - set: {said0: "nothing"}
"""
BLOCK = """\
  - id: draft{n}
    ask: "Draft reply {n} to ${{input.message}} for ${{input.plan}}"
    about: "${{said{last}}}"
    returns: {{text: string, score: number, kind: {{enum: [short, long]}}}}
  - if: "draft{n}.score > 0.5 && input.count > {n}"
    then:
      - id: more{n}
        ask: "Say more than ${{draft{n}.text}}"
        returns: {{text: string}}
      - set: {{said{n}: "${{more{n}.text}}"}}
    else:
      - set: {{said{n}: "${{draft{n}.text}}"}}
  - switch: draft{n}.kind
    cases:
      short:
        - set: {{tone{n}: brief}}
      long:
        - set: {{tone{n}: full}}
  - id: each{n}
    for_each: word in ['a', 'b']
    collect: "${{word}}: ${{line{n}}} (${{tone{n}}})"
    do:
      - id: line{n}
        ask: "Use ${{word}}."
  - ask: "Repeat ${{each{n}}}"
"""
TAIL = '  - return: {{reply: "${{said{last}}}"}}\n'
STEPS = 10
"""Steps in a block."""

FAULTS: dict[str, tuple[str, str, str, str]] = {
    # kind: what is replaced in block {n}, by what, the code, and the text at whose beginning it is found
    "unknown key": ("    about: ", "    abuot: ", "FLW101", "abuot: "),
    "no kind of step": ('- ask: "Repeat', '- repeat: "', "FLW102", 'repeat: "'),
    "not quoted": ('ask: "Use ${word}."', "ask: Use ${word}.", "FLW105", "Use ${word}."),
    "not CEL": ("score > 0.5 &&", "score > 0.5 and", "FLW301", "and input.count"),
    "undefined name": ("more than ${draft{n}.text}", "more than ${draught{n}.text}", "FLW201", "draught{n}"),
    "undefined field": ('"${more{n}.text}"', '"${more{n}.txt}"', "FLW201", "more{n}.txt"),
    "used before": ('about: "${said{last}}"', 'about: "${tone{n}}"', "FLW201", "tone{n}"),
    "taken id": ("id: more{n}", "id: draft{n}", "FLW202", "draft{n}\n        ask"),
    "wrong branch": ('said{n}: "${draft{n}.text}"', 'said{n}: "${more{n}}"', "FLW210", 'more{n}}"}'),
    "null": ('said{n}: "${draft{n}.text}"', 'said{n}: "${more{n}.text}"', "FLW311", "more{n}.text}\"}\n  - switch"),
    "maybe null": ('Repeat ${each{n}}"', 'Repeat ${more{n}.text}"', "FLW312", 'more{n}.text}"\n  - '),
    "operand": ("score > 0.5", "score + 1 > 0.5", "FLW314", "draft{n}.score + 1"),
    "never equal": ("input.count > {n}", "draft{n}.kind == 'shrt'", "FLW315", "'shrt'"),
    "not a list": ("word in ['a', 'b']", "word in said{n}", "FLW314", 'said{n}\n    collect'),
    "impossible case": ("      short:\n", "      shrt:\n", "FLW411", "shrt:"),
    "unhandled case": ("      short:\n", "      shrt:\n", "FLW410", "draft{n}.kind\n"),
    "unused result": ('Repeat ${each{n}}"\n', 'Repeat it."\n  - id: lost{n}\n    ask: What?\n', "FLW211", "lost{n}"),
    "unknown tool": ('- ask: "Repeat ${each{n}}"', "- call: ./tools/purr\n    with: {x: 1}", "FLW501", "./tools/purr"),
    "bad argument": ('- ask: "Repeat ${each{n}}"', "- call: ./tools/pure\n    with: {y: 1}", "FLW304", "y: 1"),
    "unknown flow": ('- ask: "Repeat ${each{n}}"', "- flow: ./flows/nothing", "FLW501", "./flows/nothing"),
    "unreachable": ('- ask: "Repeat', '- return: {reply: ""}\n  - ask: "Repeat', "FLW401", 'ask: "Repeat'),
    "never completes": (
        '- ask: "Repeat ${each{n}}"', "- parallel: {a: [], b: []}\n    wait_for: 3", "FLW110", "3\n"
    ),
    "no bound": ('- ask: "Repeat ${each{n}}"', '- while: "input.count > 3"\n    do: []', "FLW101", "while: "),
    "no uncertain": (
        '- ask: "Repeat ${each{n}}"', "- if_semantic: it is rude\n    then: []", "FLW101", "if_semantic: it is"
    ),
    "no progress": (
        '- ask: "Repeat ${each{n}}"',
        '- while: "input.count > 3"\n    max_iterations: 2\n    do:\n      - ask: "Hm?"',
        "FLW413",
        'while: "input.count > 3"',
    ),
    "cycle": ('- ask: "Repeat ${each{n}}"', "- flow: ./flows/large", "FLW502", "./flows/large"),
}  # fmt: skip


def block(n: int) -> str:
    """The steps of one block."""
    return BLOCK.format(n=n, last=n - 1)


def large(blocks: int, change: Callable[[int, str], str] = lambda n, text: text) -> str:
    """A valid flow; `change` may make a block of it invalid."""
    return HEAD + "".join(change(n, block(n)) for n in range(1, blocks + 1)) + TAIL.format(last=blocks)


def found_in(folder: Path, text: str) -> list[Diagnostic]:
    """What is found in a flow of a package with four tools."""
    for name, content in (("lev.toml", MANIFEST), ("__init__.py", ""), ("tools.py", TOOLS)):
        path = folder / "acme" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (folder / "acme/flows").mkdir(exist_ok=True)
    (folder / "acme/flows/large.yaml").write_text(text)
    return list(check([folder], select=["FLW", "YML"]).diagnostics)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the package lies; a check has to be run from there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_large_flow_without_a_fault_is_clean(folder: Path) -> None:
    """A thousand steps, and nothing to say."""
    assert found_in(folder, large(1000 // STEPS)) == []


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_where_it_is(kind: str, folder: Path) -> None:
    """One fault among a thousand steps is found at its line and column."""
    old, new, code, at = FAULTS[kind]
    n = Random(kind).randrange(2, 1000 // STEPS)

    def named(text: str) -> str:
        return text.replace("{n}", str(n)).replace("{last}", str(n - 1))

    def plant(number: int, text: str) -> str:
        assert number != n or named(old) in text
        return text.replace(named(old), named(new), 1) if number == n else text

    text = large(1000 // STEPS, plant)
    begin = text.index(f"id: draft{n}\n")
    offset = text.index(named(at), begin)
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    found = [(d.code, d.line, d.column) for d in found_in(folder, text)]
    assert (code, line, column) in found


def test_all_faults_are_found_at_once(folder: Path) -> None:
    """Each block has a fault of its own: one that keeps the flow from being read hides none of the others."""
    kinds = [kind for kind in FAULTS if kind != "cycle"]

    def plant(number: int, text: str) -> str:
        old, new, *_ = (
            part.replace("{n}", str(number)).replace("{last}", str(number - 1)) for part in FAULTS[kinds[number - 1]]
        )
        return text.replace(old, new, 1)

    found = {d.code for d in found_in(folder, large(len(kinds), plant))}
    hidden = {"FLW211", "FLW413"}  # what nobody reads cannot be told while a step cannot be read
    assert {FAULTS[kind][2] for kind in kinds} - hidden <= found


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(flow_texts())
def test_valid_random_flows_have_no_errors(folder: Path, text: str) -> None:
    """Flows that are valid by construction: nothing that is found in them is an error."""
    assert [d for d in found_in(folder, text) if d.severity == "error"] == []
