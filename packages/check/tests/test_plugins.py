"""Rules of third parties: loaded when the user names them, and a broken one is a finding."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lev_os.check import check, plugins
from lev_os.check.outputs import text
from lev_os.check.registry import rules
from lev_os.check.rule import RULES
from lev_os.check.sources import Sources

Write = Callable[..., Path]
PAGE = Path(__file__).parents[3] / "docs" / "writing-rules.md"
RULE = """
from lev_os.check.extending import Finding, rule

@rule("ACM101", "no-foo", summary="s", on="file", severity="warning", why="w", mend="m", bad=(), good=())
def no_foo(file):
    at = file.text.find("foo")
    if at >= 0:
        yield Finding((at, at + 3), "foo")
"""


@pytest.fixture
def installed(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """`installed(code)` installs a plugin `acme`; what it registers goes again."""
    before = set(rules())

    def install(code: str) -> Path:
        write("site/acme_rules/__init__.py", code)
        write("site/acme_rules-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme-rules\nVersion: 1\n")
        write("site/acme_rules-1.dist-info/entry_points.txt", "[lev_os.check_rules]\nacme = acme_rules\n")
        monkeypatch.syspath_prepend(tmp_path / "site")
        return write("AGENTS.md", "Say foo.\n")

    yield install
    for code in set(RULES) - before:
        del RULES[code]
    sys.modules.pop("acme_rules", None)
    plugins._load.cache_clear()
    rules.cache_clear()


def found() -> list[tuple[str, str, str]]:
    return [(item.code, item.file, item.message) for item in check(["AGENTS.md"]).diagnostics]


def test_only_when_it_is_named(installed: Write, write: Write) -> None:
    """That it is installed is not enough; another project does not see it either."""
    installed(RULE)
    assert found() == []
    assert "acme_rules" not in sys.modules
    write("pyproject.toml", '[tool.lev]\nplugins = ["acme"]\n')
    assert found() == [("ACM101", "AGENTS.md", "foo")]


def test_the_rule_of_the_docs(installed: Write, write: Write) -> None:
    """Written, announced and named as the page says, it holds to its own examples, and says what the page shows."""
    page = PAGE.read_text(encoding="utf-8")
    code, announced, named, shown = re.findall(
        r"^```(?:python|toml|text)[^\n]*\n(.*?)^```", page, re.DOTALL | re.MULTILINE
    )
    assert tomllib.loads(announced)["project"]["entry-points"] == {plugins.GROUP: {"acme": "acme_rules"}}
    installed(code)
    write("pyproject.toml", named)
    check(["AGENTS.md"])
    for example in (*rules()["ACM101"].bad, *rules()["ACM101"].good):
        for name, content in example.files.items():
            write(name, content)
        found = check(["AGENTS.md"], select=["ACM101"])
        assert [(item.file, item.line, item.column) for item in found.diagnostics] == (
            [example.at] if example.at else []
        )
        if example.at:
            assert "\n".join(text.lines(found, Sources(Path.cwd()))) == shown.strip()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "the plugin `acme` cannot be loaded: ZeroDivisionError: division by zero"),
        (RULE + "1 / 0", "the plugin `acme` cannot be loaded: ZeroDivisionError: division by zero"),
        (
            RULE.replace("ACM101", "CHK901"),
            "the plugin `acme` cannot be loaded: ValueError: CHK901 is already the code of rule-failed",
        ),
    ],
    ids=["at once", "after a rule", "a code that is taken"],
)
def test_a_broken_one(installed: Write, write: Write, code: str, said: str) -> None:
    """A finding in the configuration; none of its rules runs, all others do."""
    installed(code)
    write("pyproject.toml", '[tool.lev]\nplugins = ["acme"]\n')
    assert found() == [("CHK907", "pyproject.toml", said)]


def test_one_that_is_not_there(installed: Write, write: Write) -> None:
    """The nearest name is given."""
    installed(RULE)
    write("pyproject.toml", '[tool.lev]\nplugins = ["acne"]\n')
    [item] = check(["AGENTS.md"]).diagnostics
    assert (item.code, item.help) == ("CHK907", "did you mean `acme`?")


def test_its_code_is_part_of_what_is_remembered(installed: Write, write: Write) -> None:
    """When a plugin changes, so does its stamp."""
    installed(RULE)
    before = plugins.stamp(["acme"])
    write("site/acme_rules/__init__.py", RULE + "\n# changed\n")
    assert plugins.stamp(["acme"]) != before
    assert "acme_rules" not in sys.modules
